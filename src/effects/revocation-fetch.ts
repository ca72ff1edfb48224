import { asSealError, SealError } from '../errors.ts';
import { displayName } from '../formats/names.ts';
import { AnswerCache } from './revocation-cache.ts';
import type { Effects } from '../ports/effects.ts';
import type { HttpRequest } from '../ports/http.ts';

/** Validity as the answer states it, UTC ms. */
export interface Dated {
  readonly thisUpdate: number;
  readonly nextUpdate?: number | undefined;
}

/** One question to one address. */
export interface Question {
  /** Tells it from all others, and names the cached answer. */
  readonly key: string;
  readonly request: Pick<HttpRequest, 'url' | 'method' | 'headers' | 'body' | 'timeout' | 'maxBytes'>;
}

export interface Reply<T> {
  readonly value?: T;
  /** Why there is no fresher answer. */
  readonly failure?: string;
}

/** ms until an address is asked again after an answer that was no fresher, or none. */
const pause = 30_000;
/** ms that an issuer's clock may be ahead of ours. */
const tolerance = 10 * 60_000;

/**
 * Asks servers and remembers what they said: one request an address at a time, whoever waits for it; a server that fails or has nothing
 * fresher is left alone for a while.
 */
export class Fetcher<T extends Dated> {
  readonly #fx: Pick<Effects, 'clock' | 'files' | 'http' | 'log'>;
  readonly #cache: AnswerCache<T>;
  readonly #parse: (body: Buffer) => T;
  readonly #allowHosts: ReadonlySet<string>;
  readonly #asking = new Map<string, Promise<Reply<T>>>();
  readonly #asked = new Map<string, { readonly at: number; readonly failure?: string }>();

  /**
   * @param parse of an answer's body; hostile
   * @param allowHosts host names, or host:port, that may be private addresses
   */
  constructor(
    fx: Pick<Effects, 'clock' | 'files' | 'http' | 'log'>,
    directory: string | undefined,
    parse: (body: Buffer) => T,
    allowHosts: readonly string[],
  ) {
    this.#fx = fx;
    this.#parse = parse;
    this.#cache = new AnswerCache(fx, directory, parse);
    this.#allowHosts = new Set(allowHosts.map((host) => host.toLowerCase()));
  }

  /** The cached answer when it is fresh enough, else a new one; the old one with the failure when that cannot be had. Never rejects. */
  async ask(question: Question, freshAfter: number): Promise<Reply<T>> {
    const known = await this.#cache.get(question.key);
    if (known !== undefined && isFresh(known, freshAfter, this.#fx.clock.now())) return { value: known };
    const running = this.#asking.get(question.key);
    if (running !== undefined) return await running;
    const last = this.#asked.get(question.key);
    if (last !== undefined && this.#fx.clock.monotonic() - last.at < pause) return reply(known, last.failure);
    const asking = this.#fetch(question, known).finally(() => this.#asking.delete(question.key));
    this.#asking.set(question.key, asking);
    return await asking;
  }

  async #fetch(question: Question, known: T | undefined): Promise<Reply<T>> {
    const { clock, http, log } = this.#fx;
    const { url } = question.request;
    try {
      const { status, body } = await http.request({ ...question.request, allowPrivate: this.#isAllowed(url) });
      if (status !== 200) throw new SealError('SEAL-HTTP', `HTTP status ${status}`);
      const value = this.#parse(body);
      if (value.thisUpdate > clock.now() + tolerance) throw new SealError('SEAL-INPUT-INVALID', 'the answer is dated in the future');
      this.#note(question.key);
      // An older answer than the one we have is a replay, or a server behind the others.
      if (known !== undefined && known.thisUpdate > value.thisUpdate) return { value: known };
      await this.#cache.put(question.key, value, body);
      return { value };
    } catch (thrown) {
      const error = asSealError(thrown);
      const failure = `${displayName(url.slice(0, 200))}: ${error.message}`;
      this.#note(question.key, failure);
      log.warn({ url: displayName(url.slice(0, 200)), error: error.toJSON() }, 'revocation data cannot be fetched');
      return reply(known, failure);
    }
  }

  #note(key: string, failure?: string): void {
    const now = this.#fx.clock.monotonic();
    for (const [other, { at }] of this.#asked) {
      if (now - at < pause) break;
      this.#asked.delete(other);
    }
    this.#asked.delete(key);
    this.#asked.set(key, failure === undefined ? { at: now } : { at: now, failure });
  }

  #isAllowed(url: string): boolean {
    if (!URL.canParse(url)) return false;
    const { hostname, port, protocol } = new URL(url);
    return this.#allowHosts.has(hostname) || this.#allowHosts.has(`${hostname}:${port === '' ? (protocol === 'https:' ? 443 : 80) : port}`);
  }
}

function reply<T>(value: T | undefined, failure: string | undefined): Reply<T> {
  return { ...(value === undefined ? {} : { value }), ...(failure === undefined ? {} : { failure }) };
}

/** Whether an answer is later than wanted, and still valid. */
export function isFresh({ thisUpdate, nextUpdate }: Dated, freshAfter: number, now: number): boolean {
  return thisUpdate > freshAfter && (nextUpdate === undefined || nextUpdate > now);
}
