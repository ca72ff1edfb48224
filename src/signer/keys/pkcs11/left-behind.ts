import { SealError } from '../../../errors.ts';
import { explain } from './events.ts';
import { ecdsaToDer, isEcdsa } from './mechanisms.ts';
import { readLastWords, removeLastWords } from './records.ts';
import type { KeyEffects } from '../effects.ts';
import type { ClaimedResult } from './messages.ts';
import type { CardProcess } from './process.ts';
import type { LastWords } from './records.ts';

/** As `Claimed` of the port, without the certificate. */
export type CardClaim = { readonly kind: 'made'; readonly value: Buffer } | { readonly kind: 'never' };

/** What card processes that ended without a daemon left for the next one: why, and signatures that nobody has recorded yet. */
export class LeftBehind {
  readonly #name: string;
  readonly #directory: string;
  readonly #id: string;
  readonly #fx: Pick<KeyEffects, 'log'>;
  #words: readonly { readonly file: string; readonly words: LastWords }[] = [];
  #news: SealError | undefined;
  #claimed = false;

  constructor(name: string, directory: string, id: string, fx: Pick<KeyEffects, 'log'>) {
    this.#name = name;
    this.#directory = directory;
    this.#id = id;
    this.#fx = fx;
  }

  /** Reads them; those without signatures are told and done with. */
  read(): void {
    const all = readLastWords(this.#directory, this.#id);
    for (const { file, words } of all) {
      if (this.#words.some((known) => known.file === file)) continue;
      const at = new Date(words.at).toISOString();
      this.#fx.log.warn(
        { key: this.#name, at, why: words.why, signatures: words.signatures.length },
        'a card process ended while no daemon ran',
      );
      if (words.active)
        this.#news = new SealError(
          'SEAL-KEY-PIN-NEEDED',
          `${this.#name}: its activation ended at ${at} while no daemon ran: ${words.why}`,
          {
            where: this.#name,
            hint: 'enter the PIN with “sealtree key activate”',
          },
        );
      if (words.signatures.length === 0) removeLastWords(this.#directory, file);
    }
    this.#words = all.filter(({ words }) => words.signatures.length > 0);
  }

  news(): SealError | undefined {
    const news = this.#news;
    this.#news = undefined;
    return news;
  }

  /** @param process that is running now, perhaps since before this daemon */
  async claim(
    requests: readonly { readonly request: string; readonly at: number }[],
    process: CardProcess | undefined,
    limit: number,
  ): Promise<Map<string, CardClaim>> {
    this.read();
    const ids = requests.map(({ request }) => request);
    const answers = process === undefined ? [] : (await process.call('claim', { requests: ids }, limit)).results;
    const found = new Map<string, CardClaim>();
    const since = process?.inherited?.activation?.since ?? Infinity;
    for (const { request, at } of requests) {
      const answer = answers.find((each) => each.request === request);
      const claimed =
        (answer === undefined || answer.kind === 'never' ? this.#lastWord(request) : undefined) ?? judge(this.#name, answer, at >= since);
      if (claimed !== undefined) found.set(request, claimed);
    }
    this.#claimed = true;
    return found;
  }

  /** What was claimed is on disk. */
  recorded(): void {
    if (!this.#claimed) return;
    for (const { file } of this.#words) removeLastWords(this.#directory, file);
    this.#words = [];
  }

  #lastWord(request: string): CardClaim | undefined {
    const signature = this.#words.flatMap(({ words }) => words.signatures).find((each) => each.request === request);
    return signature === undefined
      ? undefined
      : { kind: 'made', value: valueOf(Buffer.from(signature.raw, 'base64'), signature.mechanism) };
  }
}

/** @param present whether the process was there when the request was recorded: what it does not know was not asked of it */
function judge(name: string, answer: ClaimedResult | undefined, present: boolean): CardClaim | undefined {
  if (answer?.kind === 'made') return { kind: 'made', value: valueOf(answer.raw, answer.mechanism) };
  if (answer?.kind === 'never') return present ? { kind: 'never' } : undefined;
  if (answer === undefined) return undefined;
  if (answer.fault.neverAsked === true) return { kind: 'never' };
  const certain = explain(name, answer.fault).then;
  return certain === 'logged-out' || certain === 'refused' || certain === 'locked' || certain === 'none' ? { kind: 'never' } : undefined;
}

function valueOf(raw: Buffer, mechanism: number): Buffer {
  return isEcdsa(mechanism) ? ecdsaToDer(raw) : raw;
}
