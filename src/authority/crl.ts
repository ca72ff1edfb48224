import { bitString, context, encode, integer, octetString, oid, sequence, Tag, time, unsigned } from '../formats/der.ts';
import { authorityKeyIdentifier, encodeExtensions, readIssued, type Extension } from './certificate.ts';
import { createPublicKey } from 'node:crypto';
import { signatureIdentifier, signNow, type Identity } from './signing.ts';

/** CRLReason (RFC 5280 §5.3.1). */
export const revocationReasons = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  privilegeWithdrawn: 9,
  aACompromise: 10,
} as const;
export type RevocationReason = keyof typeof revocationReasons;

export interface RevokedCertificate {
  /** Unsigned, big-endian. */
  readonly serialNumber: Buffer;
  /** UTC, ms. */
  readonly revocationTime: number;
  readonly reason?: RevocationReason;
}

export interface CrlContent {
  /** Grows with every CRL of the issuer (RFC 5280 §5.2.3). */
  readonly number: bigint;
  /** UTC, ms. */
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  readonly revoked: readonly RevokedCertificate[];
  readonly extensions?: readonly Extension[];
}

/** DER CertificateList v2 (RFC 5280 §5.1), signed by `issuer`. Complete, direct, for all its certificates. */
export function encodeCrl(content: CrlContent, issuer: Identity): Buffer {
  const algorithm = signatureIdentifier(issuer);
  const { subject } = readIssued(issuer.certificate);
  const entries = content.revoked.map(encodeEntry);
  const extensions = [
    authorityKeyIdentifier(createPublicKey(issuer.privateKey)),
    { oid: '2.5.29.20', critical: false, value: integer(content.number) },
    ...(content.extensions ?? []),
  ];
  const tbs = sequence(
    integer(1),
    algorithm,
    subject,
    time(content.thisUpdate),
    time(content.nextUpdate),
    ...(entries.length === 0 ? [] : [sequence(...entries)]),
    encode(context(0, true), encodeExtensions(extensions)),
  );
  return sequence(tbs, algorithm, bitString(signNow(issuer, tbs)));
}

function encodeEntry(entry: RevokedCertificate): Buffer {
  // "unspecified" is said by leaving the reason out (RFC 5280 §5.3.1).
  const reason = entry.reason === undefined || entry.reason === 'unspecified' ? undefined : revocationReasons[entry.reason];
  const extensions =
    reason === undefined ? [] : [sequence(sequence(oid('2.5.29.21'), octetString(encode(Tag.enumerated, Buffer.from([reason])))))];
  return sequence(unsigned(entry.serialNumber), time(entry.revocationTime), ...extensions);
}

/** True when a CRL that ends at `nextUpdate` should be made anew: a third of its life is left, or less. */
export function crlDue(crl: { readonly thisUpdate: number; readonly nextUpdate: number }, now: number): boolean {
  return now >= crl.nextUpdate - (crl.nextUpdate - crl.thisUpdate) / 3 || now < crl.thisUpdate;
}
