import { parseCrl } from '../formats/crl.ts';
import { crlDue, encodeCrl } from './crl.ts';
import type { Effects } from '../ports/effects.ts';
import type { Timer } from '../ports/clock.ts';
import type { EvaluationAuthority } from './authority.ts';
import type { CrlPeriod } from './crl.ts';
import type { IssuerName } from './registry.ts';

export interface CrlSettings {
  /** Directory for evaluation-root.crl and evaluation-issuing.crl (DER); made when it is missing. */
  readonly dir: string;
  /** ms between two CRLs of an issuer. */
  readonly interval: number;
  /** ms from thisUpdate to nextUpdate. */
  readonly validity: number;
}

const hour = 3_600_000;
/** A CRL each hour, each good for 30 days: a stopped daemon does not spoil yesterday's signatures. */
export const usualCrls = { interval: hour, validity: 30 * 24 * hour } as const;

const issuers: readonly IssuerName[] = ['root', 'issuing'];
const maxBytes = 64 * 2 ** 20;

interface Published {
  readonly der: Buffer;
  readonly period: CrlPeriod;
  readonly number: bigint;
}

/** Keeps the CRLs of both CAs fresh, on disk and in memory. */
export class CrlPublisher {
  readonly #fx: Pick<Effects, 'clock' | 'files' | 'log'>;
  readonly #authority: Pick<EvaluationAuthority, IssuerName | 'registry'>;
  readonly #settings: CrlSettings;
  readonly #current = new Map<string, Published>();
  #timer: Timer | undefined;

  constructor(
    fx: Pick<Effects, 'clock' | 'files' | 'log'>,
    authority: Pick<EvaluationAuthority, IssuerName | 'registry'>,
    settings: CrlSettings,
  ) {
    this.#fx = fx;
    this.#authority = authority;
    this.#settings = settings;
  }

  /** DER of the newest CRL. */
  crl(issuer: string): Buffer | undefined {
    return this.#current.get(issuer)?.der;
  }

  path(issuer: IssuerName): string {
    return `${this.#settings.dir}/evaluation-${issuer}.crl`;
  }

  /**
   * Makes the CRLs that are due and writes them; a sound one on disk is kept until then.
   * @param always makes both, for a revocation that should be known at once
   * @returns paths that were written
   */
  async refresh(always = false): Promise<string[]> {
    const written: string[] = [];
    for (const issuer of issuers) {
      const known = this.#current.get(issuer) ?? (await this.#read(issuer));
      if (!always && known !== undefined && !crlDue(known.period, this.#fx.clock.now(), this.#settings.interval)) {
        this.#current.set(issuer, known);
        continue;
      }
      written.push(await this.#publish(issuer, known?.number ?? 0n));
    }
    return written;
  }

  /** Looks each minute whether a CRL is due; a failure is logged and tried again. */
  start(): void {
    this.#timer ??= this.#fx.clock.every(60_000, async () => {
      try {
        await this.refresh();
      } catch (error) {
        this.#fx.log.warn({ err: error }, 'the CRLs of the evaluation authority could not be renewed');
      }
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  async #read(issuer: IssuerName): Promise<Published | undefined> {
    const path = this.path(issuer);
    if ((await this.#fx.files.stat(path)) === undefined) return undefined;
    try {
      const der = await this.#fx.files.read(path, maxBytes);
      const { thisUpdate, nextUpdate = thisUpdate, cRLNumber: number = 0n } = parseCrl(der);
      return { der, period: { thisUpdate, nextUpdate }, number };
    } catch (error) {
      this.#fx.log.warn({ err: error, path }, 'a damaged CRL is made anew');
      return undefined;
    }
  }

  async #publish(issuer: IssuerName, last: bigint): Promise<string> {
    const now = this.#fx.clock.now();
    // The time in ms grows without a counter to keep; where the clock did not move forward, one more does.
    const number = BigInt(now) > last ? BigInt(now) : last + 1n;
    const period = { thisUpdate: Math.floor(now / 1000) * 1000, nextUpdate: now + this.#settings.validity };
    const revoked = this.#authority.registry.revoked(issuer);
    const der = encodeCrl({ number, ...period, revoked }, this.#authority[issuer]);
    await this.#fx.files.makeDirectory(this.#settings.dir);
    await this.#fx.files.writeDurable(this.path(issuer), der);
    this.#current.set(issuer, { der, period, number });
    return this.path(issuer);
  }
}
