import { keyTypeOf } from '../formats/algorithms.ts';
import { oidName, oids } from '../formats/oids.ts';
import { sameName } from '../formats/names-dn.ts';
import { distinguishedName } from '../formats/x509.ts';
import { parseNameConstraints } from '../formats/x509-extensions.ts';
import { judgeAlgorithms } from './algorithms.ts';
import { messageOf, utc } from './findings.ts';
import { workingKey } from './keys.ts';
import { addNameConstraints, noNameConstraints, violatedNameConstraint } from './name-constraints.ts';
import { PathPolicies } from './path-policies.ts';
import { purposeErrors } from './purposes.ts';
import type { Certificate } from '../formats/x509.ts';
import type { Finding } from './findings.ts';
import type { AlgorithmRule } from './catalogue.ts';
import type { PkiCache } from './cache.ts';
import type { WorkingKey } from './keys.ts';
import type { NameConstraintState } from './name-constraints.ts';
import type { Path } from './path-building.ts';
import type { PolicyInputs } from './policy-graph.ts';
import type { Purpose } from './purposes.ts';

export interface PathInputs {
  /** UTC ms: the time at which everything must be valid. */
  readonly at: number;
  /** Of the first certificate. */
  readonly purpose: Purpose;
  readonly policies?: PolicyInputs;
  readonly catalogue: readonly AlgorithmRule[];
  readonly cache: PkiCache;
}

/** Outcome of RFC 5280 §6.1 for one path. */
export interface PathResult {
  /** Empty when the path is valid. */
  readonly findings: readonly Finding[];
  readonly warnings: readonly string[];
  /** Keys of the certificates, in the order of the path; shorter when the path failed early. */
  readonly keys: readonly WorkingKey[];
  /** UTC ms, half open: while the time lies in here the outcome stays valid. */
  readonly from: number;
  readonly until: number;
  /** UTC ms: the first end among the dates of the certificates and the algorithms of their signatures. */
  readonly endsAt: number;
  /** Policies that hold for the whole path, in the words of the anchor's domain. */
  readonly policies: readonly string[];
}

/** Extensions that are processed; any other one that is critical makes the path invalid (RFC 5280 §6.1.4 (o), §6.1.5 (f)). */
const processed: ReadonlySet<string> = new Set([
  oids.subjectKeyIdentifier,
  oids.authorityKeyIdentifier,
  oids.keyUsage,
  oids.privateKeyUsagePeriod,
  oids.certificatePolicies,
  oids.policyMappings,
  oids.subjectAltName,
  oids.issuerAltName,
  oids.basicConstraints,
  oids.nameConstraints,
  oids.policyConstraints,
  oids.extKeyUsage,
  oids.cRLDistributionPoints,
  oids.inhibitAnyPolicy,
  oids.freshestCRL,
  oids.authorityInfoAccess,
  oids.subjectInfoAccess,
  oids.qcStatements,
  oids.ocspNoCheck,
]);

/**
 * Validates one path (RFC 5280 §6.1), revocation left to revocation.ts. Never throws: a malformed certificate is a finding.
 * @param path the certificate first, the trust anchor last; a path of one is a certificate that is trusted itself
 */
export function validatePath(path: Path, inputs: PathInputs): PathResult {
  const validation = new PathValidation(path, inputs);
  return validation.run();
}

class PathValidation {
  readonly #path: Path;
  readonly #inputs: PathInputs;
  readonly #findings: Finding[] = [];
  readonly #warnings: string[] = [];
  readonly #keys: WorkingKey[] = [];
  readonly #policies: PathPolicies;
  #names: NameConstraintState = noNameConstraints;
  #maxPathLength = Infinity;
  #from = -Infinity;
  #until = Infinity;
  #endsAt = Infinity;

  constructor(path: Path, inputs: PathInputs) {
    this.#path = path;
    this.#inputs = inputs;
    this.#policies = new PathPolicies(inputs.policies ?? {}, path.length);
  }

