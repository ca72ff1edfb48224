import { constants, createPublicKey, generateKeyPair, sign as signBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { digestLengths, keyTypeOf, signatureAlgorithmIdentifier } from '../formats/algorithms.ts';
import type { KeyObject } from 'node:crypto';
import type { DigestAlgorithm, RsaPadding } from '../model/algorithms.ts';

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

const keyKinds = {
  rsa2048: { modulusLength: 2048 },
  rsa3072: { modulusLength: 3072 },
  rsa4096: { modulusLength: 4096 },
  p256: { namedCurve: 'P-256' },
  p384: { namedCurve: 'P-384' },
  p521: { namedCurve: 'P-521' },
  brainpoolP256r1: { namedCurve: 'brainpoolP256r1' },
  brainpoolP384r1: { namedCurve: 'brainpoolP384r1' },
  brainpoolP512r1: { namedCurve: 'brainpoolP512r1' },
  ed25519: {},
} as const satisfies Record<string, { readonly modulusLength: number } | { readonly namedCurve: string } | object>;
export type KeyKind = keyof typeof keyKinds;

const generate = promisify(generateKeyPair);

/** A new private key, off the event loop (an RSA-3072 key takes about a second). */
export async function generateKey(kind: KeyKind): Promise<KeyObject> {
  const parameters = keyKinds[kind];
  if ('modulusLength' in parameters) return (await generate('rsa', parameters)).privateKey;
  if ('namedCurve' in parameters) return (await generate('ec', parameters)).privateKey;
  return (await generate('ed25519')).privateKey;
}

/** The key with the digest that fits its strength (RFC 5480 §4): SHA-384 for 384 bits, SHA-512 above, else SHA-256. */
export function authorityKey(privateKey: KeyObject, padding?: RsaPadding): AuthorityKey {
  const { type, bits } = keyTypeOf(privateKey);
  const digest = type !== 'ec' || bits < 384 ? 'sha256' : bits === 384 ? 'sha384' : 'sha512';
  return { privateKey, digest, ...(padding === undefined ? {} : { padding }) };
}

/** DER AlgorithmIdentifier of the signatures that the key makes. */
export function signatureIdentifier({ privateKey, digest, padding = 'pkcs1' }: AuthorityKey): Buffer {
  return signatureAlgorithmIdentifier(keyTypeOf(privateKey), { digest, padding });
}

/** DER SubjectPublicKeyInfo that belongs to a private or public key. */
export function publicKeyInfo(key: KeyObject): Buffer {
  return (key.type === 'private' ? createPublicKey(key) : key).export({ type: 'spki', format: 'der' });
}

function parameters({ privateKey, digest, padding }: AuthorityKey) {
  const scheme = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: digestLengths[digest] };
  return { key: privateKey, ...(padding === 'pss' && privateKey.asymmetricKeyType === 'rsa' ? scheme : {}) };
}

/** Ed25519 takes the data itself (RFC 8032). */
const hashName = ({ privateKey, digest }: AuthorityKey) => (privateKey.asymmetricKeyType === 'ed25519' ? null : digest);

/** Signature value over `data`: RSA block, DER {r, s}, or the 64 bytes of Ed25519. Blocks for the time of one signature. */
export function signNow(key: AuthorityKey, data: Buffer): Buffer {
  return signBytes(hashName(key), data, parameters(key));
}

/** As `signNow`, off the event loop. */
export function sign(key: AuthorityKey, data: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    signBytes(hashName(key), data, parameters(key), (error, signature) => {
      if (error) reject(error);
      else resolve(signature);
    });
  });
}
