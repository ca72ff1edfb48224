import { inTurn } from '../../../model/in-turn.ts';
import { isOpenSc, writeOpenScConf } from './opensc.ts';
import { Scout } from './scout.ts';
import type { KeyEffects } from '../effects.ts';
import type { Timer } from '../../../ports/clock.ts';
import type { FoundToken, ScoutOptions } from './scout.ts';

/** Who may hold a card: identity only. */
export type Holder = object;

/** Whether this is the card somebody looks for; the higher the better, 0: it is not. */
export type Judge = (token: FoundToken) => number;

/** ms a look at the readers counts for everybody who asks. */
const lookCounts = 900;
/** ms without a question after which the scout ends. */
const scoutRests = 5_000;

/**
 * The readers of one PKCS#11 module, and which card belongs to whom. OpenSC lets a process touch every reader when it asks for cards, and waits for ever
 * at a card that another process has logged in to; so a card process is bound to its own reader (`others`), and cards are looked for by a scout that
 * leaves alone the readers that are held.
 */
export class Readers {
  readonly #options: ScoutOptions;
  readonly #fx: KeyEffects;
  readonly #held = new Map<Holder, FoundToken | string>();
  /** Every reader ever seen, with the number of its slot while nothing was left out. */
  readonly #known = new Map<string, number | undefined>();
  #scout: { readonly process: Scout; readonly without: string } | undefined;
  #tokens: { readonly at: number; readonly tokens: readonly FoundToken[] } | undefined;
  #rest: Timer | undefined;
  readonly #inTurn = inTurn();
  readonly #expected = new Set<Holder>();
  #allSettled = Promise.withResolvers<undefined>();

  constructor(options: ScoutOptions, fx: KeyEffects) {
    this.#options = options;
    this.#fx = fx;
  }

  /** This holder may have a card process from an earlier daemon: nobody looks around until it has said so with `settled`. */
  expect(holder: Holder): void {
    if (this.#expected.size === 0) this.#allSettled = Promise.withResolvers<undefined>();
    this.#expected.add(holder);
  }

  /** @param reader where its card process is already */
  settled(holder: Holder, reader?: string): void {
    if (reader !== undefined) this.#hold(holder, reader);
    this.#expected.delete(holder);
    if (this.#expected.size === 0) this.#allSettled.resolve(undefined);
  }

  /**
   * The card for a holder, from now on its own until `release`: nobody else gets it, and the scout does not touch its reader any more.
   * @returns undefined when no such card is there
   * @throws CardFault, SealError SEAL-KEY-DEVICE
   */
  async seek(holder: Holder, judge: Judge): Promise<FoundToken | undefined> {
    if (this.#expected.size > 0) await this.#allSettled.promise;
    return await this.#inTurn(async () => {
      const taken = new Set([...this.#held.values()].map(readerOf));
      const ranked = (await this.#look())
        .filter(({ reader }) => !taken.has(reader) || !isOpenSc(this.#options.module))
        .filter((token) => !this.#isHeld(token))
        .map((token) => ({ token, rank: judge(this.#numbered(token)) }))
        .filter(({ rank }) => rank > 0);
      const best = ranked.reduce<(typeof ranked)[number] | undefined>((a, b) => (a === undefined || b.rank > a.rank ? b : a), undefined);
      if (best === undefined) return undefined;
      this.#hold(holder, best.token);
      if (isOpenSc(this.#options.module)) await this.#endScout();
      return best.token;
    });
  }

  release(holder: Holder): void {
    if (this.#held.delete(holder)) this.#tokens = undefined;
  }

  /** Names of the readers that a process at this one must leave alone. */
  others(reader: string): string[] {
    return [...this.#known.keys()].filter((name) => name !== reader).sort();
  }

  /** What lies in the readers and belongs to nobody, as seen last. */
  get free(): readonly FoundToken[] {
    return (this.#tokens?.tokens ?? []).filter((token) => !this.#isHeld(token));
  }

  /** Nobody looks for cards any more. */
  async close(): Promise<void> {
    await this.#inTurn(() => this.#endScout());
  }

  #hold(holder: Holder, card: FoundToken | string): void {
    this.#held.set(holder, card);
    const reader = readerOf(card);
    if (!this.#known.has(reader)) this.#known.set(reader, undefined);
  }

  #isHeld({ reader, serial, label }: FoundToken): boolean {
    return [...this.#held.values()].some((held) =>
      typeof held === 'string' ? held === reader : held.reader === reader && held.serial === serial && held.label === label,
    );
  }

  /** The number of its slot when every reader is counted: without the held ones it is another. */
  #numbered(token: FoundToken): FoundToken {
    return { ...token, slot: this.#known.get(token.reader) ?? token.slot };
  }

  async #look(): Promise<readonly FoundToken[]> {
    const { clock } = this.#fx;
    if (this.#tokens !== undefined && clock.monotonic() - this.#tokens.at < lookCounts) return this.#tokens.tokens;
    const scout = await this.#running();
    const { readers, tokens } = await scout.process.look();
    for (const reader of readers) {
      const slot = tokens.find((token) => token.reader === reader)?.slot;
      if (!this.#known.has(reader) || (scout.without === '' && slot !== undefined))
        this.#known.set(reader, scout.without === '' ? slot : undefined);
    }
    this.#tokens = { at: clock.monotonic(), tokens };
    this.#rest?.cancel();
    this.#rest = clock.after(scoutRests, () => void this.close());
    return tokens;
  }

  /** The scout, started anew when other readers are held than when it was. */
  async #running(): Promise<{ readonly process: Scout; readonly without: string }> {
    const held = isOpenSc(this.#options.module) ? [...new Set([...this.#held.values()].map(readerOf))].sort() : [];
    const without = held.join('\n');
    if (this.#scout !== undefined && !this.#scout.process.over && this.#scout.without === without) return this.#scout;
    await this.#endScout();
    const environment = { ...this.#options.environment };
    if (isOpenSc(this.#options.module)) environment['OPENSC_CONF'] ??= await writeOpenScConf(this.#fx, held);
    this.#scout = { process: new Scout({ ...this.#options, environment }, this.#fx), without };
    return this.#scout;
  }

  async #endScout(): Promise<void> {
    const scout = this.#scout;
    this.#scout = undefined;
    await scout?.process.end();
  }
}

function readerOf(card: FoundToken | string): string {
  return typeof card === 'string' ? card : card.reader;
}
