import { createPublicKey, type KeyObject } from 'node:crypto';
import type { Effects } from '../ports/effects.ts';
import {
  authorityInformationAccess,
  authorityKeyIdentifier,
  basicConstraints,
  crlDistributionPoints,
  encodeCertificate,
  extendedKeyUsage,
  keyUsage,
  ocspNoCheck,
  readIssued,
  subjectKeyIdentifier,
  type Extension,
  type KeyUsageBit,
} from './certificate.ts';
import { encodeName, type DistinguishedName } from './names.ts';
import type { AuthorityKey, Identity } from './signing.ts';

/** What a certificate is for; decides its extensions. */
export type CertificateProfile = 'rootCa' | 'issuingCa' | 'signer' | 'authentication' | 'tsa' | 'ocsp';

/** Addresses that an issuer writes into the certificates it issues. */
export interface IssuerAddresses {
  readonly crl?: string;
  readonly ocsp?: string;
  /** DER certificate of the issuer. */
  readonly caIssuers?: string;
}

export interface Issuer extends Identity {
  readonly addresses: IssuerAddresses;
}

export interface CertificateRequest {
  /** Attributes, or a DER Name as it came in a PKCS#10 request. */
  readonly subject: DistinguishedName | Buffer;
  readonly publicKey: KeyObject;
  readonly profile: CertificateProfile;
  /** UTC, ms. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Instead of the profile's. */
  readonly keyUsage?: readonly KeyUsageBit[];
  /** Instead of the profile's extendedKeyUsage, dotted. */
  readonly extendedKeyUsage?: readonly string[];
  /** Put behind those of the profile; one with the same OID replaces it. */
  readonly extensions?: readonly Extension[];
  /** Drawn at random when absent. */
  readonly serialNumber?: Buffer;
}

const purpose = { timeStamping: '1.3.6.1.5.5.7.3.8', ocspSigning: '1.3.6.1.5.5.7.3.9', clientAuth: '1.3.6.1.5.5.7.3.2' } as const;

interface ProfileRules {
  readonly keyUsage: readonly KeyUsageBit[];
  readonly extendedKeyUsage?: { readonly purposes: readonly string[]; readonly critical: boolean };
  readonly others: readonly Extension[];
  /** Whether the certificate says where its revocation data lies. */
  readonly revocable: boolean;
}

const rules: Readonly<Record<CertificateProfile, ProfileRules>> = {
  rootCa: { keyUsage: ['keyCertSign', 'cRLSign'], others: [basicConstraints(true)], revocable: false },
  issuingCa: { keyUsage: ['keyCertSign', 'cRLSign'], others: [basicConstraints(true, 0)], revocable: true },
  signer: { keyUsage: ['contentCommitment'], others: [], revocable: true },
  authentication: {
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: { purposes: [purpose.clientAuth], critical: false },
    others: [],
    revocable: true,
  },
  // RFC 3161 §2.3: the purpose stands alone and is critical.
  tsa: {
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: { purposes: [purpose.timeStamping], critical: true },
    others: [],
    revocable: true,
  },
  ocsp: {
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: { purposes: [purpose.ocspSigning], critical: false },
    others: [ocspNoCheck],
    revocable: false,
  },
};

/** 128 random bits, positive: unique without a counter that a crash could set back (RFC 5280 §4.1.2.2). */
export function randomSerial(fx: Pick<Effects, 'random'>): Buffer {
  const serial = fx.random.bytes(16);
  serial.writeUInt8((serial.readUInt8(0) & 0x3f) | 0x40, 0);
  return serial;
}

/** A self-signed CA certificate (DER) for `key`. */
export function createRoot(
  fx: Pick<Effects, 'random'>,
  key: AuthorityKey,
  root: { readonly subject: DistinguishedName; readonly notBefore: number; readonly notAfter: number },
): Buffer {
  const name = encodeName(root.subject);
  const publicKey = createPublicKey(key.privateKey);
  const extensions = [...profileExtensions({ profile: 'rootCa' }), subjectKeyIdentifier(publicKey)];
  const validity = { notBefore: root.notBefore, notAfter: root.notAfter };
  return encodeCertificate({ serialNumber: randomSerial(fx), issuer: name, subject: name, publicKey, extensions, ...validity }, key);
}

/** A certificate (DER) that `issuer` signs. The request is ours: who may have what is decided by the caller. */
export function issueCertificate(fx: Pick<Effects, 'random'>, issuer: Issuer, request: CertificateRequest): Buffer {
  const { crl, ocsp, caIssuers } = issuer.addresses;
  const revocable = rules[request.profile].revocable;
  const access = { ...(caIssuers === undefined ? {} : { caIssuers }), ...(ocsp === undefined || !revocable ? {} : { ocsp }) };
  const extensions = [
    ...profileExtensions(request),
    subjectKeyIdentifier(request.publicKey),
    authorityKeyIdentifier(createPublicKey(issuer.privateKey)),
    ...(revocable && crl !== undefined ? [crlDistributionPoints([crl])] : []),
    ...(Object.keys(access).length > 0 ? [authorityInformationAccess(access)] : []),
  ];
  const own = request.extensions ?? [];
  const { notBefore, notAfter, publicKey } = request;
  const content = {
    serialNumber: request.serialNumber ?? randomSerial(fx),
    issuer: readIssued(issuer.certificate).subject,
    subject: Buffer.isBuffer(request.subject) ? request.subject : encodeName(request.subject),
    ...{ notBefore, notAfter, publicKey },
    extensions: [...extensions.filter(({ oid }) => !own.some((extension) => extension.oid === oid)), ...own],
  };
  return encodeCertificate(content, issuer);
}

function profileExtensions(request: Pick<CertificateRequest, 'profile' | 'keyUsage' | 'extendedKeyUsage'>): Extension[] {
  const rule = rules[request.profile];
  const purposes = request.extendedKeyUsage ?? rule.extendedKeyUsage?.purposes ?? [];
  return [
    ...rule.others,
    keyUsage(...(request.keyUsage ?? rule.keyUsage)),
    ...(purposes.length === 0 ? [] : [extendedKeyUsage(purposes, rule.extendedKeyUsage?.critical ?? false)]),
  ];
}
