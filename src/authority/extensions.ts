import { bitString, boolean, context, encode, integer, nullValue, octetString, oid, sequence } from '../formats/der.ts';
import { sha256 } from '../formats/digests.ts';
import { publicKeyBits } from '../formats/ocsp.ts';
import { oids } from '../formats/oids.ts';
import { keyUsages } from '../formats/x509-extensions.ts';
import type { KeyUsage } from '../formats/x509-extensions.ts';

/** One extension of a certificate or CRL; `value` is the DER that goes into the OCTET STRING. */
export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Buffer;
}

/** SEQUENCE OF Extension (RFC 5280 §4.1). */
export function encodeExtensions(extensions: readonly Extension[]): Buffer {
  return sequence(
    ...extensions.map(({ oid: id, critical, value }) => sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value))),
  );
}

/** BIT STRING of a named bit list: zero bits at its end are left out (X.690 §11.2.2). */
export function namedBits(bits: readonly number[]): Buffer {
  const last = Math.max(-1, ...bits);
  const octets = Buffer.alloc(Math.ceil((last + 1) / 8));
  for (const bit of bits) octets.writeUInt8(octets.readUInt8(bit >> 3) | (0x80 >> (bit & 7)), bit >> 3);
  return bitString(octets, last < 0 ? 0 : 7 - (last & 7));
}

export function keyUsage(...usages: readonly KeyUsage[]): Extension {
  return { oid: oids.keyUsage, critical: true, value: namedBits(usages.map((usage) => keyUsages.indexOf(usage))) };
}

/** @param pathLength absent: unlimited */
export function basicConstraints(ca: boolean, pathLength?: number): Extension {
  const value = sequence(...(ca ? [boolean(true)] : []), ...(pathLength === undefined ? [] : [integer(pathLength)]));
  return { oid: oids.basicConstraints, critical: true, value };
}

/** @param purposes dotted */
export function extendedKeyUsage(purposes: readonly string[], critical = false): Extension {
  return { oid: oids.extKeyUsage, critical, value: sequence(...purposes.map(oid)) };
}

/** Leftmost 160 bits of the SHA-256 of the key (RFC 7093 §2, method 1). */
function keyIdentifier(spki: Buffer): Buffer {
  return sha256(publicKeyBits(spki)).subarray(0, 20);
}

export function subjectKeyIdentifier(spki: Buffer): Extension {
  return { oid: oids.subjectKeyIdentifier, critical: false, value: octetString(keyIdentifier(spki)) };
}

/** @param issuerSpki DER SubjectPublicKeyInfo of the issuer */
export function authorityKeyIdentifier(issuerSpki: Buffer): Extension {
  return { oid: oids.authorityKeyIdentifier, critical: false, value: sequence(encode(context(0), keyIdentifier(issuerSpki))) };
}

/** GeneralName uniformResourceIdentifier. */
const uri = (address: string) => encode(context(6), Buffer.from(address, 'latin1'));

/** One distribution point with a fullName for each address (RFC 5280 §4.2.1.13). */
export function crlDistributionPoints(addresses: readonly string[]): Extension {
  const points = addresses.map((address) => sequence(encode(context(0, true), encode(context(0, true), uri(address)))));
  return { oid: oids.cRLDistributionPoints, critical: false, value: sequence(...points) };
}

/** Where the OCSP responder answers and the issuer's certificate lies (RFC 5280 §4.2.2.1). */
export function authorityInformationAccess(access: { readonly ocsp?: string; readonly caIssuers?: string }): Extension {
  const descriptions = [
    ...(access.ocsp === undefined ? [] : [sequence(oid(oids.ocsp), uri(access.ocsp))]),
    ...(access.caIssuers === undefined ? [] : [sequence(oid(oids.caIssuers), uri(access.caIssuers))]),
  ];
  return { oid: oids.authorityInfoAccess, critical: false, value: sequence(...descriptions) };
}

/** id-pkix-ocsp-nocheck (RFC 6960 §4.2.2.2.1). */
export const ocspNoCheck: Extension = { oid: oids.ocspNoCheck, critical: false, value: nullValue };
