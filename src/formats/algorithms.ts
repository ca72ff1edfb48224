import { constants, createPublicKey, verify } from 'node:crypto';
import { SealError } from '../errors.ts';
import { bitString, context, encode, integer, nullValue, oid, sequence, unsigned } from './der.ts';
import { digestAlgorithmIdentifierWithNull, digestLengths } from './digests.ts';
import { oids } from './oids.ts';
import { parseSignatureAlgorithm } from './signature-schemes.ts';
import type { KeyObject } from 'node:crypto';
import type { SignatureScheme } from './signature-schemes.ts';
import type { AnyDigest, DigestAlgorithm, KeyType, SignatureAlgorithm } from '../model/algorithms.ts';

export { describeDigest, describeScheme, parseSignatureAlgorithm } from './signature-schemes.ts';
export type { SignatureScheme } from './signature-schemes.ts';
export { anyDigests, digestAlgorithmIdentifier, digestByOid, digestLengths, digestOf, parseDigestAlgorithm, sha256 } from './digests.ts';

const rsaOids: Readonly<Record<DigestAlgorithm, string>> = {
  sha256: oids.sha256WithRSAEncryption,
  sha384: oids.sha384WithRSAEncryption,
  sha512: oids.sha512WithRSAEncryption,
};
const ecdsaOids: Readonly<Record<DigestAlgorithm, string>> = {
  sha256: oids.ecdsaWithSHA256,
  sha384: oids.ecdsaWithSHA384,
  sha512: oids.ecdsaWithSHA512,
};

/**
 * AlgorithmIdentifier of a signature that the key will make, DER (RFC 4055 §3 and §5, RFC 5758 §3.2, RFC 8410 §3).
 * An RSA key of type `rsa-pss` always signs with PSS.
 * @throws SealError SEAL-KEY-MECHANISM for DSA keys, which are only verified
 */
export function signatureAlgorithmIdentifier(key: KeyType, algorithm: SignatureAlgorithm): Buffer {
  switch (key.type) {
    case 'rsa':
    case 'rsa-pss':
      return key.type === 'rsa-pss' || algorithm.padding === 'pss'
        ? pssIdentifier(algorithm.digest, algorithm.digest, digestLengths[algorithm.digest])
        : sequence(oid(rsaOids[algorithm.digest]), nullValue);
    case 'ec':
      return sequence(oid(ecdsaOids[algorithm.digest]));
    case 'ed25519':
    case 'ed448':
      return sequence(oid(oids[key.type]));
    case 'dsa':
      throw new SealError('SEAL-KEY-MECHANISM', 'DSA keys do not sign', { hint: 'use an RSA, ECDSA or Ed25519 key' });
  }
}

/** Whether a key of this type makes such signatures in CMS. Ed25519 takes the data itself, and SHA-512 for everything around it (RFC 8419 §3.1). */
export function signsWith(key: KeyType, algorithm: SignatureAlgorithm): boolean {
  switch (key.type) {
    case 'rsa':
    case 'ec':
      return true;
    case 'rsa-pss':
      return algorithm.padding === 'pss';
    case 'ed25519':
      return algorithm.digest === 'sha512';
    case 'ed448':
    case 'dsa':
      return false;
  }
}

function pssIdentifier(digest: AnyDigest, mgfDigest: AnyDigest, saltLength: number): Buffer {
  const hashId = digestAlgorithmIdentifierWithNull(digest);
  const mgfId = sequence(oid(oids.mgf1), digestAlgorithmIdentifierWithNull(mgfDigest));
  // DER leaves out what equals its default (X.690 §11.5).
  const parameters = sequence(
    ...(digest === 'sha1' ? [] : [encode(context(0, true), hashId)]),
    ...(mgfDigest === 'sha1' ? [] : [encode(context(1, true), mgfId)]),
    ...(saltLength === 20 ? [] : [encode(context(2, true), integer(saltLength))]),
  );
  return sequence(oid(oids.rsassaPss), parameters);
}

const schemes = new Map<string, SignatureScheme>();

