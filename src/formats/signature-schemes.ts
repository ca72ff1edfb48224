import { SealError } from '../errors.ts';
import { children, context, Fields, nullValue, parse, readOid, readSmall, Tag } from './der.ts';
import { parseDigestAlgorithm } from './digests.ts';
import { oidName, oids } from './oids.ts';
import type { OidName } from './oids.ts';
import type { AnyDigest } from '../model/algorithms.ts';

/** How a signature value was made, read from its AlgorithmIdentifier. */
export type SignatureScheme =
  | { readonly scheme: 'rsa-pkcs1' | 'ecdsa' | 'ecdsa-plain' | 'dsa'; readonly digest: AnyDigest }
  | { readonly scheme: 'rsa-pss'; readonly digest: AnyDigest; readonly mgfDigest: AnyDigest; readonly saltLength: number }
  /** The digest is part of the scheme (RFC 8032). */
  | { readonly scheme: 'ed25519' | 'ed448' };

type Hashed = 'rsa-pkcs1' | 'ecdsa' | 'ecdsa-plain' | 'dsa';

const combined: readonly (readonly [OidName, Hashed, AnyDigest])[] = [
  ['md5WithRSAEncryption', 'rsa-pkcs1', 'md5'],
  ['sha1WithRSAEncryption', 'rsa-pkcs1', 'sha1'],
  ['rsaSignatureWithRipemd160', 'rsa-pkcs1', 'ripemd160'],
  ['sha224WithRSAEncryption', 'rsa-pkcs1', 'sha224'],
  ['sha256WithRSAEncryption', 'rsa-pkcs1', 'sha256'],
  ['sha384WithRSAEncryption', 'rsa-pkcs1', 'sha384'],
  ['sha512WithRSAEncryption', 'rsa-pkcs1', 'sha512'],
  ['rsassaPkcs1v15WithSha3-224', 'rsa-pkcs1', 'sha3-224'],
  ['rsassaPkcs1v15WithSha3-256', 'rsa-pkcs1', 'sha3-256'],
  ['rsassaPkcs1v15WithSha3-384', 'rsa-pkcs1', 'sha3-384'],
  ['rsassaPkcs1v15WithSha3-512', 'rsa-pkcs1', 'sha3-512'],
  ['ecdsaWithSHA1', 'ecdsa', 'sha1'],
  ['ecdsaWithSHA224', 'ecdsa', 'sha224'],
  ['ecdsaWithSHA256', 'ecdsa', 'sha256'],
  ['ecdsaWithSHA384', 'ecdsa', 'sha384'],
  ['ecdsaWithSHA512', 'ecdsa', 'sha512'],
  ['ecdsaWithSHA3-224', 'ecdsa', 'sha3-224'],
  ['ecdsaWithSHA3-256', 'ecdsa', 'sha3-256'],
  ['ecdsaWithSHA3-384', 'ecdsa', 'sha3-384'],
  ['ecdsaWithSHA3-512', 'ecdsa', 'sha3-512'],
  ['ecdsaPlainSHA1', 'ecdsa-plain', 'sha1'],
  ['ecdsaPlainSHA224', 'ecdsa-plain', 'sha224'],
  ['ecdsaPlainSHA256', 'ecdsa-plain', 'sha256'],
  ['ecdsaPlainSHA384', 'ecdsa-plain', 'sha384'],
  ['ecdsaPlainSHA512', 'ecdsa-plain', 'sha512'],
  ['ecdsaPlainRipemd160', 'ecdsa-plain', 'ripemd160'],
  ['dsaWithSHA1', 'dsa', 'sha1'],
  ['dsaWithSHA224', 'dsa', 'sha224'],
  ['dsaWithSHA256', 'dsa', 'sha256'],
];

const hashed = new Map<string, { readonly scheme: Hashed; readonly digest: AnyDigest }>(
  combined.map(([name, scheme, digest]) => [oids[name], { scheme, digest }]),
);

