import { asSealError } from '../errors.ts';
import { sha256 } from '../formats/digests.ts';
import { joinPath } from '../formats/names.ts';
import type { Effects } from '../ports/effects.ts';

/** Answers kept in memory, and bytes of them; the oldest go first. They stay on disk. */
const maxEntries = 2_000;
const maxBytes = 256 * 2 ** 20;
const maxFile = 64 * 2 ** 20;
/** ms: an answer that nobody replaced for so long is removed from disk. */
const keepFor = 90 * 86_400_000;

/** An answer of a server, parsed. */
export interface Answer<T> {
  readonly value: T;
  readonly bytes: number;
}

/**
 * What servers answered, by address: in memory, and in a directory so that a restart does not ask for everything again. The files are a
 * convenience: one that cannot be written or read is as good as none.
 */
export class AnswerCache<T> {
  readonly #fx: Pick<Effects, 'clock' | 'files' | 'log'>;
  readonly #directory: string | undefined;
  readonly #parse: (bytes: Buffer) => T;
  readonly #entries = new Map<string, Answer<T>>();
  #bytes = 0;
  #prepared: Promise<void> | undefined;

  /**
   * @param directory absolute; made when it is needed; absent: memory only
   * @param parse of the kept bytes; what it refuses is not there
   */
  constructor(fx: Pick<Effects, 'clock' | 'files' | 'log'>, directory: string | undefined, parse: (bytes: Buffer) => T) {
    this.#fx = fx;
    this.#directory = directory;
    this.#parse = parse;
  }

  /** The last answer for this key, if there is one. */
  async get(key: string): Promise<T | undefined> {
    const known = this.#entries.get(key);
    if (known !== undefined || this.#directory === undefined) return known?.value;
    try {
      const bytes = await this.#fx.files.read(fileOf(this.#directory, key), maxFile);
      const value = this.#parse(bytes);
      this.#remember(key, { value, bytes: bytes.length });
      return value;
    } catch {
      return undefined;
    }
  }

  /** Keeps an answer; on disk when this resolves, if the disk allows. */
  async put(key: string, value: T, bytes: Buffer): Promise<void> {
    this.#remember(key, { value, bytes: bytes.length });
    if (this.#directory === undefined) return;
    try {
      await (this.#prepared ??= this.#prepare(this.#directory));
      await this.#fx.files.writeDurable(fileOf(this.#directory, key), bytes, 0o600);
    } catch (thrown) {
      this.#prepared = undefined;
      this.#fx.log.warn({ error: asSealError(thrown).toJSON() }, 'revocation data could not be kept on disk');
    }
  }

  #remember(key: string, answer: Answer<T>): void {
    this.#forget(key);
    this.#entries.set(key, answer);
    this.#bytes += answer.bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= 1 || (this.#entries.size <= maxEntries && this.#bytes <= maxBytes)) return;
      this.#forget(oldest);
    }
  }

  #forget(key: string): void {
    this.#bytes -= this.#entries.get(key)?.bytes ?? 0;
    this.#entries.delete(key);
  }

  async #prepare(directory: string): Promise<void> {
    const { clock, files } = this.#fx;
    await files.makeDirectory(directory, 0o700);
    for await (const { name } of files.list(directory)) {
      const path = joinPath(directory, name);
      const info = await files.stat(path);
      if (info?.kind === 'file' && clock.now() - Number(BigInt(info.mtimeNs) / 1_000_000n) > keepFor) await files.remove(path);
    }
  }
}

function fileOf(directory: string, key: string): Buffer {
  return joinPath(directory, `${sha256(Buffer.from(key, 'latin1')).toString('hex')}.der`);
}