function cachedScheme(identifier: Buffer, messageDigest?: AnyDigest): SignatureScheme {
  const name = `${messageDigest ?? ''}:${identifier.toString('latin1')}`;
  const known = schemes.get(name);
  if (known) return known;
  const scheme = parseSignatureAlgorithm(identifier, messageDigest);
  if (schemes.size < 256) schemes.set(name, scheme);
  return scheme;
}

/**
 * Whether `signature` is the key's signature over `data`. Hostile input; never throws: an algorithm that is not supported or does not fit the
 * key makes the signature a bad one.
 * @param identifier DER AlgorithmIdentifier of the signature
 * @param signature RSA block, or DER SEQUENCE {r, s} for ECDSA and DSA
 * @param messageDigest SignerInfo.digestAlgorithm, for identifiers that name only the key
 */
export function verifySignature(key: KeyObject, identifier: Buffer, data: Buffer, signature: Buffer, messageDigest?: AnyDigest): boolean {
  try {
    return verifyScheme(key, cachedScheme(identifier, messageDigest), data, signature);
  } catch {
    return false;
  }
}

function verifyScheme(key: KeyObject, scheme: SignatureScheme, data: Buffer, signature: Buffer): boolean {
  const type = key.asymmetricKeyType;
  switch (scheme.scheme) {
    case 'rsa-pkcs1':
      // PKCS#1 v1.5 is what an RSA key does by itself; naming it makes the check cost half as much again.
      return type === 'rsa' && verify(scheme.digest, data, key, signature);
    case 'rsa-pss':
      return verifyPss(key, scheme, data, signature);
    case 'ecdsa':
      return type === 'ec' && verify(scheme.digest, data, key, signature);
    case 'ecdsa-plain':
      return type === 'ec' && verify(scheme.digest, data, { key, dsaEncoding: 'ieee-p1363' }, signature);
    case 'dsa':
      return type === 'dsa' && verify(scheme.digest, data, { key, dsaEncoding: 'der' }, signature);
    case 'ed25519':
    case 'ed448':
      return type === scheme.scheme && verify(null, data, key, signature);
  }
}

type Pss = Extract<SignatureScheme, { scheme: 'rsa-pss' }>;

function verifyPss(key: KeyObject, scheme: Pss, data: Buffer, signature: Buffer): boolean {
  const type = key.asymmetricKeyType;
  if (type !== 'rsa' && type !== 'rsa-pss') return false;
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  const { saltLength } = scheme;
  const fitting = scheme.mgfDigest === scheme.digest || type === 'rsa-pss' ? key : withPssParameters(key, scheme);
  return verify(scheme.digest, data, { key: fitting, padding, saltLength }, signature);
}

/** node:crypto takes the MGF1 digest only from the parameters of an id-RSASSA-PSS key: the same key, written that way. */
function withPssParameters(key: KeyObject, scheme: Pss): KeyObject {
  const identifier = pssIdentifier(scheme.digest, scheme.mgfDigest, scheme.saltLength);
  const spki = sequence(identifier, bitString(key.export({ type: 'pkcs1', format: 'der' })));
  return createPublicKey({ key: spki, format: 'der', type: 'spki' });
}

/** DER SEQUENCE {r, s} from the raw r‖s that PKCS#11 returns (RFC 3279 §2.2.3). */
export function ecdsaSignatureFromRaw(raw: Buffer): Buffer {
  const half = raw.length / 2;
  return sequence(unsigned(raw.subarray(0, half)), unsigned(raw.subarray(half)));
}

/**
 * What a public key is.
 * @throws SealError SEAL-INPUT-INVALID for a kind of key that is not supported
 */
export function keyTypeOf(key: KeyObject): KeyType {
  const type = key.asymmetricKeyType;
  const details = key.asymmetricKeyDetails;
  if (type === 'rsa' || type === 'rsa-pss' || type === 'dsa') return { type, bits: details?.modulusLength ?? 0 };
  if (type === 'ed25519') return { type, bits: 256 };
  if (type === 'ed448') return { type, bits: 456 };
  if (type === 'ec') {
    const curve = details?.namedCurve ?? 'explicit';
    return { type, curve, bits: Number(/\d{3}/.exec(curve)?.[0] ?? 0) };
  }
  throw new SealError('SEAL-INPUT-INVALID', `public keys of type ${type ?? 'unknown'} are not supported`);
}
