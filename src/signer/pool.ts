import { SealError } from '../errors.ts';
import { Limits } from './limits.ts';
import { PoolLane } from './lane.ts';
import { algorithmFor } from './parameters.ts';
import { PoolKey } from './pool-key.ts';
import { PoolKeys } from './pool-keys.ts';
import { allowedKeys } from './rights.ts';
import { schedule, steal } from './schedule.ts';
import { newTurn, spendTurn, takeTurn } from './turn.ts';
import type { Lane, LaneOrigin, LaneRequest } from './lane.ts';
import type { PoolView } from './pool-keys.ts';
import type { PoolRules } from './rights.ts';
import type { Claim, KeyLoad } from './schedule.ts';
import type { Turn } from './turn.ts';
import type { Timer } from '../ports/clock.ts';
import type { Effects } from '../ports/effects.ts';

export type PoolEffects = Pick<Effects, 'clock' | 'keys' | 'log' | 'store'>;

/** ms between two looks at what is left of stacks. */
const reviewMs = 5_000;

interface Pending extends Pick<Claim, 'id' | 'priority' | 'wanted'> {
  readonly origin: LaneOrigin;
  readonly turn: Turn;
  readonly resolve: (lane: Lane) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * All keys of the daemon and the batches that want them: rights, limits, priority, fairness between roots, work-stealing. Keys come and go while
 * it runs. What to give to whom is decided in schedule.ts.
 */
export class SigningPool {
  /** TSAs that failed a moment ago, for all batches (pki/tsa-selection). */
  readonly tsaRests = new Map<string, number>();
  readonly #fx: PoolEffects;
  readonly #rules: PoolRules;
  readonly #keys: PoolKeys;
  readonly #lanes = new Set<PoolLane>();
  readonly #pending: Pending[] = [];
  readonly #served = new Map<string, number>();
  readonly #limits: Limits;
  /** Idle keys for which a chunk was taken back and has not asked anew. */
  readonly #promised = new Set<string>();
  readonly #listeners: (() => void)[] = [];
  readonly #review: Timer | undefined;
  #lastId = 0;
  #lastTurn = 0;
  #dealing = false;
  #again = false;
  #closed = false;

  constructor(fx: PoolEffects, rules: PoolRules) {
    this.#fx = fx;
    this.#rules = rules;
    const deal = (): void => {
      this.#deal();
    };
    this.#limits = new Limits(fx, rules, deal);
    this.#keys = new PoolKeys(
      fx.keys.map((source) => new PoolKey(source, fx, deal)),
      this.#limits,
    );
    for (const key of this.#keys.all) {
      key.source.onChange(() => void this.#sourceChanged(key));
      void this.#sourceChanged(key);
    }
    if ([...rules.keys.values()].some(({ stack }) => stack === true)) this.#review = fx.clock.every(reviewMs, () => this.#reviewStacks());
  }

  /** Calls when a key came, went, was activated or used up: waiting batches should try again. */
  onChange(call: () => void): void {
    this.#listeners.push(call);
  }

