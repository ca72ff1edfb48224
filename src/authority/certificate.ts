import { createHash, type KeyObject } from 'node:crypto';
import {
  bitString,
  boolean,
  context,
  encode,
  Fields,
  integer,
  nullValue,
  octetString,
  oid,
  parse,
  readTime,
  sequence,
  Tag,
  time,
  unsigned,
} from '../formats/der.ts';
import { keyHash, publicKeyInfo, signatureIdentifier, signNow, type AuthorityKey } from './signing.ts';

/** One extension of a certificate or CRL; `value` is the DER that goes into the OCTET STRING. */
export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Buffer;
}

export interface CertificateContent {
  /** Positive, big-endian, at most 20 octets (RFC 5280 §4.1.2.2). */
  readonly serialNumber: Buffer;
  /** DER Names. */
  readonly issuer: Buffer;
  readonly subject: Buffer;
  /** UTC, ms. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly publicKey: KeyObject;
  readonly extensions: readonly Extension[];
}

/** DER Certificate v3 (RFC 5280 §4.1), signed with `key`. */
export function encodeCertificate(content: CertificateContent, key: AuthorityKey): Buffer {
  const algorithm = signatureIdentifier(key);
  const tbs = sequence(
    encode(context(0, true), integer(2)),
    unsigned(content.serialNumber),
    algorithm,
    content.issuer,
    sequence(time(content.notBefore), time(content.notAfter)),
    content.subject,
    publicKeyInfo(content.publicKey),
    ...(content.extensions.length === 0 ? [] : [encode(context(3, true), encodeExtensions(content.extensions))]),
  );
  return sequence(tbs, algorithm, bitString(signNow(key, tbs)));
}

/** SEQUENCE OF Extension. */
export function encodeExtensions(extensions: readonly Extension[]): Buffer {
  return sequence(
    ...extensions.map(({ oid: id, critical, value }) => sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value))),
  );
}

/** Names of the bits of KeyUsage in their order (RFC 5280 §4.2.1.3). */
export const keyUsageBits = [
  'digitalSignature',
  'contentCommitment',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;
export type KeyUsageBit = (typeof keyUsageBits)[number];

/** BIT STRING of a named bit list: zero bits at its end are left out (X.690 §11.2.2). */
export function namedBits(bits: readonly number[]): Buffer {
  const last = Math.max(-1, ...bits);
  const octets = Buffer.alloc(Math.ceil((last + 1) / 8));
  for (const bit of bits) octets.writeUInt8(octets.readUInt8(bit >> 3) | (0x80 >> (bit & 7)), bit >> 3);
  return bitString(octets, last < 0 ? 0 : 7 - (last & 7));
}

export function keyUsage(...usages: readonly KeyUsageBit[]): Extension {
  return { oid: '2.5.29.15', critical: true, value: namedBits(usages.map((usage) => keyUsageBits.indexOf(usage))) };
}

/** @param pathLength absent: unlimited */
export function basicConstraints(ca: boolean, pathLength?: number): Extension {
  const value = sequence(...(ca ? [boolean(true)] : []), ...(pathLength === undefined ? [] : [integer(pathLength)]));
  return { oid: '2.5.29.19', critical: true, value };
}

export function extendedKeyUsage(purposes: readonly string[], critical = false): Extension {
  return { oid: '2.5.29.37', critical, value: sequence(...purposes.map(oid)) };
}

/** Leftmost 160 bits of the SHA-256 of the key (RFC 7093 §2, method 1). */
export function keyIdentifier(publicKey: KeyObject): Buffer {
  return keyHash('sha256', publicKeyInfo(publicKey)).subarray(0, 20);
}

export function subjectKeyIdentifier(publicKey: KeyObject): Extension {
  return { oid: '2.5.29.14', critical: false, value: octetString(keyIdentifier(publicKey)) };
}

export function authorityKeyIdentifier(issuerKey: KeyObject): Extension {
  return { oid: '2.5.29.35', critical: false, value: sequence(encode(context(0), keyIdentifier(issuerKey))) };
}

const uri = (address: string) => encode(context(6), Buffer.from(address, 'latin1'));

/** One distribution point with a fullName for each address (RFC 5280 §4.2.1.13). */
export function crlDistributionPoints(addresses: readonly string[]): Extension {
  const points = addresses.map((address) => sequence(encode(context(0, true), encode(context(0, true), uri(address)))));
  return { oid: '2.5.29.31', critical: false, value: sequence(...points) };
}

/** Where the OCSP responder answers and the issuer's certificate lies (RFC 5280 §4.2.2.1). */
export function authorityInformationAccess(access: { readonly ocsp?: string; readonly caIssuers?: string }): Extension {
  const descriptions = [
    ...(access.ocsp === undefined ? [] : [sequence(oid('1.3.6.1.5.5.7.48.1'), uri(access.ocsp))]),
    ...(access.caIssuers === undefined ? [] : [sequence(oid('1.3.6.1.5.5.7.48.2'), uri(access.caIssuers))]),
  ];
  return { oid: '1.3.6.1.5.5.7.1.1', critical: false, value: sequence(...descriptions) };
}

export function certificatePolicies(policies: readonly string[]): Extension {
  return { oid: '2.5.29.32', critical: false, value: sequence(...policies.map((policy) => sequence(oid(policy)))) };
}

/** id-pkix-ocsp-nocheck (RFC 6960 §4.2.2.2.1). */
export const ocspNoCheck: Extension = { oid: '1.3.6.1.5.5.7.48.1.5', critical: false, value: nullValue };

/** PEM of anything (RFC 7468). */
export function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** SHA-256 of DER bytes, hexadecimal. */
export function fingerprint(der: Buffer): string {
  return createHash('sha256').update(der).digest('hex');
}

/** What later steps need of a certificate that we made ourselves. */
export interface IssuedCertificate {
  /** Unsigned, big-endian. */
  readonly serialNumber: Buffer;
  /** DER Names. */
  readonly issuer: Buffer;
  readonly subject: Buffer;
  /** UTC, ms. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Buffer;
}

/** Reads back the fields of a certificate from the authority's own store. @throws SealError SEAL-INPUT-INVALID */
export function readIssued(der: Buffer): IssuedCertificate {
  const tbs = new Fields(new Fields(parse(der, Tag.sequence), 'Certificate').next(Tag.sequence), 'TBSCertificate');
  tbs.next(context(0, true));
  const serialNumber = tbs.next(Tag.integer).content;
  tbs.next(Tag.sequence);
  const issuer = tbs.next(Tag.sequence).raw;
  const validity = new Fields(tbs.next(Tag.sequence), 'Validity');
  const subject = tbs.next(Tag.sequence).raw;
  const publicKey = tbs.next(Tag.sequence).raw;
  return { serialNumber, issuer, subject, notBefore: readTime(validity.next()), notAfter: readTime(validity.next()), publicKey };
}
