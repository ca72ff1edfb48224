import { parseCrl } from '../formats/crl.ts';
import { crlDirectory } from './authority.ts';
import { crlDue, encodeCrl } from './crl.ts';
import type { Effects } from '../ports/effects.ts';
import type { Timer } from '../ports/clock.ts';
import type { EvaluationAuthority } from './authority.ts';
import type { CrlPeriod } from './crl.ts';
import type { IssuerName } from './registry.ts';

export interface CrlSettings {
  /** ms between two CRLs of an issuer. */
  readonly interval: number;
  /** ms from thisUpdate to nextUpdate. */
  readonly validity: number;
}

const hour = 3_600_000;
/** A CRL each hour, each good for 30 days: a stopped daemon does not spoil yesterday's signatures. */
const usualCrls = { interval: hour, validity: 30 * 24 * hour } as const;

const issuers: readonly IssuerName[] = ['root', 'issuing'];
const maxBytes = 64 * 2 ** 20;

interface Published {
  readonly der: Buffer;
  readonly period: CrlPeriod;
  readonly number: bigint;
  /** Certificates on it. */
  readonly entries: number;
}

/** Keeps the CRLs of both CAs fresh: evaluation-root.crl and evaluation-issuing.crl (DER) on disk, the same in memory. */
export class CrlPublisher {
  readonly #fx: Pick<Effects, 'clock' | 'files' | 'log'>;
  readonly #authority: Pick<EvaluationAuthority, IssuerName | 'dir' | 'registry'>;
  readonly #settings: CrlSettings;
  readonly #current = new Map<string, Published>();
  #timer: Timer | undefined;

  constructor(
    fx: Pick<Effects, 'clock' | 'files' | 'log'>,
    authority: Pick<EvaluationAuthority, IssuerName | 'dir' | 'registry'>,
    settings: CrlSettings = usualCrls,
  ) {
    this.#fx = fx;
    this.#authority = authority;
    this.#settings = settings;
  }

  /** DER of the newest CRL. */
  crl(issuer: string): Buffer | undefined {
    return this.#current.get(issuer)?.der;
  }

  /** File of an issuer's CRL. */
  path(issuer: IssuerName): string {
    return `${crlDirectory(this.#authority)}/evaluation-${issuer}.crl`;
  }

  /**
   * Makes the CRLs that are due, or lack a revocation, and writes them; a sound one on disk is kept.
   * @returns paths that were written
   */
  async refresh(): Promise<string[]> {
    await this.#authority.registry.refresh();
    const written: string[] = [];
    for (const issuer of issuers) {
      const known = this.#current.get(issuer) ?? (await this.#read(issuer));
      if (known !== undefined && this.#isSound(known, issuer)) this.#current.set(issuer, known);
      else written.push(await this.#publish(issuer, known?.number ?? 0n));
    }
    return written;
  }

  #isSound({ period, entries }: Published, issuer: IssuerName): boolean {
    const complete = entries === this.#authority.registry.revoked(issuer).length;
    return complete && !crlDue(period, this.#fx.clock.now(), this.#settings.interval);
  }

  /** Looks each minute whether there is something to publish; a failure is logged and tried again. */
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
      const crl = parseCrl(der);
      const { thisUpdate, nextUpdate = thisUpdate, cRLNumber: number = 0n } = crl;
      return { der, period: { thisUpdate, nextUpdate }, number, entries: crl.count() };
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
    await this.#fx.files.makeDirectory(crlDirectory(this.#authority));
    await this.#fx.files.writeDurable(this.path(issuer), der);
    this.#current.set(issuer, { der, period, number, entries: revoked.length });
    return this.path(issuer);
  }
}
