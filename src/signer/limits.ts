import { SealError, asSealError } from '../errors.ts';
import { KeyStack } from './stack.ts';
import type { Effects } from '../ports/effects.ts';
import type { Stack } from '../ports/stack-store.ts';
import type { SignatureCounts } from '../ports/batch-store.ts';
import type { PoolKey } from './pool-key.ts';
import type { PoolRules } from './rights.ts';

/**
 * Limits of activations (`maxSignatures`, and the documents of a stack), exact over restarts and crashes: what was signed since the activation began is
 * counted in the database, signatures in doubt included, and from then on here. Time limits are the sources' own.
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
    const { maxSignatures, stack } = this.#rules.keys.get(name) ?? {};
    return (maxSignatures === undefined && stack === undefined) || allowance !== undefined;
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
    poolKey.stack = undefined;
    if (since === undefined) return;
    poolKey.limit = undefined;
    await this.#count(poolKey, since);
  }

  /** Counts anew: what an earlier process left open is settled. */
  async recount(poolKey: PoolKey): Promise<void> {
    if (poolKey.since !== undefined) await this.#count(poolKey, poolKey.since);
  }

  /** Documents of stacks that another key signed, that failed or left with their batch are not waited for. @param keys all of the pool */
  async review(keys: readonly PoolKey[]): Promise<void> {
    for (const poolKey of keys) {
      if (poolKey.stack === undefined || poolKey.since === undefined || poolKey.busy > 0) continue;
      // While its signatures are under way, what is known here is newer.
      await this.#count(poolKey, poolKey.since, () => poolKey.busy === 0);
    }
  }

  /** Also without a limit: a limit that is configured later counts from the begin of the activation. @param current whether the answer still counts */
  async #count(poolKey: PoolKey, since: number, current = (): boolean => true): Promise<void> {
    const { name } = poolKey;
    this.#counting.add(name);
    try {
      const counts = await this.#fx.store.activationCounts(name, since);
      const stack = this.#rules.keys.get(name)?.stack === true ? await this.#fx.store.stackOf(name, since) : undefined;
      if (poolKey.since === since && current()) this.#allow(poolKey, counts, stack);
    } catch (thrown) {
      this.#fx.log.error({ key: name, error: asSealError(thrown).toJSON() }, 'its signatures cannot be counted; the key is not used');
    } finally {
      this.#counting.delete(name);
    }
  }

  #allow(poolKey: PoolKey, { signed, doubt, open }: SignatureCounts, stack: Stack | undefined): void {
    const { maxSignatures = Infinity, stack: demanded } = this.#rules.keys.get(poolKey.name) ?? {};
    if (demanded === true && stack === undefined) poolKey.limit = nothingShown(poolKey.name);
    // Those under way when an earlier process ended may come back: the activation does not end before that is known.
    if ((demanded === true && stack === undefined) || (stack?.open.length === 0 && stack.underWay > 0)) return;
    const left = Math.min(maxSignatures - signed - doubt - open, stack?.open.length ?? Infinity);
    poolKey.stack = stack === undefined ? undefined : new KeyStack(stack);
    if (left !== Infinity) poolKey.allowance = { left };
  }

  /** Ends an activation that is used up; with a configured PIN the next one begins. */
  retire(poolKey: PoolKey): void {
    if (!poolKey.usedUp || poolKey.limit !== undefined) return;
    poolKey.limit = usedUp(poolKey);
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

function usedUp({ name, stack }: PoolKey): SealError {
  const what =
    stack?.size === 0 ? 'the documents that were shown before the PIN are done' : 'the signatures of this activation are used up';
  return new SealError('SEAL-KEY-LIMIT', `${name}: ${what}`, { where: name, hint: 'enter the PIN again with “sealtree key activate”' });
}

function nothingShown(name: string): SealError {
  return new SealError('SEAL-KEY-STACK', `${name}: no documents were shown before its PIN, so it signs none`, {
    where: name,
    hint: `“sealtree key deactivate ${name}”, then “sealtree key activate ${name}” shows what waits`,
  });
}
