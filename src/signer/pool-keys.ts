import { SealError, type ErrorReport } from '../errors.ts';
import { explainBlockage } from './blockage.ts';
import { algorithmFor } from './parameters.ts';
import type { SigningKey } from '../ports/keys.ts';
import type { LaneOrigin } from './lane.ts';
import type { Limits } from './limits.ts';
import type { PoolKey } from './pool-key.ts';
import type { KeyLoad } from './schedule.ts';

/** A key as `status` and metrics show it. */
export interface PoolView {
  readonly key: string;
  /** Documents under way on it. */
  readonly busy: number;
  /** ms for one signature, as seen lately; 0: not known. */
  readonly pace: number;
  readonly signaturesLeft?: number;
  /** Why it rests although its source says that it could sign. */
  readonly rest?: ErrorReport;
}

/** A key that can sign now. */
export interface UsableKey {
  readonly poolKey: PoolKey;
  readonly key: SigningKey;
  readonly load: KeyLoad;
}

type Wanted = Pick<LaneOrigin, 'allowed' | 'algorithm' | 'documents'>;

/** The keys of the pool by name: which of them can sign what, and why none can. */
export class PoolKeys {
  readonly #keys: ReadonlyMap<string, PoolKey>;
  readonly #limits: Pick<Limits, 'known'>;

  constructor(keys: readonly PoolKey[], limits: Pick<Limits, 'known'>) {
    this.#keys = new Map(keys.map((key) => [key.name, key]));
    this.#limits = limits;
  }

  get all(): readonly PoolKey[] {
    return [...this.#keys.values()];
  }

  get size(): number {
    return this.#keys.size;
  }

  get(name: string): PoolKey | undefined {
    return this.#keys.get(name);
  }

  /** Of the allowed keys those that can sign some of the documents now, in their order. */
  usable({ allowed, algorithm, documents }: Wanted): readonly UsableKey[] {
    const usable = allowed.flatMap((name) => {
      const found = this.#ready(this.#keys.get(name));
      if (found === undefined || found.poolKey.stack?.among(documents, 1) === 0) return [];
      return found.key.supports(algorithmFor(found.key, algorithm)) ? [found] : [];
    });
    // A key that waits for a person for each document must not hold up what another one does at once.
    const alone = usable.filter(({ key }) => key.attend === undefined);
    return alone.length > 0 ? alone : usable;
  }

  /** Of all keys that can sign now. */
  loads(): ReadonlyMap<string, KeyLoad> {
    return new Map(this.all.flatMap((poolKey) => this.#ready(poolKey) ?? []).map(({ load }) => [load.name, load]));
  }

  #ready(poolKey: PoolKey | undefined): UsableKey | undefined {
    const key = poolKey?.key;
    return poolKey === undefined || key === undefined || !this.#limits.known(poolKey)
      ? undefined
      : { poolKey, key, load: poolKey.load(key) };
  }

  view(): PoolView[] {
    return this.all.map((key) => ({
      key: key.name,
      busy: key.busy,
      pace: key.pace,
      ...(key.allowance === undefined ? {} : { signaturesLeft: Math.max(0, key.allowance.left) }),
      ...(key.resting && key.rest !== undefined ? { rest: key.rest.error.toJSON() } : {}),
    }));
  }

  /** Why none of the allowed keys signs; retryable unless they never can. */
  whyNone({ allowed, algorithm, documents }: Wanted): SealError {
    const blocked = allowed
      .flatMap((name) => this.#keys.get(name) ?? [])
      .filter((poolKey) => poolKey.key === undefined || !this.#limits.known(poolKey) || poolKey.stack?.among(documents, 1) === 0);
    if (blocked.length === 0)
      return new SealError('SEAL-KEY-MECHANISM', `${allowed.join(', ')}: not made for ${algorithm.padding ?? ''} ${algorithm.digest}`, {
        hint: 'choose another digest or padding in the profile, or another key',
      });
    return explainBlockage(blocked.map((key) => ({ name: key.name, status: key.source.status(), ...reasonOf(key) })));
  }
}

function reasonOf({ name, key, resting, rest, limit, stack }: PoolKey): { readonly reason?: SealError } {
  if (resting && rest !== undefined) return { reason: rest.error };
  if (limit !== undefined) return { reason: limit };
  return key === undefined || stack === undefined ? {} : { reason: notInStack(name) };
}

function notInStack(name: string): SealError {
  return new SealError('SEAL-KEY-STACK', `${name} signs the documents that were shown before its PIN, and these are not among them`, {
    where: name,
    hint: `when those are done, or after “sealtree key deactivate ${name}”, “sealtree key activate ${name}” shows what waits`,
  });
}
