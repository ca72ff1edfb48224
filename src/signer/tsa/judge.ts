import { SealError, asSealError } from '../../errors.ts';
import { normalizeToken } from '../../formats/tsp-normalize.ts';
import { parseTimestampToken, sameNonce } from '../../formats/tsp.ts';
import { judgeTimestamp } from '../../pki/timestamps.ts';
import type { TimestampToken } from '../../formats/tsp.ts';
import type { TsaConfig } from '../../model/config.ts';
import type { TimestampJudgement } from '../../pki/timestamps.ts';
import type { Trust } from '../../pki/trust.ts';
import type { Effects } from '../../ports/effects.ts';
import type { RevocationData } from '../../ports/revocation.ts';
import type { Timestamp, TimestampRequest } from '../../ports/tsa.ts';

export type JudgeEffects = Pick<Effects, 'clock' | 'log' | 'revocation'>;

/** Data that was not to be had is not asked for again with every signature. */
const askAgainMs = 60_000;

const clockWarningMs = 300_000;

interface Known {
  readonly data: RevocationData;
  /** UTC ms. */
  readonly at: number;
}

/** Believes a token or not: all checks of RFC 3161 §2.2, the authority's chain, dates, purpose and revocation, before anybody builds on it. */
export class TokenJudge {
  readonly #fx: JudgeEffects;
  readonly #config: Pick<TsaConfig, 'name' | 'url' | 'policy'>;
  readonly #trust: Trust;
  /** Revocation data about the authority's chain, kept for the trust's maxAge: a batch asks thousands of times. */
  readonly #known = new Map<string, Known>();

  constructor(fx: JudgeEffects, config: Pick<TsaConfig, 'name' | 'url' | 'policy'>, trust: Trust) {
    this.#fx = fx;
    this.#config = config;
    this.#trust = trust;
  }

  /**
   * @param token ContentInfo as it came. Hostile input
   * @param nonce that was sent
   * @throws SealError SEAL-TSA-INVALID naming what does not fit
   */
  async judge(token: Buffer, request: TimestampRequest, nonce: Buffer, signal?: AbortSignal): Promise<Timestamp> {
    const [parsed, normalized] = this.#read(token);
    this.#compare(parsed, request, nonce);
    let judgement = this.#judge(parsed, request);
    if (judgement.wanted.length > 0 && (await this.#fetch(judgement.wanted, signal))) judgement = this.#judge(parsed, request);
    const { report, certificate } = judgement;
    if (report.indication !== 'PASSED' || certificate === undefined)
      throw this.#unbelievable(report.errors.slice(0, 3).join('; ') || (report.subIndication ?? report.indication));
    this.#compareClocks(parsed.genTime);
    const { genTime, accuracy } = parsed;
    return { token: normalized, genTime, accuracy, certificate: certificate.der, tsa: this.#config.name };
  }

  #read(token: Buffer): readonly [TimestampToken, Buffer] {
    try {
      const normalized = normalizeToken(token);
      return [parseTimestampToken(normalized), normalized];
    } catch (cause) {
      throw this.#unbelievable(asSealError(cause).message, cause);
    }
  }

  /** What was asked for must be what was answered (RFC 3161 §2.2). */
  #compare(token: TimestampToken, request: TimestampRequest, nonce: Buffer): void {
    const { algorithm, value } = token.messageImprint;
    if (algorithm !== request.digest) throw this.#unbelievable(`the imprint is made with ${algorithm}, not ${request.digest}`);
    if (!value.equals(request.messageImprint)) throw this.#unbelievable('the token is over something else (wrong imprint)');
    if (!sameNonce(token, nonce)) throw this.#unbelievable(token.nonce === undefined ? 'the nonce is missing' : 'the nonce is another one');
    const { policy } = this.#config;
    if (policy !== undefined && token.policy !== policy) throw this.#unbelievable(`the policy is ${token.policy}, not ${policy}`);
  }

  #judge(token: TimestampToken, request: TimestampRequest): TimestampJudgement {
    const now = this.#fx.clock.now();
    const fresh = [...this.#known.values()].filter(({ at }) => now - at <= this.#trust.maxAge).map(({ data }) => data);
    return judgeTimestamp(token, {
      kind: 'signature-timestamp',
      trust: this.#trust,
      at: now,
      imprint: (algorithm) => (algorithm === request.digest ? request.messageImprint : undefined),
      pool: { certificates: [], crls: fresh.flatMap(({ crls }) => crls), ocsps: fresh.flatMap(({ ocsps }) => ocsps) },
    });
  }

  /** @returns whether there is anything new to judge with */
  async #fetch(wanted: TimestampJudgement['wanted'], signal: AbortSignal | undefined): Promise<boolean> {
    const now = this.#fx.clock.now();
    let found = false;
    for (const { certificate, issuer } of wanted) {
      const name = certificate.toString('latin1');
      if (now - (this.#known.get(name)?.at ?? -Infinity) < askAgainMs) continue;
      const data = await this.#fx.revocation.find(certificate, issuer, now - this.#trust.maxAge, signal);
      for (const failure of data.failures)
        this.#fx.log.warn({ tsa: this.#config.name, failure }, 'revocation data of the authority cannot be had');
      this.#known.set(name, { data, at: now });
      found ||= data.crls.length + data.ocsps.length > 0;
    }
    return found;
  }

  /** A time ahead of ours was refused already; one behind ours may be our clock's fault, and the nonce shows that the token is new. */
  #compareClocks(genTime: number): void {
    const behind = this.#fx.clock.now() - genTime;
    if (behind > clockWarningMs)
      this.#fx.log.warn(
        { tsa: this.#config.name, behindMs: behind },
        'the time of the authority is behind the clock of this machine: look at both',
      );
  }

  #unbelievable(what: string, cause?: unknown): SealError {
    return new SealError('SEAL-TSA-INVALID', `${this.#config.name}: ${what}`, {
      where: this.#config.url,
      cause,
      hint: 'nothing was built on it; if the authority is the right one, its root belongs into “trust.anchors” and its CRLs must be reachable',
    });
  }
}
