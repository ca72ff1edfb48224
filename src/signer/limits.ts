import { SealError, asSealError } from '../errors.ts';
import type { Effects } from '../ports/effects.ts';
import type { PoolKey } from './pool-key.ts';
import type { PoolRules } from './rights.ts';

/**
 * Limits of activations (`maxSignatures`), exact over restarts and crashes: what was signed since the activation began is counted in the database,
 * signatures in doubt included, and from then on here. Time limits are the sources' own.
 */
export class Limits {
  readonly #fx: Pick<Effects, 'log' | 'store'>;
  readonly #rules: PoolRules;
  readonly #changed: () => void;
  readonly #counting = new Set<string>();
  readonly #ending = new Set<string>();

  /** @param changed called when a key may be used again, or not */
  constructor(fx: Pick<Effects, 'log' | 'store'>, rules: PoolRules, changed: () => void) {
    this.#fx = fx;
    this.#rules = rules;
    this.#changed = changed;
  }

  /** Whether a key with a limit is counted; the others need not be. */
  known({ name, allowance }: PoolKey): boolean {
    return this.#rules.keys.get(name)?.maxSignatures === undefined || allowance !== undefined;
  }

  /** Whether it is being counted, or its next activation begun: whoever wants it should wait for that. */
  pending(name: string): boolean {
    return this.#counting.has(name) || this.#ending.has(name);
  }

  /** Looks whether the key's activation is another one, and counts it then. */
  async follow(poolKey: PoolKey): Promise<void> {
    const since = poolKey.source.status().activation?.since;
    if (since === poolKey.since) return;
    poolKey.since = since;
    poolKey.allowance = undefined;
    if (since === undefined) return;
    poolKey.limit = undefined;
    await this.#count(poolKey, since);
  }

  /** Counts anew: what an earlier process left open is settled. */
  async recount(poolKey: PoolKey): Promise<void> {
    if (poolKey.since !== undefined) await this.#count(poolKey, poolKey.since);
  }

  /** Also without a limit: a limit that is configured later counts from the begin of the activation. */
  async #count(poolKey: PoolKey, since: number): Promise<void> {
    const most = this.#rules.keys.get(poolKey.name)?.maxSignatures;
    this.#counting.add(poolKey.name);
    try {
      const { signed, doubt, open } = await this.#fx.store.activationCounts(poolKey.name, since);
      if (poolKey.since === since && most !== undefined) poolKey.allowance = { left: most - signed - doubt - open };
    } catch (thrown) {
      this.#fx.log.error(
        { key: poolKey.name, error: asSealError(thrown).toJSON() },
        'its signatures cannot be counted; the key is not used',
      );
    } finally {
      this.#counting.delete(poolKey.name);
    }
  }

  /** Ends an activation that is used up; with a configured PIN the next one begins. */
  retire(poolKey: PoolKey): void {
    if (!poolKey.usedUp || poolKey.limit !== undefined) return;
    poolKey.limit = new SealError('SEAL-KEY-LIMIT', `${poolKey.name}: the signatures of this activation are used up`, {
      where: poolKey.name,
      hint: 'enter the PIN again with “sealtree key activate”',
    });
    this.#fx.log.warn({ key: poolKey.name, error: poolKey.limit.toJSON() }, 'activation used up');
    void this.#end(poolKey);
  }

  async #end({ name, source }: PoolKey): Promise<void> {
    this.#ending.add(name);
    try {
      await source.deactivate();
      await source.open();
    } catch (thrown) {
      this.#fx.log.error({ key: name, error: asSealError(thrown).toJSON() }, 'the activation could not be ended');
    }
    this.#ending.delete(name);
    this.#changed();
  }
}
