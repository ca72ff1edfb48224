import { isResponder, matchesCertId } from '../formats/ocsp.ts';
import { oids } from '../formats/oids.ts';
import { sameName } from '../formats/names-dn.ts';
import { messageOf, utc } from './findings.ts';
import { workingKey } from './keys.ts';
import { purposeErrors, purposes } from './purposes.ts';
import { currentUntil, joinUsed, nameOf, nothingUsed, signatureProblem, staleness, unknownStatus } from './revocation-context.ts';
import type { BasicOcspResponse, SingleResponse } from '../formats/ocsp.ts';
import type { Certificate } from '../formats/x509.ts';
import type { CertificateStatus, RevocationContext, SignerVerdict, StatusSubject } from './revocation-context.ts';

/** Clocks of responders run a little ahead. ms */
const clockTolerance = 5 * 60 * 1000;

/**
 * Status of a certificate by OCSP answers (RFC 6960 §3.2), the freshest one that can be believed.
 * Never throws: a malformed answer is a problem in the result.
 */
export function statusByOcsp(context: RevocationContext, subject: StatusSubject): CertificateStatus {
  const problems: string[] = [];
  for (const [basic, single] of answersAbout(context, subject, problems)) {
    try {
      const status = judgeAnswer(context, subject, basic, single);
      if (typeof status !== 'string') return { ...status, problems, refused: problems.length > 0 };
      problems.push(`OCSP answer of ${utc(basic.producedAt)}: ${status}`);
    } catch (error) {
      problems.push(`OCSP answer of ${utc(basic.producedAt)}: ${messageOf(error)}`);
    }
  }
  return unknownStatus(problems);
}

type Answer = readonly [BasicOcspResponse, SingleResponse];

function answersAbout(context: RevocationContext, { certificate, issuer }: StatusSubject, problems: string[]): Answer[] {
  const answers: Answer[] = [];
  for (const basic of context.ocsps) {
    try {
      for (const single of basic.responses) if (matchesCertId(single.certId, certificate, issuer)) answers.push([basic, single]);
    } catch (error) {
      problems.push(messageOf(error));
    }
  }
  return answers.sort(([, a], [, b]) => b.thisUpdate - a.thisUpdate);
}

/** A status, or why the answer does not count. */
function judgeAnswer(
  context: RevocationContext,
  subject: StatusSubject,
  basic: BasicOcspResponse,
  single: SingleResponse,
): CertificateStatus | string {
  if (basic.hasUnknownCritical) return 'it has a critical extension that is not understood';
  if (single.status === 'unknown') return 'the responder does not know the certificate';
  if (single.thisUpdate > basic.producedAt + clockTolerance) return 'it speaks about a time after it was made';
  const revoked = single.status === 'revoked' ? (single.revocationTime ?? -Infinity) : Infinity;
  const isRevoked = revoked <= context.at;
  // A revocation that is no hold stays, however old the answer is.
  const stale = isRevoked && single.reason !== 'certificateHold' ? undefined : staleness(context, single, 'it');
  if (stale !== undefined) return stale;
  const signer = responderOf(context, subject, basic);
  if (signer.problem !== undefined) return signer.problem;
  if (!isRevoked && mayHaveForgotten(single, subject.certificate))
    return `it was made after ${nameOf(subject.certificate)} had expired and need not know it any more`;
  return {
    status: isRevoked ? 'revoked' : 'good',
    source: 'ocsp',
    thisUpdate: single.thisUpdate,
    ...(single.nextUpdate === undefined ? {} : { nextUpdate: single.nextUpdate }),
    ...(single.revocationTime === undefined ? {} : { revocationTime: single.revocationTime }),
    ...(single.reason === undefined ? {} : { reason: single.reason }),
    problems: [],
    refused: false,
    from: isRevoked ? Math.max(signer.from, revoked) : signer.from,
    until: Math.min(signer.until, currentUntil(context.trust, single), isRevoked ? Infinity : revoked),
    used: joinUsed(signer.used, { ...nothingUsed, ocsps: [basic] }),
  };
}

function mayHaveForgotten(single: SingleResponse, certificate: Certificate): boolean {
  if (single.thisUpdate <= certificate.notAfter) return false;
  return single.archiveCutoff === undefined || single.archiveCutoff > certificate.notAfter;
}

/** The CA itself, or somebody the CA has certified for this (RFC 6960 §4.2.2.2). */
function responderOf(context: RevocationContext, { issuer, issuerKey }: StatusSubject, basic: BasicOcspResponse): SignerVerdict {
  const own: SignerVerdict = { from: -Infinity, until: Infinity, used: nothingUsed };
  if (isResponder(basic.responder, issuer) && signatureProblem(context, basic, issuerKey) === undefined) return own;
  let problem = 'its signer is not known';
  for (const candidate of [...embedded(context, basic), ...context.certificates]) {
    if (!isResponder(basic.responder, candidate)) continue;
    const broken = signatureProblem(context, basic, workingKey(candidate, issuerKey));
    if (broken !== undefined) {
      problem = broken;
      continue;
    }
    // A CA that is trusted speaks for its own certificates; for those of others only a responder that the operator has made an anchor.
    if (context.trust.anchors.has(candidate) && candidate.extendedKeyUsage?.includes(oids.OCSPSigning) === true) return own;
    const verdict = judgeDelegate(context, candidate, { issuer, issuerKey }, basic);
    if (verdict.problem === undefined) return verdict;
    problem = `its signer ${nameOf(candidate)}: ${verdict.problem}`;
  }
  return { ...own, problem };
}

function embedded(context: RevocationContext, basic: BasicOcspResponse): Certificate[] {
  return basic.certificates.map((der) => context.trust.cache.certificate(der));
}

function judgeDelegate(
  context: RevocationContext,
  delegate: Certificate,
  { issuer, issuerKey }: Omit<StatusSubject, 'certificate'>,
  basic: BasicOcspResponse,
): SignerVerdict {
  const always = { from: -Infinity, until: Infinity, used: { ...nothingUsed, certificates: [delegate] } };
  if (!sameName(delegate.issuer, issuer.subject) || signatureProblem(context, delegate, issuerKey) !== undefined)
    return { ...always, problem: 'it was not issued by the CA it answers for' };
  const [wrongPurpose] = purposeErrors(delegate, purposes.ocspSigning);
  if (wrongPurpose !== undefined) return { ...always, problem: wrongPurpose };
  if (basic.producedAt < delegate.notBefore || basic.producedAt >= delegate.notAfter + 1000)
    return { ...always, problem: 'it was not valid when the answer was made' };
  if (delegate.extensions.has(oids.ocspNoCheck)) return always;
  const verdict = context.judgeSigner(delegate, purposes.ocspSigning);
  return { ...verdict, used: joinUsed(verdict.used, always.used) };
}
