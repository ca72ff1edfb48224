import { SealError } from '../../errors.ts';
import { distinguishedName } from '../../formats/x509.ts';
import type { Certificate, KeyUsage } from '../../formats/x509.ts';
import type { KeyConfig } from '../../model/config.ts';

/** What the configuration demands of a signing certificate. */
export type CertificateRule = Pick<KeyConfig, 'keyUsage' | 'minRemaining'>;

const wanted: Readonly<Record<CertificateRule['keyUsage'], readonly KeyUsage[]>> = {
  contentCommitment: ['contentCommitment'],
  digitalSignature: ['digitalSignature'],
  any: ['contentCommitment', 'digitalSignature'],
};

/**
 * Why a certificate may not sign at a time, or undefined: its dates with the safety margin, its key usage (RFC 5280 §4.2.1.3; a
 * certificate without that extension may be used for everything).
 * @param now UTC ms
 * @returns SealError SEAL-KEY-CERTIFICATE; never throws
 */
export function certificateProblem(certificate: Certificate, rule: CertificateRule, now: number): SealError | undefined {
  const problem = (message: string, hint: string): SealError =>
    new SealError('SEAL-KEY-CERTIFICATE', `the certificate of ${distinguishedName(certificate.subject)} ${message}`, { hint });
  if (now < certificate.notBefore)
    return problem(`is not valid before ${day(certificate.notBefore)}`, 'wait until then, or look at the clock of this machine');
  if (now > certificate.notAfter)
    return problem(`expired on ${day(certificate.notAfter)}`, 'get a new certificate for this key, or another key');
  if (now > certificate.notAfter - rule.minRemaining)
    return problem(
      `ends on ${day(certificate.notAfter)}, which is less than minRemaining away`,
      'get a new certificate for this key, or lower “minRemaining”',
    );
  try {
    const usage = certificate.keyUsage;
    const uses = wanted[rule.keyUsage];
    if (usage !== undefined && !uses.some((use) => usage.has(use)))
      return problem(
        `has the key usage ${[...usage].join(', ') || 'none'}, not ${uses.join(' or ')}`,
        'use a signing certificate; an authentication certificate is none. “keyUsage:” of the key says what is demanded',
      );
  } catch {
    return problem('has extensions that cannot be read', 'get a well-formed certificate');
  }
  return undefined;
}

/**
 * When the answer of `certificateProblem` changes next by itself.
 * @returns UTC ms, or undefined when it never does
 */
export function nextCertificateChange(certificate: Certificate, rule: CertificateRule, now: number): number | undefined {
  return [certificate.notBefore, certificate.notAfter - rule.minRemaining + 1, certificate.notAfter + 1].find((time) => time > now);
}

function day(time: number): string {
  return `${new Date(time).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
