import { SealError } from '../../errors.ts';
import { isQualifiedPersonal } from '../../formats/qc-statements.ts';
import { distinguishedName } from '../../formats/x509.ts';
import type { Certificate, KeyUsage } from '../../formats/x509.ts';
import type { KeyConfig, Pkcs11KeyConfig } from '../../model/config.ts';

/** What the configuration demands of a signing certificate. */
export type CertificateRule = Pick<KeyConfig, 'keyUsage' | 'minRemaining' | 'allowQualifiedPersonal'> &
  Partial<Pick<Pkcs11KeyConfig, 'kind'>>;

const wanted: Readonly<Record<CertificateRule['keyUsage'], readonly KeyUsage[]>> = {
  contentCommitment: ['contentCommitment'],
  digitalSignature: ['digitalSignature'],
  any: ['contentCommitment', 'digitalSignature'],
};

/**
 * Why a certificate may not sign at a time, or undefined: its dates with the safety margin, its key usage (RFC 5280 §4.2.1.3; a
 * certificate without that extension may be used for everything), and that one PIN does not open a person's qualified certificate for
 * many signatures unless the configuration says so.
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
    if (rule.kind !== 'individual' && rule.allowQualifiedPersonal !== true && isQualifiedPersonal(certificate))
      return problem(
        'is a qualified certificate of a person: one PIN may not open it for many signatures',
        'use a seal certificate, or “kind: individual” (a PIN for each signature), or “allowQualifiedPersonal: true” where the person has agreed to it',
      );
  } catch {
    return problem('has extensions that cannot be read', 'get a well-formed certificate');
  }
  return undefined;
}

/**
 * The certificate to be used of several for the same purpose: of those that may sign now the one that is valid longest. When none may, the one
 * that ends last: its problem is the one to be told.
 */
export function chooseCertificate(candidates: readonly Certificate[], rule: CertificateRule, now: number): Certificate | undefined {
  const usable = candidates.filter((certificate) => certificateProblem(certificate, rule, now) === undefined);
  return (usable.length > 0 ? usable : candidates).reduce<Certificate | undefined>(
    (best, next) => (best === undefined || endsLater(next, best) ? next : best),
    undefined,
  );
}

function endsLater(a: Certificate, b: Certificate): boolean {
  return a.notAfter > b.notAfter || (a.notAfter === b.notAfter && a.notBefore > b.notBefore);
}

/**
 * When the answer of `certificateProblem` changes next by itself for one of these certificates.
 * @returns UTC ms, or undefined when it never does
 */
export function nextCertificateChange(candidates: readonly Certificate[], rule: CertificateRule, now: number): number | undefined {
  const times = candidates.flatMap(({ notBefore, notAfter }) => [notBefore, notAfter - rule.minRemaining + 1, notAfter + 1]);
  const next = Math.min(...times.filter((time) => time > now));
  return next === Infinity ? undefined : next;
}

function day(time: number): string {
  return `${new Date(time).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
