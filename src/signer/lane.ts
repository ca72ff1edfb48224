import { SealError, asSealError } from '../errors.ts';
import { NeverAsked } from '../model/never-asked.ts';
import { requestOf, type SigningIntent } from '../model/batch.ts';
import type { SignatureAlgorithm } from '../model/algorithms.ts';
import type { ShownDocument, SigningKey } from '../ports/keys.ts';
import type { Allowance, PoolKey } from './pool-key.ts';
import type { KeyStack, ListedDocument } from './stack.ts';
import type { Turn } from './turn.ts';

/** A place on a key for some documents: prepared for it first, then signed by it. */
export interface Lane {
  readonly key: SigningKey;
  /** Documents it was given for. */
  readonly count: number;
  /** The key signs only what was shown before its PIN. */
  readonly listed: boolean;
  /** Whether it may sign this document: any, unless the key signs only what was shown before its PIN. */
  permits(document: ListedDocument): boolean;
  /** Fewer documents than it was given for: the others could not be prepared. */
  trim(count: number): void;
  /**
   * Waits until the key is free for these documents. Only then are intents recorded.
   * @returns false when it was taken back (another key is free sooner, the key has left, the call was aborted): prepare for another one
   */
  ready(signal: AbortSignal): Promise<boolean>;
  /**
   * Waits until a person has released the document, where the key demands it (SigningKey.attend).
   * @throws SealError SEAL-KEY-PIN-NEEDED when nobody came in time; the signal's reason
   */
  attend(document: ShownDocument, signal: AbortSignal): Promise<void>;
  /**
   * Records that these signatures will be asked of the key: from here on they may exist.
   * @param documents rows @param signingTime claimed in the signatures, UTC ms
   * @throws SealError SEAL-KEY-STACK when the activation does not allow one of them, SEAL-STORE-*, SEAL-DISK-*, SEAL-BATCH-STATE; nothing is recorded then
   */
  intend(documents: readonly number[], signingTime: number): Promise<SigningIntent[]>;
  /**
   * One signature, verified with the certificate's public key unless the key is trusted.
   * @param request see SigningCall; of an intent of this lane where the key signs only what was shown before its PIN
   * @throws SealError SEAL-KEY-*, SEAL-SIGN-BAD; the signal's reason when it had not begun
   */
  sign(data: Buffer, signal: AbortSignal, request?: string): Promise<Buffer>;
  /** The values of these requests are on disk. */
  recorded(requests: readonly string[]): void;
  /** Whether it was released. */
  readonly ended: boolean;
  /** Ends it; signatures that were not made are given back to the activation. May be called twice. */
  release(): void;
}

/** Errors after which a card has certainly not signed, whenever they come. Everything else counts against its limit, unless the key was never asked. */
const unspent: ReadonlySet<string> = new Set([
  'SEAL-KEY-PIN-NEEDED',
  'SEAL-KEY-LIMIT',
  'SEAL-KEY-MECHANISM',
  'SEAL-KEY-PIN-INCORRECT',
  'SEAL-KEY-PIN-LOCKED',
]);

/** Whether a failed call may have used up a signature of the card all the same. */
export function maybeSpent(error: SealError): boolean {
  return !(error instanceof NeverAsked) && !unspent.has(error.code);
}

/** What a batch asks the pool for. */
export interface LaneRequest {
  /** Undefined: a person at the command line. */
  readonly root: string | undefined;
  /** Higher first. */
  readonly priority: number;
  /** Names; the pool checks the rights. */
  readonly keys: readonly string[];
  /** `padding` counts for RSA keys only. */
  readonly algorithm: SignatureAlgorithm;
  /** Documents at hand. */
  readonly wanted: number;
  /** Keys that have just failed for these documents: used only where there is no other. */
  readonly avoid?: ReadonlySet<string>;
  /** The batch's; absent: every request is a turn of its own. */
  readonly turn?: Turn;
  /** Those at hand, as they are at any time; absent: none that a key with a stack could know. */
  readonly documents?: readonly ListedDocument[];
}

/** What a lane was asked for with: whoever takes its documents over must be allowed to. */
export interface LaneOrigin {
  readonly root: string;
  /** Keys with the right, whether they can sign or not. */
  readonly allowed: readonly string[];
  readonly avoid: readonly string[];
  readonly algorithm: SignatureAlgorithm;
  readonly documents: readonly ListedDocument[];
}

export interface LaneEvents {
  /** Writes the intents. @param stack number of the list that allows them */
  intend(lane: PoolLane, documents: readonly number[], signingTime: number, stack: number | undefined): Promise<SigningIntent[]>;
  /** A lane began to wait, or gave documents back. */
  changed(): void;
  /** A place became free. */
  signed(lane: PoolLane): void;
  failed(lane: PoolLane, error: SealError): void;
}

type Phase = 'given' | 'waiting' | 'signing' | 'ended';

