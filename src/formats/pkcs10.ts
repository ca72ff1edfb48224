import { bitString, context, encode, integer, nullValue, oid, sequence, setOf, unsigned } from './der.ts';
import { oids } from './oids.ts';
import { encodeExtensions, keyUsage } from './x509-extensions-write.ts';
import type { KeyUsage } from './x509-extensions.ts';

/** A name beside the subject (RFC 5280 §4.2.1.6). */
export interface AlternativeName {
  readonly kind: 'email' | 'dns' | 'uri';
  /** ASCII. */
  readonly value: string;
}

export interface NewRequest {
  /** DER Name. */
  readonly subject: Buffer;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Buffer;
  readonly keyUsage: readonly KeyUsage[];
  readonly alternativeNames: readonly AlternativeName[];
}

/** GeneralName choices. */
const choices = { email: 1, dns: 2, uri: 6 } as const;

/**
 * CertificationRequestInfo (RFC 2986 §4.1), what the key signs: with key usage and alternative names as requested extensions (RFC 2985 §5.4.2).
 * @returns DER
 */
export function buildRequestInfo({ subject, spki, keyUsage: usages, alternativeNames }: NewRequest): Buffer {
  const names = alternativeNames.map(({ kind, value }) => encode(context(choices[kind]), Buffer.from(value, 'latin1')));
  const extensions = encodeExtensions([
    keyUsage(...usages),
    ...(names.length === 0 ? [] : [{ oid: oids.subjectAltName, critical: false, value: sequence(...names) }]),
  ]);
  const attribute = sequence(oid(oids.extensionRequest), setOf(extensions));
  return sequence(integer(0), subject, spki, encode(context(0, true), attribute));
}

/**
 * CertificationRequest (RFC 2986 §4.2).
 * @param info from `buildRequestInfo` @param algorithm DER AlgorithmIdentifier @param signature value over `info`
 * @returns DER
 */
export function buildRequest(info: Buffer, algorithm: Buffer, signature: Buffer): Buffer {
  return sequence(info, algorithm, bitString(signature));
}

/** DER SubjectPublicKeyInfo of an RSA key (RFC 3279 §2.3.1). @param modulus unsigned @param exponent unsigned */
export function rsaPublicKeyInfo(modulus: Buffer, exponent: Buffer): Buffer {
  return sequence(sequence(oid(oids.rsaEncryption), nullValue), bitString(sequence(unsigned(modulus), unsigned(exponent))));
}

/** DER SubjectPublicKeyInfo of an elliptic key (RFC 5480 §2). @param parameters DER ECParameters @param point uncompressed */
export function ecPublicKeyInfo(parameters: Buffer, point: Buffer): Buffer {
  return sequence(sequence(oid(oids.ecPublicKey), parameters), bitString(point));
}
