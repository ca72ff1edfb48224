import { oids } from '../formats/oids.ts';
import { sameName } from '../formats/names-dn.ts';
import { allReasons, coveredReasons, distributionPointsOf, outOfScope } from './crl-scope.ts';
import { messageOf, utc } from './findings.ts';
import { workingKey } from './keys.ts';
import { purposes } from './purposes.ts';
import { currentUntil, joinUsed, nameOf, nothingUsed, signatureProblem, staleness, unknownStatus } from './revocation-context.ts';
import type { GeneralName } from '../formats/general-names.ts';
import type { Certificate } from '../formats/x509.ts';
import type { CertificateList, RevokedEntry } from '../formats/crl.ts';
import type { DistributionPoint, ReasonFlag } from '../formats/x509-extensions.ts';
import type { CertificateStatus, RevocationContext, StatusSubject, UsedData } from './revocation-context.ts';
import type { WorkingKey } from './keys.ts';

/** A CRL that is fit for use, with its signer and the newest delta that belongs to it. */
interface UsableCrl {
  readonly crl: CertificateList;
  readonly delta?: CertificateList;
  /** Why it is not fresh enough to tell that a certificate is good; a revocation it lists counts all the same. */
  readonly stale?: string;
  readonly from: number;
  readonly until: number;
  readonly used: UsedData;
}

/**
 * Status of a certificate by CRLs (RFC 5280 §6.3.3): complete, delta and indirect ones, by distribution points and reasons.
 * Never throws: a malformed CRL is a problem in the answer.
 */
export function statusByCrl(context: RevocationContext, subject: StatusSubject): CertificateStatus {
  try {
    return new CrlCheck(context, subject).run();
  } catch (error) {
    return unknownStatus([messageOf(error)]);
  }
}

class CrlCheck {
  readonly #context: RevocationContext;
  readonly #subject: StatusSubject;
  readonly #problems = new Set<string>();
  readonly #complete: readonly CertificateList[];
  readonly #reasons = new Set<ReasonFlag>();
  readonly #used: UsableCrl[] = [];
  #later: RevokedEntry | undefined;
  #refused = false;

  constructor(context: RevocationContext, subject: StatusSubject) {
    this.#context = context;
    this.#subject = subject;
    // The freshest first: it knows of revocations and releases that older ones do not.
    this.#complete = context.crls.filter((crl) => !crl.isDelta).sort((a, b) => b.thisUpdate - a.thisUpdate);
  }

