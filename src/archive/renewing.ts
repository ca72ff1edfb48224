import { anchorRenewals } from './anchor-renewals.ts';
import { finalToken } from './freeze.ts';
import { planTimestampRenewal, sealTimestampRenewals, type LiveChain, type RenewalPlan } from './renew.ts';
import { pauses, Retries } from './retries.ts';
import { sha256 } from '../formats/digests.ts';
import type { InTurn } from '../model/in-turn.ts';
import type { ClosingEffects, ClosingSettings } from './close.ts';
import type { ErrorReport } from '../errors.ts';
import type { Renewal, RenewalToken } from '../model/renewal.ts';

/** A renewal that waits for its timestamp. */
export interface LateRenewal {
  readonly renewal: Renewal;
  readonly error?: ErrorReport;
}

/** What a timestamp renewal did. */
export interface RenewOutcome {
  readonly anchored: readonly RenewalToken[];
  readonly late: readonly LateRenewal[];
  readonly waiting: RenewalPlan['waiting'];
}

/**
 * Renews timestamps and brings renewals to their end. A renewal is sealed in one transaction and anchored later, also after a kill or a
 * failing authority; its timestamp is frozen like that of a tree.
 */
export class Renewing {
  readonly #fx: ClosingEffects;
  readonly #settings: ClosingSettings;
  readonly #inTurn: InTurn;
  readonly #retries: Retries;
  readonly #resting = new Map<string, number>();
  #error: ErrorReport | undefined;

  /** @param inTurn that of closing: trees are closed and renewed one after the other */
  constructor(fx: ClosingEffects, settings: ClosingSettings, inTurn: InTurn) {
    this.#fx = { ...fx, log: fx.log.child({ module: 'archive' }) };
    this.#settings = settings;
    this.#inTurn = inTurn;
    this.#retries = new Retries(fx);
  }

  /** Anchors what is sealed, freezes what is old enough. Called each minute. @throws only what is no failure of a timestamp authority */
  tick(signal?: AbortSignal): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#retries.mayTry('anchor')) await this.#anchor(signal);
      await this.#freeze(signal);
    });
  }

  /**
   * Renews the timestamps of every tree so far: one new timestamp for each digest in use and each of the independent records (RFC 4998
   * §5.2; evidence-records 9). What an earlier renewal left without timestamp is anchored first.
   */
  renewTimestamps(actor: string, onChain?: (chain: LiveChain) => void, signal?: AbortSignal): Promise<RenewOutcome> {
    return this.#inTurn(async () => {
      const earlier = await this.#anchor(signal);
      if ((await this.late()).length > 0) return { anchored: earlier, late: await this.late(), waiting: [] };
      const plan = await planTimestampRenewal(this.#fx, onChain);
      signal?.throwIfAborted();
      await sealTimestampRenewals(this.#fx, this.#settings, plan, actor);
      const anchored = await this.#anchor(signal);
      return { anchored: [...earlier, ...anchored], late: await this.late(), waiting: plan.waiting };
    });
  }

  /** Work of a hash-tree renewal: alone, and what it leaves sealed is anchored. */
  whileAlone<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<{ readonly result: T; readonly anchored: readonly RenewalToken[] }> {
    return this.#inTurn(async () => {
      const earlier = await this.#anchor(signal);
      const result = await task();
      return { result, anchored: [...earlier, ...(await this.#anchor(signal))] };
    });
  }

  /** Renewals without a timestamp, oldest first. */
  async late(): Promise<LateRenewal[]> {
    const renewals = await this.#fx.store.renewals({ states: ['sealed'] });
    return renewals.map((renewal) => ({ renewal, ...(this.#error === undefined ? {} : { error: this.#error }) }));
  }

  async #anchor(signal: AbortSignal | undefined): Promise<readonly RenewalToken[]> {
    const { anchored, error } = await anchorRenewals(this.#fx, this.#settings, {
      resting: this.#resting,
      ...(signal === undefined ? {} : { signal }),
    });
    this.#error = error?.toJSON();
    if (error === undefined) this.#retries.succeeded('anchor');
    else {
      this.#retries.failed('anchor', pauses.anchor);
      this.#fx.log.error({ error: error.toJSON() }, 'a renewal waits for a timestamp');
    }
    return anchored;
  }

  /** After the grace period, as with trees (evidence-records 15). */
  async #freeze(signal: AbortSignal | undefined): Promise<void> {
    const { clock, log, store } = this.#fx;
    for (const token of await store.unfrozenRenewals()) {
      const key = `freeze ${token.renewal}`;
      if (clock.now() < token.genTime + this.#settings.archive.revocationGrace || !this.#retries.mayTry(key)) continue;
      const { final, missing } = await finalToken(this.#fx, this.#settings.trust, token, signal);
      if (final === undefined) {
        this.#retries.failed(key, pauses.freeze);
        log.warn({ renewal: token.renewal, missing }, 'revocation data later than the timestamp is not there yet');
        continue;
      }
      await store.replaceRenewalToken({ ...token, token: final, frozen: true });
      await store.audit({
        at: clock.now(),
        actor: 'sealtree',
        action: 'token-frozen',
        details: { renewal: token.renewal, tsa: token.tsa, token: sha256(final).toString('hex') },
      });
      this.#retries.succeeded(key);
    }
  }
}
