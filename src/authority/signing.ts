import { createHash, createPublicKey, generateKeyPair, sign as signBytes, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { context, encode, integer, nullValue, oid, readBitString, readElement, children, sequence } from '../formats/der.ts';
import type { DigestAlgorithm, RsaPadding } from '../model/algorithms.ts';
import { SealError } from '../errors.ts';

/** A key of the authority and how it signs. */
export interface AuthorityKey {
  readonly privateKey: KeyObject;
  readonly digest: DigestAlgorithm;
  /** Only for RSA; `pkcs1` when absent. */
  readonly padding?: RsaPadding;
}

/** A key with its certificate (DER). */
export interface Identity extends AuthorityKey {
  readonly certificate: Buffer;
}

export type KeyKind =
  'rsa2048' | 'rsa3072' | 'rsa4096' | 'p256' | 'p384' | 'p521' | 'brainpoolP256r1' | 'brainpoolP384r1' | 'brainpoolP512r1' | 'ed25519';

const digestOid = { sha256: '2.16.840.1.101.3.4.2.1', sha384: '2.16.840.1.101.3.4.2.2', sha512: '2.16.840.1.101.3.4.2.3' } as const;
const digestLength = { sha256: 32, sha384: 48, sha512: 64 } as const;
const rsaOid = { sha256: '1.2.840.113549.1.1.11', sha384: '1.2.840.113549.1.1.12', sha512: '1.2.840.113549.1.1.13' } as const;
const ecdsaOid = { sha256: '1.2.840.10045.4.3.2', sha384: '1.2.840.10045.4.3.3', sha512: '1.2.840.10045.4.3.4' } as const;

/** DER AlgorithmIdentifier of a digest, parameters absent (RFC 5754 §2). */
export function digestIdentifier(digest: DigestAlgorithm): Buffer {
  return sequence(oid(digestOid[digest]));
}

/** DER AlgorithmIdentifier of the signatures that the key makes (RFC 5754 §3, RFC 4055 §3.1, RFC 8410 §6). */
export function signatureIdentifier(key: AuthorityKey): Buffer {
  const type = key.privateKey.asymmetricKeyType;
  if (type === 'rsa') return key.padding === 'pss' ? pssIdentifier(key.digest) : sequence(oid(rsaOid[key.digest]), nullValue);
  if (type === 'ec') return sequence(oid(ecdsaOid[key.digest]));
  if (type === 'ed25519') return sequence(oid('1.3.101.112'));
  throw new SealError('SEAL-KEY-MECHANISM', `the authority cannot sign with a key of type ${String(type)}`, {
    hint: 'use an RSA, ECDSA or Ed25519 key',
  });
}

function pssIdentifier(digest: DigestAlgorithm): Buffer {
  const hash = sequence(oid(digestOid[digest]), nullValue);
  const mask = sequence(oid('1.2.840.113549.1.1.8'), hash);
  const salt = integer(digestLength[digest]);
  return sequence(
    oid('1.2.840.113549.1.1.10'),
    sequence(encode(context(0, true), hash), encode(context(1, true), mask), encode(context(2, true), salt)),
  );
}

function options(key: AuthorityKey) {
  const pss = key.padding === 'pss' && key.privateKey.asymmetricKeyType === 'rsa';
  return { key: key.privateKey, ...(pss ? { padding: rsaPssPadding, saltLength: digestLength[key.digest] } : {}) };
}
/** RSA_PKCS1_PSS_PADDING of OpenSSL. */
const rsaPssPadding = 6;

const digestName = (key: AuthorityKey) => (key.privateKey.asymmetricKeyType === 'ed25519' ? null : key.digest);

/** Signature value over `data`: RSA block, DER {r, s}, or the 64 bytes of Ed25519. Blocks for the time of one signature. */
export function signNow(key: AuthorityKey, data: Buffer): Buffer {
  return signBytes(digestName(key), data, options(key));
}

/** As `signNow`, off the event loop. */
export function sign(key: AuthorityKey, data: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    signBytes(digestName(key), data, options(key), (error, signature) => {
      if (error) reject(error);
      else resolve(signature);
    });
  });
}

/** DER SubjectPublicKeyInfo that belongs to a private or public key. */
export function publicKeyInfo(key: KeyObject): Buffer {
  return (key.type === 'private' ? createPublicKey(key) : key).export({ type: 'spki', format: 'der' });
}

/** SHA-1 and other hashes over the BIT STRING of a SubjectPublicKeyInfo, without its header octets (RFC 5280 §4.2.1.2, RFC 6960 §4.1.1). */
export function keyHash(algorithm: string, spki: Buffer): Buffer {
  const [, bits] = children(readElement(spki));
  if (bits === undefined) throw new SealError('SEAL-INPUT-INVALID', 'SubjectPublicKeyInfo without a key');
  return createHash(algorithm).update(readBitString(bits).bytes).digest();
}

const generate = promisify(generateKeyPair);
const curves: Partial<Record<KeyKind, string>> = { p256: 'P-256', p384: 'P-384', p521: 'P-521' };

/** A new private key, off the event loop (an RSA-3072 key takes about a second). */
export async function generateKey(kind: KeyKind): Promise<KeyObject> {
  if (kind === 'ed25519') return (await generate('ed25519')).privateKey;
  if (kind.startsWith('rsa')) return (await generate('rsa', { modulusLength: Number(kind.slice(3)) })).privateKey;
  return (await generate('ec', { namedCurve: curves[kind] ?? kind })).privateKey;
}

/** Digest as strong as the key (RFC 5480 §4): SHA-384 from P-384 on, SHA-512 from P-512 on, else SHA-256. */
export function digestFor(key: KeyObject): DigestAlgorithm {
  const curve = key.asymmetricKeyDetails?.namedCurve ?? '';
  return /384/.test(curve) ? 'sha384' : /51[12]|521/.test(curve) ? 'sha512' : 'sha256';
}