  run(): CertificateStatus {
    for (const point of distributionPointsOf(this.#subject.certificate))
      for (const crl of this.#complete) {
        const answer = this.#consult(crl, point);
        if (answer !== undefined) return answer;
        if (this.#reasons.size === allReasons.size) return this.#good();
      }
    if (this.#reasons.size > 0) this.#problems.add('the CRLs at hand do not cover every reason for revocation');
    return { ...unknownStatus([...this.#problems]), refused: this.#refused };
  }

  /** One turn of RFC 5280 §6.3.3 (a) to (l); an answer only when the certificate is revoked. */
  #consult(crl: CertificateList, point: DistributionPoint): CertificateStatus | undefined {
    const { certificate } = this.#subject;
    const label = `CRL of ${utc(crl.thisUpdate)}`;
    try {
      const outside = outOfScope(crl, certificate, point);
      if (outside !== undefined) {
        if (outside !== '') this.#problems.add(`${label} says nothing about ${nameOf(certificate)}: ${outside}`);
        return undefined;
      }
      const reasons = coveredReasons(crl, point);
      if ([...reasons].every((reason) => this.#reasons.has(reason))) return undefined;
      const usable = this.#usable(crl, label);
      if (usable === undefined) return undefined;
      const entry = this.#find(usable);
      if (entry !== undefined && this.#isRevoked(usable, entry)) return this.#revoked(usable, entry);
      if (usable.stale !== undefined) this.#refuse(usable.stale);
      else if (entry !== undefined) this.#revokedLater(usable, entry, reasons);
      else if (!this.#mayHaveDropped(usable, label)) this.#count(usable, reasons);
    } catch (error) {
      this.#refuse(messageOf(error));
    }
    return undefined;
  }

  /** A hold may have been lifted since an old list; every other revocation stays. */
  #isRevoked({ stale }: UsableCrl, { reason, revocationDate }: RevokedEntry): boolean {
    return revocationDate <= this.#context.at && (stale === undefined || reason !== 'certificateHold');
  }

  #refuse(problem: string): void {
    this.#problems.add(problem);
    this.#refused = true;
  }

  #count(usable: UsableCrl, reasons: ReadonlySet<ReasonFlag>): void {
    for (const reason of reasons) this.#reasons.add(reason);
    this.#used.push(usable);
  }

  #usable(crl: CertificateList, label: string): UsableCrl | undefined {
    if (crl.hasUnknownCritical) {
      this.#problems.add(`${label} has a critical extension that is not understood`);
      return undefined;
    }
    const signer = this.#signer(crl, label);
    if (signer === undefined) return undefined;
    const delta = this.#delta(crl, signer.key);
    const stale = staleness(this.#context, delta ?? crl, delta === undefined ? 'CRL' : 'delta CRL');
    const until = Math.min(signer.until, currentUntil(this.#context.trust, delta ?? crl));
    const used = joinUsed(signer.used, { ...nothingUsed, crls: delta === undefined ? [crl] : [crl, delta] });
    return { crl, ...(delta === undefined ? {} : { delta }), ...(stale === undefined ? {} : { stale }), from: signer.from, until, used };
  }

  /** §6.3.3 (f), (g): who signed the CRL, and may they? */
  #signer(crl: CertificateList, label: string): { key: WorkingKey; from: number; until: number; used: UsedData } | undefined {
    const { issuer, issuerKey } = this.#subject;
    let reason = 'its signer is not known';
    if (sameName(crl.issuer, issuer.subject)) {
      const problem =
        issuer.keyUsage?.has('cRLSign') === false ? 'its signer may not sign CRLs' : signatureProblem(this.#context, crl, issuerKey);
      if (problem === undefined) return { key: issuerKey, from: -Infinity, until: Infinity, used: nothingUsed };
      reason = problem;
    }
    for (const candidate of this.#candidates(crl)) {
      const key = workingKey(candidate, issuerKey);
      const problem = signatureProblem(this.#context, crl, key);
      if (problem !== undefined) continue;
      const verdict = this.#context.judgeSigner(candidate, purposes.crlSigning);
      if (verdict.problem === undefined)
        return {
          key,
          from: verdict.from,
          until: verdict.until,
          used: joinUsed(verdict.used, { ...nothingUsed, certificates: [candidate] }),
        };
      reason = `its signer ${nameOf(candidate)}: ${verdict.problem}`;
    }
    this.#refuse(`${label}: ${reason}`);
    return undefined;
  }

  #candidates(crl: CertificateList): Certificate[] {
    const { certificates, trust } = this.#context;
    const all = [...trust.anchors.named(crl.issuer), ...trust.certificates.named(crl.issuer)];
    all.push(...certificates.filter(({ subject }) => sameName(subject, crl.issuer)));
    return [...new Set(all)].filter((candidate) => candidate !== this.#subject.issuer && candidate.keyUsage?.has('cRLSign') !== false);
  }

  /** The newest delta CRL that continues a complete one (RFC 5280 §5.2.4, §6.3.3 (c), (h)). */
  #delta(crl: CertificateList, key: WorkingKey): CertificateList | undefined {
    const number = crl.cRLNumber;
    if (number === undefined) return undefined;
    return this.#context.crls
      .filter((delta) => delta.baseCRLNumber !== undefined && delta.baseCRLNumber <= number && (delta.cRLNumber ?? -1n) > number)
      .filter((delta) => sameName(delta.issuer, crl.issuer) && sameScope(delta, crl))
      .filter((delta) => !delta.hasUnknownCritical && staleness(this.#context, delta, 'delta CRL') === undefined)
      .filter((delta) => signatureProblem(this.#context, delta, key) === undefined)
      .sort((a, b) => ((a.cRLNumber ?? 0n) < (b.cRLNumber ?? 0n) ? 1 : -1))[0];
  }

  /** §6.3.3 (i) to (k): the delta has the last word. */
  #find({ crl, delta }: UsableCrl): RevokedEntry | undefined {
    const { certificate } = this.#subject;
    const issues = (issuers: readonly GeneralName[] | undefined) =>
      issuers === undefined
        ? sameName(crl.issuer, certificate.issuer)
        : issuers.some((name) => name.kind === 'directoryName' && sameName(name.name, certificate.issuer));
    const entry = delta?.find(certificate.serialNumber, issues) ?? crl.find(certificate.serialNumber, issues);
    return entry?.reason === 'removeFromCRL' ? undefined : entry;
  }

  #revoked(usable: UsableCrl, entry: RevokedEntry): CertificateStatus {
    const from = Math.max(usable.from, entry.revocationDate);
    return { ...this.#answer([usable]), ...detailsOf(entry), status: 'revoked', from };
  }

  /** Revoked later than the time that is asked for: good then, and good no longer than until then. */
  #revokedLater(usable: UsableCrl, entry: RevokedEntry, reasons: ReadonlySet<ReasonFlag>): void {
    this.#later ??= entry;
    this.#count({ ...usable, until: Math.min(usable.until, entry.revocationDate) }, reasons);
  }

  /** A CRL from after the certificate's end need not list it any more (RFC 5280 §3.3), unless it says so (X.509 expiredCertsOnCRL). */
  #mayHaveDropped({ crl, delta }: UsableCrl, label: string): boolean {
    const { certificate } = this.#subject;
    if ((delta ?? crl).thisUpdate <= certificate.notAfter) return false;
    if (crl.expiredCertsOnCRL !== undefined && crl.expiredCertsOnCRL <= certificate.notAfter) return false;
    this.#problems.add(`${label} was issued after ${nameOf(certificate)} had expired and need not list it any more`);
    return true;
  }

  #good(): CertificateStatus {
    const later = this.#later === undefined ? {} : detailsOf(this.#later);
    return { ...this.#answer(this.#used), ...later, status: 'good' };
  }

  #answer(used: readonly UsableCrl[]): CertificateStatus {
    const [first] = used;
    const newest = first?.delta ?? first?.crl;
    return {
      status: 'unknown',
      source: 'crl',
      ...(newest === undefined ? {} : { thisUpdate: newest.thisUpdate }),
      ...(newest?.nextUpdate === undefined ? {} : { nextUpdate: newest.nextUpdate }),
      problems: [...this.#problems],
      refused: this.#refused,
      from: Math.max(...used.map(({ from }) => from)),
      until: Math.min(...used.map(({ until }) => until)),
      used: joinUsed(...used.map((usable) => usable.used)),
    };
  }
}

function detailsOf(entry: RevokedEntry): Pick<CertificateStatus, 'revocationTime' | 'reason' | 'invalidityDate'> {
  return {
    revocationTime: entry.revocationDate,
    ...(entry.reason === undefined ? {} : { reason: entry.reason }),
    ...(entry.invalidityDate === undefined ? {} : { invalidityDate: entry.invalidityDate }),
  };
}

/** Delta and complete CRL must have the same issuing distribution point and the same key identifier. */
function sameScope(a: CertificateList, b: CertificateList): boolean {
  return [oids.issuingDistributionPoint, oids.authorityKeyIdentifier].every((id) => {
    const [own, other] = [a.extensions.get(id)?.value, b.extensions.get(id)?.value];
    return own === undefined || other === undefined ? own === other : own.equals(other);
  });
}