/** The pool's side of a lane. */
export class PoolLane implements Lane {
  readonly key: SigningKey;
  readonly count: number;
  readonly poolKey: PoolKey;
  readonly origin: LaneOrigin;
  readonly #algorithm: SignatureAlgorithm;
  readonly #events: LaneEvents;
  /** That of the activation it was given in: what is not spent goes back there, not to the next one. */
  readonly #allowance: Allowance | undefined;
  /** What that activation may sign. */
  readonly #stack: KeyStack | undefined;
  /** Requests that the stack has allowed, each with the way back. */
  readonly #allowed = new Map<string, () => void>();
  #open: number;
  #phase: Phase = 'given';
  /** A place for a signature is held for the first of them. */
  #reserved = false;
  #answer: ((ready: boolean) => void) | undefined;

  constructor(poolKey: PoolKey, key: SigningKey, count: number, origin: LaneOrigin, algorithm: SignatureAlgorithm, events: LaneEvents) {
    this.poolKey = poolKey;
    this.key = key;
    this.count = count;
    this.origin = origin;
    this.#algorithm = algorithm;
    this.#events = events;
    this.#open = count;
    this.#allowance = poolKey.allowance;
    this.#stack = poolKey.stack;
    poolKey.busy += count;
    this.#giveBack(-count);
  }

  get waiting(): boolean {
    return this.#phase === 'waiting';
  }

  /** Documents of it that are not signed. */
  get open(): number {
    return this.#open;
  }

  get ended(): boolean {
    return this.#phase === 'ended';
  }

  trim(count: number): void {
    const fewer = this.#open - count;
    if (fewer <= 0) return;
    this.#open = count;
    this.poolKey.busy -= fewer;
    this.#giveBack(fewer);
    this.#events.changed();
  }

  async ready(signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false;
    this.#phase = 'waiting';
    const back = (): void => {
      this.takeBack();
    };
    signal.addEventListener('abort', back, { once: true });
    const answer = new Promise<boolean>((resolve) => (this.#answer = resolve));
    this.#events.changed();
    try {
      return await answer;
    } finally {
      signal.removeEventListener('abort', back);
    }
  }

  /** Its turn has come, if there is a place (holds it), or will be soon. Called by the pool while it waits. */
  go(): void {
    this.#reserved = this.poolKey.tryEnter(this.key);
    if (!this.#reserved && !this.poolKey.runsLow(this.key)) return;
    this.#phase = 'signing';
    this.#answer?.(true);
  }

  /** Called by the pool while it waits. */
  takeBack(): void {
    if (this.#phase !== 'waiting') return;
    this.release();
    this.#answer?.(false);
  }

  async attend(document: ShownDocument, signal: AbortSignal): Promise<void> {
    try {
      await this.key.attend?.(document, signal);
    } catch (thrown) {
      if (!(signal.aborted && thrown === signal.reason)) this.#events.failed(this, asSealError(thrown));
      throw thrown;
    }
  }

  get listed(): boolean {
    return this.#stack !== undefined;
  }

  permits(document: ListedDocument): boolean {
    return this.#stack?.permits(document) ?? true;
  }

  async intend(documents: readonly number[], signingTime: number): Promise<SigningIntent[]> {
    const intents = await this.#events.intend(this, documents, signingTime, this.#stack?.id);
    if (this.#stack !== undefined) for (const intent of intents) this.#allowed.set(requestOf(intent), this.#stack.take(intent.document));
    return intents;
  }

  /** What was asked for is a document of the stack. @returns gives it back when it was certainly not signed */
  #demandAllowed(request: string | undefined): () => void {
    if (this.#stack === undefined) return () => undefined;
    const back = this.#allowed.get(request ?? '');
    this.#allowed.delete(request ?? '');
    if (back !== undefined) return back;
    throw new SealError('SEAL-KEY-STACK', `${this.poolKey.name}: this is no document that was shown before the PIN`, {
      where: this.poolKey.name,
      hint: '“sealtree key activate” shows what waits',
    });
  }

  async sign(data: Buffer, signal: AbortSignal, request?: string): Promise<Buffer> {
    if (this.#reserved) this.#reserved = false;
    else await this.poolKey.enter(this.key);
    let spent = false;
    let back: (() => void) | undefined;
    try {
      back = this.#demandAllowed(request);
      signal.throwIfAborted();
      spent = true;
      return await this.poolKey.sign(this.key, data, this.#algorithm, request === undefined ? {} : { request });
    } catch (thrown) {
      if (!spent) throw thrown;
      const error = asSealError(thrown);
      spent = maybeSpent(error);
      this.#events.failed(this, error);
      throw error;
    } finally {
      this.#open--;
      this.poolKey.busy--;
      if (!spent) this.#giveBack(1);
      if (!spent) back?.();
      this.poolKey.leave();
      this.#events.signed(this);
    }
  }

  recorded(requests: readonly string[]): void {
    this.poolKey.source.recorded?.(requests);
  }

  release(): void {
    if (this.#phase === 'ended') return;
    this.#phase = 'ended';
    if (this.#reserved) this.poolKey.leave();
    this.#reserved = false;
    this.poolKey.busy -= this.#open;
    this.#giveBack(this.#open);
    this.#open = 0;
    this.#events.changed();
  }

  #giveBack(signatures: number): void {
    if (this.#allowance !== undefined) this.#allowance.left += signatures;
  }
}
