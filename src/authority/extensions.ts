import { boolean, context, encode, integer, nullValue, octetString, oid, sequence } from '../formats/der.ts';
import { sha256 } from '../formats/digests.ts';
import { publicKeyBits } from '../formats/ocsp.ts';
import { oids } from '../formats/oids.ts';
import type { Extension } from '../formats/x509-extensions-write.ts';

export { encodeExtensions, keyUsage, namedBits } from '../formats/x509-extensions-write.ts';
export type { Extension } from '../formats/x509-extensions-write.ts';

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