  run(): PathResult {
    const anchor = this.#path.at(-1) ?? this.#path[0];
    this.#guard(anchor, () => {
      this.#startWith(anchor);
      for (let at = this.#path.length - 2; at >= 0; at--) {
        const certificate = this.#path[at];
        // Behind a key that cannot be read nothing can be judged.
        if (certificate === undefined || this.#keys.length !== this.#path.length - 1 - at) break;
        this.#guard(certificate, () => {
          this.#checkBasics(certificate, this.#path[at + 1] ?? anchor, at === 0);
          if (at > 0) this.#prepareNext(certificate);
          else this.#wrapUp(certificate);
        });
      }
    });
    return {
      findings: this.#findings,
      warnings: this.#warnings,
      keys: [...this.#keys].reverse(),
      from: this.#from,
      until: this.#until,
      endsAt: this.#endsAt,
      policies: [...this.#policies.valid],
    };
  }

  /** What a hostile certificate makes the parsers say belongs into the result. */
  #guard(certificate: Certificate, check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#fail(certificate, messageOf(error));
    }
  }

  #fail(certificate: Certificate, message: string, subIndication: Finding['subIndication'] = 'CERTIFICATE_CHAIN_GENERAL_FAILURE'): void {
    const text = `"${distinguishedName(certificate.subject)}": ${message}`;
    if (!this.#findings.some((finding) => finding.message === text)) this.#findings.push({ subIndication, message: text });
  }

  #failIf(certificate: Certificate, problem: string | undefined): void {
    if (problem !== undefined) this.#fail(certificate, problem);
  }

  #within(from: number, until: number): void {
    this.#from = Math.max(this.#from, from);
    this.#until = Math.min(this.#until, until);
  }

  /** A trust anchor gives name and key (§6.1.1 (d)); its dates are not judged, but one that is no CA issues nothing here. */
  #startWith(anchor: Certificate): void {
    this.#keys.push(workingKey(anchor));
    if (this.#path.length === 1) {
      this.#checkDates(anchor);
      this.#checkCriticalExtensions(anchor);
      this.#checkPurpose(anchor);
      return;
    }
    const { at } = this.#inputs;
    const { notAfter, notBefore } = anchor;
    if (notBefore <= at && at < notAfter + 1000) this.#within(notBefore, notAfter + 1000);
    else {
      this.#within(at, at + 1);
      this.#warnings.push(`the trust anchor "${distinguishedName(anchor.subject)}" is not valid at ${utc(at)} by its own dates`);
    }
    if (anchor.version === 3 && anchor.basicConstraints?.ca !== true) this.#fail(anchor, 'the trust anchor is no CA');
    if (anchor.keyUsage?.has('keyCertSign') === false) this.#fail(anchor, 'the key usage of the trust anchor does not allow certificates');
  }

  /** §6.1.3 */
  #checkBasics(certificate: Certificate, issuer: Certificate, last: boolean): void {
    const issuerKey = this.#keys.at(-1);
    if (issuerKey === undefined || !this.#inputs.cache.verifies(certificate, issuerKey))
      this.#fail(certificate, 'its signature does not verify with the key of its issuer', 'NO_CERTIFICATE_CHAIN_FOUND');
    else this.#checkAlgorithms(certificate, issuerKey);
    this.#keys.push(workingKey(certificate, issuerKey));
    this.#checkDates(certificate);
    if (!sameName(certificate.issuer, issuer.subject)) this.#fail(certificate, 'its issuer has another name');
    if (!certificate.selfIssued || last) {
      const violated = violatedNameConstraint(this.#names, certificate);
      if (violated !== undefined) this.#fail(certificate, `${violated} by the name constraints of its issuers`);
    }
    this.#failIf(certificate, this.#policies.process(certificate, last));
    this.#checkCriticalExtensions(certificate);
  }

  #checkAlgorithms(certificate: Certificate, issuerKey: WorkingKey): void {
    const { at, catalogue } = this.#inputs;
    const verdict = judgeAlgorithms(certificate.signatureAlgorithm, keyTypeOf(issuerKey.key), at, catalogue);
    for (const error of verdict.errors) this.#fail(certificate, error, 'CRYPTO_CONSTRAINTS_FAILURE_NO_POE');
    for (const warning of verdict.warnings) this.#warnings.push(`"${distinguishedName(certificate.subject)}": ${warning}`);
    this.#within(verdict.from, verdict.until);
    this.#endsAt = Math.min(this.#endsAt, verdict.end);
  }

  #checkDates(certificate: Certificate): void {
    const { at } = this.#inputs;
    const { notAfter, notBefore } = certificate;
    // notAfter has whole seconds and is included.
    this.#within(notBefore, notAfter + 1000);
    this.#endsAt = Math.min(this.#endsAt, notAfter + 1000);
    if (at < notBefore) this.#fail(certificate, `not valid before ${utc(notBefore)}`, 'OUT_OF_BOUNDS_NO_POE');
    if (at >= notAfter + 1000) this.#fail(certificate, `not valid after ${utc(notAfter)}`, 'OUT_OF_BOUNDS_NO_POE');
  }

  #checkCriticalExtensions(certificate: Certificate): void {
    for (const [id, { critical }] of certificate.extensions)
      if (critical && !processed.has(id)) this.#fail(certificate, `critical extension ${oidName(id)} is not understood`);
  }

  /** §6.1.4 */
  #prepareNext(certificate: Certificate): void {
    this.#failIf(certificate, this.#policies.map(certificate));
    const constraints = certificate.extensions.get(oids.nameConstraints);
    if (constraints !== undefined) this.#names = addNameConstraints(this.#names, parseNameConstraints(constraints.value));
    this.#policies.countDown(certificate);
    if (certificate.basicConstraints?.ca !== true) this.#fail(certificate, 'it issued a certificate and is no CA');
    this.#checkPathLength(certificate);
    if (certificate.keyUsage?.has('keyCertSign') === false)
      this.#fail(certificate, 'it issued a certificate and its key usage does not allow that');
  }

  /** §6.1.4 (l), (m) */
  #checkPathLength(certificate: Certificate): void {
    if (!certificate.selfIssued) {
      if (this.#maxPathLength <= 0) this.#fail(certificate, 'the path is longer than an issuer allows');
      this.#maxPathLength--;
    }
    this.#maxPathLength = Math.min(this.#maxPathLength, certificate.basicConstraints?.pathLength ?? Infinity);
  }

  /** §6.1.5 */
  #wrapUp(certificate: Certificate): void {
    this.#failIf(certificate, this.#policies.conclude(certificate));
    this.#checkPurpose(certificate);
  }

  #checkPurpose(certificate: Certificate): void {
    for (const error of purposeErrors(certificate, this.#inputs.purpose)) this.#fail(certificate, error, 'CHAIN_CONSTRAINTS_FAILURE');
  }
}
