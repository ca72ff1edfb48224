import { statusByCrl } from './crl-check.ts';
import { statusByOcsp } from './ocsp-check.ts';
import { unknownStatus } from './revocation-context.ts';
import type { Certificate } from '../formats/x509.ts';
import type { CertificateStatus, RevocationContext, StatusSubject } from './revocation-context.ts';

export type { CertificateStatus, RevocationContext, StatusSubject, UsedData } from './revocation-context.ts';

/**
 * Status of one certificate by everything that is at hand. Where CRL and OCSP disagree the later one counts; a revocation that is no hold
 * is for ever, so it counts whatever comes after.
 */
export function certificateStatus(context: RevocationContext, subject: StatusSubject): CertificateStatus {
  const ocsp = statusByOcsp(context, subject);
  const crl = statusByCrl(context, subject);
  const status = prevailing(ocsp, crl);
  // Where some data was refused, another time may have taken it: then the answer is for this time alone.
  const refused = ocsp.refused || crl.refused || status.status === 'unknown';
  return {
    ...status,
    from: refused ? context.at : Math.max(ocsp.from, crl.from),
    until: refused ? context.at + 1 : Math.min(ocsp.until, crl.until),
  };
}

function prevailing(ocsp: CertificateStatus, crl: CertificateStatus): CertificateStatus {
  if (ocsp.status === 'unknown' && crl.status === 'unknown') return unknownStatus(reasonsOf(ocsp, crl));
  if (ocsp.status === 'unknown') return crl;
  if (crl.status === 'unknown') return ocsp;
  const final = [ocsp, crl].find(({ reason, status }) => status === 'revoked' && reason !== 'certificateHold');
  if (final !== undefined) return final;
  return (crl.thisUpdate ?? 0) > (ocsp.thisUpdate ?? 0) ? crl : ocsp;
}

function reasonsOf(ocsp: CertificateStatus, crl: CertificateStatus): readonly string[] {
  const problems = [...ocsp.problems, ...crl.problems];
  return problems.length > 0 ? problems : ['no CRL and no OCSP answer speaks about it'];
}

/** ETSI EN 319 412-1 §5.2: the issuer vouches for a certificate so short-lived that it is never revoked. */
const validityAssuredShortTerm = '0.4.0.194121.2.1';
/** RFC 9608 §2. */
const noRevocationAvailable = '2.5.29.56';

/** Whether the issuer says that there is no revocation for this certificate and none is needed; of a CA it must not (RFC 9608 §2). */
export function needsNoRevocation(certificate: Certificate): boolean {
  const { basicConstraints, extensions } = certificate;
  if (basicConstraints?.ca === true) return false;
  return extensions.has(validityAssuredShortTerm) || extensions.has(noRevocationAvailable);
}