/** Key algorithms that stand in SignerInfo.signatureAlgorithm without a digest of their own (RFC 5652, RFC 5754 §3). */
const keyOnly = new Map<string, Hashed>([
  [oids.rsaEncryption, 'rsa-pkcs1'],
  [oids.ecPublicKey, 'ecdsa'],
  [oids.dsa, 'dsa'],
]);

function unsupported(message: string): SealError {
  return new SealError('SEAL-INPUT-INVALID', `algorithm: ${message}`);
}

/**
 * Reads the AlgorithmIdentifier of a signature. Hostile input.
 * @param identifier DER
 * @param messageDigest SignerInfo.digestAlgorithm, for identifiers that name only the key (`rsaEncryption`)
 * @throws SealError SEAL-INPUT-INVALID for an algorithm or parameters that are not supported
 */
export function parseSignatureAlgorithm(identifier: Buffer, messageDigest?: AnyDigest): SignatureScheme {
  const [type, parameters, ...rest] = children(parse(identifier, Tag.sequence));
  if (type === undefined || rest.length > 0) throw unsupported('AlgorithmIdentifier');
  const dotted = readOid(type);
  if (dotted === oids.rsassaPss) return parsePssParameters(parameters?.raw);
  if (parameters !== undefined && !parameters.raw.equals(nullValue)) throw unsupported(`parameters of ${oidName(dotted)}`);
  if (dotted === oids.ed25519) return { scheme: 'ed25519' };
  if (dotted === oids.ed448) return { scheme: 'ed448' };
  const known = hashed.get(dotted);
  if (known) return known;
  const scheme = keyOnly.get(dotted);
  if (scheme === undefined) throw unsupported(`${oidName(dotted)} is not supported`);
  if (messageDigest === undefined) throw unsupported(`${oidName(dotted)} names no digest`);
  return { scheme, digest: messageDigest };
}

/** RSASSA-PSS-params with its defaults (RFC 4055 §3.1). */
function parsePssParameters(parameters: Buffer | undefined): SignatureScheme {
  if (parameters === undefined) throw unsupported('RSASSA-PSS without parameters');
  const fields = new Fields(parse(parameters, Tag.sequence), 'RSASSA-PSS-params');
  const inside = (number: number) => {
    const field = fields.optional(context(number, true));
    return field === undefined ? undefined : parse(field.content);
  };
  const digest = optionalDigest(inside(0)?.raw);
  const mgf = inside(1);
  const salt = inside(2);
  const trailer = inside(3);
  fields.end();
  if (trailer !== undefined && readSmall(trailer) !== 1) throw unsupported('RSASSA-PSS trailer field');
  const saltLength = salt === undefined ? 20 : readSmall(salt);
  if (saltLength < 0 || saltLength > 512) throw unsupported('RSASSA-PSS salt length');
  return { scheme: 'rsa-pss', digest, mgfDigest: mgf === undefined ? 'sha1' : readMgf1(mgf.raw), saltLength };
}

function optionalDigest(identifier: Buffer | undefined): AnyDigest {
  return identifier === undefined ? 'sha1' : parseDigestAlgorithm(identifier);
}

function readMgf1(identifier: Buffer): AnyDigest {
  const [type, digest] = children(parse(identifier, Tag.sequence));
  if (type === undefined || digest === undefined || readOid(type) !== oids.mgf1) throw unsupported('mask generation of RSASSA-PSS');
  return parseDigestAlgorithm(digest);
}

/** Plain words for reports: `RSA-PSS with SHA-256`. */
export function describeScheme(scheme: SignatureScheme): string {
  const names = { 'rsa-pkcs1': 'RSA', 'rsa-pss': 'RSA-PSS', ecdsa: 'ECDSA', 'ecdsa-plain': 'plain ECDSA', dsa: 'DSA' } as const;
  if (!('digest' in scheme)) return scheme.scheme === 'ed25519' ? 'Ed25519' : 'Ed448';
  return `${names[scheme.scheme]} with ${describeDigest(scheme.digest)}`;
}

/** Name of a digest as people write it: `SHA-256`, `SHA3-512`. */
export function describeDigest(digest: AnyDigest): string {
  return digest.toUpperCase().replace(/^SHA(?=\d+$)/, 'SHA-');
}
