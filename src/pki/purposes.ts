import { oidName, oids } from '../formats/oids.ts';
import type { Certificate, KeyUsage } from '../formats/x509.ts';

/** What the last certificate of a path is used for. */
export interface Purpose {
  /** In messages and as part of cache keys: one name, one meaning. */
  readonly name: string;
  /** One of them must be set when the certificate has a keyUsage. */
  readonly keyUsage?: readonly KeyUsage[];
  /** The purpose must be among the certificate's extended key purposes, and those must be there. */
  readonly extendedKeyUsage?: string;
  /** That extension must be critical and name nothing else (RFC 3161 §2.3). */
  readonly alone?: boolean;
  /** When every extended key purpose is one of these, the certificate is not meant for it. */
  readonly notOnly?: readonly string[];
}

/** Certificates with nothing but these purposes sign no documents. */
const infrastructure = [oids.serverAuth, oids.timeStamping, oids.OCSPSigning];

export const purposes = {
  /** Any check of purpose is left to the caller. */
  any: { name: 'any' },
  /** Documents: digitalSignature or contentCommitment (EN 319 412-2 §4.3.2). */
  documentSignature: { name: 'document signature', keyUsage: ['digitalSignature', 'contentCommitment'], notOnly: infrastructure },
  contentCommitment: { name: 'document signature with contentCommitment', keyUsage: ['contentCommitment'], notOnly: infrastructure },
  digitalSignature: { name: 'document signature with digitalSignature', keyUsage: ['digitalSignature'], notOnly: infrastructure },
  /** RFC 3161 §2.3, EN 319 422. */
  timestamping: {
    name: 'timestamping',
    keyUsage: ['digitalSignature', 'contentCommitment'],
    extendedKeyUsage: oids.timeStamping,
    alone: true,
  },
  /** RFC 6960 §4.2.2.2: an answer signed by somebody other than the CA. */
  ocspSigning: { name: 'OCSP signing', keyUsage: ['digitalSignature', 'contentCommitment'], extendedKeyUsage: oids.OCSPSigning },
  /** RFC 5280 §6.3.3 (f). */
  crlSigning: { name: 'CRL signing', keyUsage: ['cRLSign'] },
} as const satisfies Record<string, Purpose>;

/**
 * Why a certificate is not meant for a purpose; empty when it is (CHAIN_CONSTRAINTS_FAILURE of EN 319 102-1).
 * @throws SealError SEAL-INPUT-INVALID when one of its extensions is malformed
 */
export function purposeErrors(certificate: Certificate, purpose: Purpose): string[] {
  const errors: string[] = [];
  const { keyUsage } = certificate;
  if (purpose.keyUsage && keyUsage !== undefined && !purpose.keyUsage.some((usage) => keyUsage.has(usage)))
    errors.push(`its key usage (${[...keyUsage].join(', ')}) does not allow ${purpose.name}`);
  errors.push(...extendedErrors(certificate, purpose));
  return errors;
}

function extendedErrors(certificate: Certificate, purpose: Purpose): string[] {
  const own = certificate.extendedKeyUsage;
  const wanted = purpose.extendedKeyUsage;
  if (wanted !== undefined) {
    if (own?.includes(wanted) !== true) return [`its extended key usage does not name ${oidName(wanted)}`];
    if (purpose.alone !== true) return [];
    const critical = certificate.extensions.get(oids.extKeyUsage)?.critical === true;
    return own.length === 1 && critical ? [] : [`its extended key usage is not critical or names more than ${oidName(wanted)}`];
  }
  const { notOnly } = purpose;
  if (notOnly && own !== undefined && own.length > 0 && own.every((use) => notOnly.includes(use)))
    return [`its extended key usage (${own.map(oidName).join(', ')}) does not allow ${purpose.name}`];
  return [];
}
