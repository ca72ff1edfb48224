import { bitString, context, encode, integer, sequence, time, unsigned } from '../formats/der.ts';
import { oids } from '../formats/oids.ts';
import { parseCertificate } from '../formats/x509.ts';
import * as extension from './extensions.ts';
import { encodeName } from './names.ts';
import { publicKeyInfo, signatureIdentifier, signNow } from './signing.ts';
import type { KeyObject } from 'node:crypto';
import type { KeyUsage } from '../formats/x509.ts';
import type { Effects } from '../ports/effects.ts';
import type { Extension } from './extensions.ts';
import type { DistinguishedName } from './names.ts';
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

export interface Validity {
  /** UTC, ms. */
  readonly notBefore: number;
  /** UTC, ms; still inside. */
  readonly notAfter: number;
}

export interface CertificateRequest extends Validity {
  /** Attributes, or a DER Name as it came in a PKCS#10 request. */
  readonly subject: DistinguishedName | Buffer;
  readonly publicKey: KeyObject;
  readonly profile: CertificateProfile;
  /** Instead of the profile's. */
  readonly keyUsage?: readonly KeyUsage[];
  /** Instead of the profile's, dotted. */
  readonly extendedKeyUsage?: readonly string[];
  /** Put behind those of the profile; one with the same OID replaces it. */
  readonly extensions?: readonly Extension[];
  /** Unsigned, big-endian, 20 octets at most; drawn at random when absent. */
  readonly serialNumber?: Buffer;
}

interface ProfileRules {
  readonly keyUsage: readonly KeyUsage[];
  readonly extendedKeyUsage?: { readonly purposes: readonly string[]; readonly critical: boolean };
  readonly others: readonly Extension[];
  /** Whether the certificate says where its revocation data lies. */
  readonly revocable: boolean;
}

const rules: Readonly<Record<CertificateProfile, ProfileRules>> = {
  rootCa: { keyUsage: ['keyCertSign', 'cRLSign'], others: [extension.basicConstraints(true)], revocable: false },
  issuingCa: { keyUsage: ['keyCertSign', 'cRLSign'], others: [extension.basicConstraints(true, 0)], revocable: true },
  // RFC 9336 for documents; PDF readers built on NSS (Poppler) believe no signer without emailProtection.
  signer: {
    keyUsage: ['contentCommitment'],
    extendedKeyUsage: { purposes: [oids.documentSigning, oids.emailProtection], critical: false },
    others: [],
    revocable: true,
  },
  authentication: {
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: { purposes: [oids.clientAuth], critical: false },
    others: [],
    revocable: true,
  },
  // RFC 3161 §2.3: the purpose stands alone and is critical.
  tsa: {
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: { purposes: [oids.timeStamping], critical: true },
    others: [],
    revocable: true,
  },
  ocsp: {
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: { purposes: [oids.OCSPSigning], critical: false },
    others: [extension.ocspNoCheck],
    revocable: false,
  },
};

/** 126 random bits in 16 octets, positive: unique without a counter that a crash could set back (RFC 5280 §4.1.2.2). */
function randomSerial(fx: Pick<Effects, 'random'>): Buffer {
  const serial = fx.random.bytes(16);
  serial.writeUInt8((serial.readUInt8(0) & 0x3f) | 0x40, 0);
  return serial;
}

/** A self-signed CA certificate (DER) for `key`. */
export function createRoot(
  fx: Pick<Effects, 'random'>,
  key: AuthorityKey,
  root: Validity & { readonly subject: DistinguishedName },
): Buffer {
  const name = encodeName(root.subject);
  const spki = publicKeyInfo(key.privateKey);
  const extensions = [...profileExtensions({ profile: 'rootCa' }), extension.subjectKeyIdentifier(spki)];
  return signCertificate({ serialNumber: randomSerial(fx), issuer: name, subject: name, spki, extensions, validity: root }, key);
}

/** A certificate (DER) that `issuer` signs. Who may have what is decided by the caller. */
export function issueCertificate(fx: Pick<Effects, 'random'>, issuer: Issuer, request: CertificateRequest): Buffer {
  const spki = publicKeyInfo(request.publicKey);
  const own = request.extensions ?? [];
  const usual = [
    ...profileExtensions(request),
    extension.subjectKeyIdentifier(spki),
    extension.authorityKeyIdentifier(publicKeyInfo(issuer.privateKey)),
    ...addressExtensions(issuer.addresses, rules[request.profile].revocable),
  ];
  const content = {
    serialNumber: request.serialNumber ?? randomSerial(fx),
    issuer: parseCertificate(issuer.certificate).subject,
    subject: Buffer.isBuffer(request.subject) ? request.subject : encodeName(request.subject),
    spki,
    extensions: [...usual.filter(({ oid }) => !own.some((replacing) => replacing.oid === oid)), ...own],
    validity: request,
  };
  return signCertificate(content, issuer);
}

function profileExtensions(request: Pick<CertificateRequest, 'profile' | 'keyUsage' | 'extendedKeyUsage'>): Extension[] {
  const rule = rules[request.profile];
  const purposes = request.extendedKeyUsage ?? rule.extendedKeyUsage?.purposes ?? [];
  return [
    ...rule.others,
    extension.keyUsage(...(request.keyUsage ?? rule.keyUsage)),
    ...(purposes.length === 0 ? [] : [extension.extendedKeyUsage(purposes, rule.extendedKeyUsage?.critical ?? false)]),
  ];
}

function addressExtensions({ crl, ocsp, caIssuers }: IssuerAddresses, revocable: boolean): Extension[] {
  const access = { ...(caIssuers === undefined ? {} : { caIssuers }), ...(ocsp === undefined || !revocable ? {} : { ocsp }) };
  return [
    ...(revocable && crl !== undefined ? [extension.crlDistributionPoints([crl])] : []),
    ...(Object.keys(access).length > 0 ? [extension.authorityInformationAccess(access)] : []),
  ];
}

interface CertificateContent {
  readonly serialNumber: Buffer;
  /** DER Names. */
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly spki: Buffer;
  readonly extensions: readonly Extension[];
  readonly validity: Validity;
}

/** DER Certificate v3 (RFC 5280 §4.1). */
function signCertificate(content: CertificateContent, key: AuthorityKey): Buffer {
  const algorithm = signatureIdentifier(key);
  const tbs = sequence(
    encode(context(0, true), integer(2)),
    unsigned(content.serialNumber),
    algorithm,
    content.issuer,
    sequence(time(content.validity.notBefore), time(content.validity.notAfter)),
    content.subject,
    content.spki,
    encode(context(3, true), extension.encodeExtensions(content.extensions)),
  );
  return sequence(tbs, algorithm, bitString(signNow(key, tbs)));
}
