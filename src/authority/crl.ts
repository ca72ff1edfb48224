import { bitString, context, encode, integer, octetString, oid, sequence, Tag, time, unsigned } from '../formats/der.ts';
import { oids } from '../formats/oids.ts';
import { parseCertificate } from '../formats/x509.ts';
import { authorityKeyIdentifier, encodeExtensions } from './extensions.ts';
import { publicKeyInfo, signatureIdentifier, signNow } from './signing.ts';
import type { RevocationReason } from '../formats/crl.ts';
import type { Extension } from './extensions.ts';
import type { Identity } from './signing.ts';

/** Numbers of CRLReason (RFC 5280 §5.3.1). */
export const revocationReasons = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  removeFromCRL: 8,
  privilegeWithdrawn: 9,
  aACompromise: 10,
} as const satisfies Record<RevocationReason, number>;

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
  const { subject } = parseCertificate(issuer.certificate);
  const entries = content.revoked.map(encodeEntry);
  const extensions = [
    authorityKeyIdentifier(publicKeyInfo(issuer.privateKey)),
    { oid: oids.cRLNumber, critical: false, value: integer(content.number) },
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
    reason === undefined ? [] : [sequence(sequence(oid(oids.cRLReasons), octetString(encode(Tag.enumerated, Buffer.from([reason])))))];
  return sequence(unsigned(entry.serialNumber), time(entry.revocationTime), ...extensions);
}

/** Validity of a CRL, UTC ms. */
export interface CrlPeriod {
  readonly thisUpdate: number;
  readonly nextUpdate: number;
}

/** Whether the CRL should be made anew: `interval` ms after it was made, in any case before it ends, and when the clock was set back. */
export function crlDue(crl: CrlPeriod, now: number, interval: number): boolean {
  return now >= Math.min(crl.thisUpdate + interval, crl.nextUpdate - (crl.nextUpdate - crl.thisUpdate) / 3) || now < crl.thisUpdate;
}
