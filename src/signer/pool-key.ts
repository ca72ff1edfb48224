import { parseCertificate } from '../formats/x509.ts';
import { checkSignature } from './check-signature.ts';
import type { KeyObject } from 'node:crypto';
import type { SealError } from '../errors.ts';
import type { SignatureAlgorithm } from '../model/algorithms.ts';
import type { Effects } from '../ports/effects.ts';
import type { KeySource, SigningCall, SigningKey } from '../ports/keys.ts';
import type { KeyStack } from './stack.ts';
import type { KeyLoad } from './schedule.ts';

/** How much of the newest signature's time goes into the pace. */
const newest = 0.2;
const firstRest = 1_000;
const longestRest = 60_000;
/** The next signature may be recorded and handed over this long before the one under way is likely to end, ms and share of its time: a commit to a busy disk takes that. */
const leadShare = 1 / 3;
const shortestLead = 50;
/** Chunks of a software key under way: one prepared, one signed, one finished. */
const chunksUnderWay = 3;

/** How many signatures an activation still allows; a new activation has a new one. */
export interface Allowance {
  left: number;
}

/** One key in the pool: what is under way on it, how fast it is, whether it rests after a failure, how many signatures are left. */
export class PoolKey {
  readonly source: KeySource;
  /** Documents that were given to it and are not signed yet. */
  busy = 0;
  /** Undefined: not limited, or not counted yet. */
  allowance: Allowance | undefined;
  /** The documents that the activation may sign; undefined: any, or none yet where the key's rule demands a stack. */
  stack: KeyStack | undefined;
  /** UTC ms: begin of the activation that `allowance` counts. */
  since: number | undefined;
  /** Set when an activation was used up, until the next one begins. */
  limit: SealError | undefined;
  /** Why it does not sign although its source says it could. */
  rest: { readonly until: number; readonly error: SealError; readonly key: SigningKey } | undefined;
  readonly #fx: Pick<Effects, 'clock'>;
  #signing = 0;
  /** Signatures about to end, whose successors may be handed over. */
  #ending = 0;
  readonly #onRoom: () => void;
  readonly #queue: (() => void)[] = [];
  #pace = 0;
  #failures = 0;
  #known: { readonly key: SigningKey; readonly publicKey: KeyObject } | undefined;

  /** @param onRoom called when a place comes free before a signature has ended */
  constructor(source: KeySource, fx: Pick<Effects, 'clock'>, onRoom: () => void) {
    this.source = source;
    this.#fx = fx;
    this.#onRoom = onRoom;
  }

  get name(): string {
    return this.source.name;
  }

  /** While it can sign: not at rest, not used up. */
  get key(): SigningKey | undefined {
    return this.resting || this.usedUp ? undefined : this.source.key();
  }

  /** ms for one signature, as seen lately; 0: not known. */
  get pace(): number {
    return this.#pace;
  }

  /** Not when the card was activated anew: that is another key to its source. */
  get resting(): boolean {
    return this.rest !== undefined && this.rest.until > this.#fx.clock.monotonic() && this.rest.key === this.source.key();
  }

  /** Nothing is left of the activation, and nothing that could be given back is under way. */
  get usedUp(): boolean {
    return this.allowance !== undefined && this.allowance.left <= 0 && this.busy === 0;
  }

  /** Places for a signature that are free now. */
  free(key: SigningKey): number {
    return Math.max(0, key.concurrency + this.#ending - this.#signing - this.#queue.length);
  }

  load(key: SigningKey): KeyLoad {
    // A card gets one document ahead, so that the next is prepared while it works.
    const most = key.chunk === 1 ? key.concurrency + 1 : Math.max(key.concurrency + 1, chunksUnderWay * key.chunk);
    const room = Math.min(most - this.busy, this.allowance?.left ?? Infinity);
    return { name: this.name, room, busy: this.busy, chunk: key.chunk, concurrency: key.concurrency, pace: this.#pace };
  }

  /** Takes a place if one is free. */
  tryEnter(key: SigningKey): boolean {
    if (this.free(key) === 0) return false;
    this.#signing++;
    return true;
  }

  /**
   * Half a chunk is left: the next one records its intents meanwhile, else the key would wait for that commit after each chunk. Only for keys in our
   * own process: of no other may there be more in doubt after a kill than it works on.
   */
  runsLow(key: SigningKey): boolean {
    return key.trusted === true && key.chunk > 1 && this.#queue.length <= key.chunk / 2;
  }

  /** The moment in which it becomes so. */
  runsLowNow(key: SigningKey): boolean {
    return this.runsLow(key) && this.#queue.length === Math.floor(key.chunk / 2);
  }

  /** Waits for a place; calls of one key are served in their order. */
  async enter(key: SigningKey): Promise<void> {
    if (!this.tryEnter(key)) await new Promise<void>((resolve) => this.#queue.push(resolve));
  }

  /** Gives a place back; it goes to the next in the queue. */
  leave(): void {
    const next = this.#queue.shift();
    if (next === undefined) this.#signing--;
    else next();
  }

  /**
   * One signature, verified unless its key is trusted, in a place that was entered.
   * @throws SealError SEAL-KEY-*, SEAL-SIGN-BAD
   */
  async sign(key: SigningKey, data: Buffer, algorithm: SignatureAlgorithm, call: SigningCall): Promise<Buffer> {
    const began = this.#fx.clock.monotonic();
    const end = this.#foreseeEnd(key);
    try {
      const signature = await key.sign(data, algorithm, call);
      if (key.trusted !== true) await checkSignature(this.name, this.#publicKey(key), algorithm, data, signature);
      const took = this.#fx.clock.monotonic() - began;
      this.#pace = this.#pace === 0 ? took : this.#pace * (1 - newest) + took * newest;
      this.#failures = 0;
      return signature;
    } finally {
      end();
    }
  }

  /** Makes room for the next shortly before this one will have ended. @returns says that it has */
  #foreseeEnd(key: SigningKey): () => void {
    if (key.queues !== true || key.chunk > 1 || this.#pace === 0) return () => undefined;
    let made = false;
    const timer = this.#fx.clock.after(Math.max(0, this.#pace - Math.max(shortestLead, this.#pace * leadShare)), () => {
      made = true;
      this.#ending++;
      this.#onRoom();
    });
    return () => {
      timer.cancel();
      if (made) this.#ending--;
    };
  }

  /** Rests after a failure, longer each time it fails again; failures during a rest count no more. @returns ms, or undefined when it need not, because it
   * does already or its card has left */
  failed(key: SigningKey, error: SealError): number | undefined {
    if (this.resting || key !== this.source.key()) return undefined;
    const ms = Math.min(longestRest, firstRest * 2 ** Math.min(this.#failures++, 6));
    this.rest = { until: this.#fx.clock.monotonic() + ms, error, key };
    return ms;
  }

  #publicKey(key: SigningKey): KeyObject {
    if (this.#known?.key !== key) this.#known = { key, publicKey: parseCertificate(key.chain[0] ?? Buffer.alloc(0)).publicKey() };
    return this.#known.publicKey;
  }
}