  /**
   * A lane on the best key, as soon as one has room.
   * @throws SealError SEAL-KEY-UNKNOWN, SEAL-KEY-DENIED, SEAL-KEY-MECHANISM (not retryable: the configuration does not fit); any SEAL-KEY-* that is
   *   retryable when no allowed key can sign now: the batch waits. The signal's reason when aborted.
   */
  async acquire(request: LaneRequest, signal: AbortSignal): Promise<Lane> {
    signal.throwIfAborted();
    if (this.#closed) throw new SealError('SEAL-INTERRUPTED', 'the keys are being closed');
    const allowed = allowedKeys(this.#rules, request.root, request.keys);
    const root = request.root ?? '';
    this.#join(root);
    this.#promised.clear();
    const { promise, resolve, reject } = Promise.withResolvers<Lane>();
    const { algorithm, priority, wanted, avoid, turn = newTurn(), documents = [] } = request;
    takeTurn(turn, () => ++this.#lastTurn);
    const origin: LaneOrigin = { root, allowed, avoid: [...(avoid ?? [])], algorithm, documents };
    const pending: Pending = { id: ++this.#lastId, origin, turn, priority, wanted, resolve, reject };
    const aborted = (): void => {
      if (this.#drop(pending)) reject(signal.reason);
    };
    signal.addEventListener('abort', aborted, { once: true });
    this.#pending.push(pending);
    this.#deal();
    try {
      return await promise;
    } finally {
      signal.removeEventListener('abort', aborted);
    }
  }

  view(): PoolView[] {
    return this.#keys.view();
  }

  /** Counts anew what activations allow, after intents of an earlier process were settled and before anything is signed. */
  async recount(): Promise<void> {
    await Promise.all(this.#keys.all.map((key) => this.#limits.recount(key)));
    this.#deal();
  }

  /** Whether the list of an activation names documents of this batch. */
  names(batch: string): boolean {
    return this.#keys.all.some(({ stack }) => stack?.names(batch) === true);
  }

  /** Lets nobody in any more; lanes that are out end by themselves. The sources are closed by whoever opened them. */
  close(): void {
    this.#closed = true;
    this.#review?.cancel();
    for (const { reject } of this.#pending.splice(0)) reject(new SealError('SEAL-INTERRUPTED', 'the keys are being closed'));
  }

  /** A root that comes anew starts where the others are: it has not saved up anything. */
  #join(root: string): void {
    const active = new Set([...this.#pending, ...this.#lanes].map(({ origin }) => origin.root));
    if (active.has(root) || active.size === 0) return;
    const least = Math.min(...[...active].map((other) => this.#served.get(other) ?? 0));
    this.#served.set(root, Math.max(this.#served.get(root) ?? 0, least));
  }

  #drop(pending: Pending): boolean {
    const index = this.#pending.indexOf(pending);
    if (index >= 0) this.#pending.splice(index, 1);
    return index >= 0;
  }

  /** Deals what can be dealt; a change while it deals makes it deal once more. */
  #deal(): void {
    this.#again = true;
    if (this.#dealing) return;
    this.#dealing = true;
    try {
      while (this.#again) {
        this.#again = false;
        this.#grant();
        this.#call();
        this.#steal();
        for (const key of this.#keys.all) this.#limits.retire(key);
        this.#refuse();
      }
    } finally {
      this.#dealing = false;
    }
  }

  #grant(): void {
    const loads = new Map<string, KeyLoad>();
    const claims = this.#pending.flatMap(({ id, priority, wanted, origin, turn }) => {
      const usable = this.#keys.usable(origin);
      for (const { load } of usable) loads.set(load.name, load);
      const keys = usable.map(({ load }) => load.name);
      return keys.length === 0 ? [] : [{ id, turn: turn.place, priority, wanted, root: origin.root, avoid: origin.avoid, keys }];
    });
    for (const { claim, key: name, count: given } of schedule([...loads.values()], claims, this.#served)) {
      const pending = this.#pending.find(({ id }) => id === claim);
      const poolKey = this.#keys.get(name);
      const key = poolKey?.key;
      if (pending === undefined || poolKey === undefined || key === undefined) continue;
      this.#drop(pending);
      const { origin, turn } = pending;
      const count = poolKey.stack?.among(origin.documents, given) ?? given;
      spendTurn(turn, (count * poolKey.pace) / key.concurrency);
      this.#served.set(origin.root, (this.#served.get(origin.root) ?? 0) + count);
      const lane = new PoolLane(poolKey, key, count, origin, algorithmFor(key, origin.algorithm), this.#events);
      this.#lanes.add(lane);
      pending.resolve(lane);
    }
  }

  readonly #events = {
    intend: async ({ key }: PoolLane, documents: readonly number[], signingTime: number, stack: number | undefined) =>
      await this.#fx.store.recordIntents(key.name, documents, this.#fx.clock.now(), key.trusted === true, signingTime, stack),
    changed: (): void => {
      this.#deal();
    },
    signed: (lane: PoolLane): void => {
      if (this.#matters(lane)) this.#deal();
    },
    failed: ({ poolKey, key }: PoolLane, error: SealError): void => {
      const ms = poolKey.failed(key, error);
      if (ms === undefined) return;
      this.#fx.log.warn({ key: poolKey.name, error: error.toJSON(), restMs: ms }, 'a signature failed; the key rests');
      this.#fx.clock.after(ms, () => {
        this.#deal();
        this.#tell();
      });
    },
  };

  /** Whether one signature more can change what is dealt. A fast key makes thousands a second, and mostly neither a place nor room is there. */
  #matters({ poolKey, key }: PoolLane): boolean {
    if (this.#keys.size > 1 || key.chunk === 1 || poolKey.allowance !== undefined || poolKey.free(key) > 0 || poolKey.runsLowNow(key))
      return true;
    const { room, busy, chunk } = poolKey.load(key);
    return this.#pending.some(({ wanted }) => room >= Math.min(wanted, chunk, busy));
  }

  /** Lanes whose turn has come, in the order in which they wait; those whose key has left are taken back. */
  #call(): void {
    for (const lane of [...this.#lanes]) {
      if (lane.ended) this.#lanes.delete(lane);
      else if (lane.waiting && lane.poolKey.key !== lane.key) lane.takeBack();
      else if (lane.waiting) lane.go();
    }
  }

  #steal(): void {
    const waiting = [...this.#lanes].filter((lane) => lane.waiting);
    if (waiting.length === 0) return;
    const keys = this.#keys.loads();
    const idle = [...keys.values()].filter((load) => load.busy === 0 && !this.#promised.has(load.name));
    const chunks = waiting.map(({ poolKey, origin, open }) => {
      const usable = this.#keys.usable(origin).map(({ load }) => load.name);
      return { key: poolKey.name, count: open, claim: { keys: usable, avoid: origin.avoid } };
    });
    const stolen = steal(idle, chunks, keys);
    if (stolen === undefined) return;
    this.#promised.add(stolen.to);
    waiting[stolen.index]?.takeBack();
  }

  /** Batches that no key can sign for now. */
  #refuse(): void {
    for (const pending of [...this.#pending]) {
      if (this.#keys.usable(pending.origin).length > 0) continue;
      if (pending.origin.allowed.some((name) => this.#limits.pending(name))) continue;
      this.#drop(pending);
      pending.reject(this.#keys.whyNone(pending.origin));
    }
  }

  async #reviewStacks(): Promise<void> {
    await this.#limits.review(this.#keys.all);
    this.#deal();
  }

  async #sourceChanged(poolKey: PoolKey): Promise<void> {
    await this.#limits.follow(poolKey);
    this.#deal();
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
