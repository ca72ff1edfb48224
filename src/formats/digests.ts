import { createHash, hash } from 'node:crypto';
import { SealError } from '../errors.ts';
import { encode, nullValue, oid, readElement, readOid, sequence, Tag } from './der.ts';
import { oidName, oids } from './oids.ts';
import type { Element } from './der.ts';
import type { AnyDigest } from '../model/algorithms.ts';

/** Length of each digest in bytes. */
export const digestLengths: Readonly<Record<AnyDigest, number>> = {
  md5: 16,
  sha1: 20,
  ripemd160: 20,
  sha224: 28,
  sha256: 32,
  sha384: 48,
  sha512: 64,
  'sha3-224': 28,
  'sha3-256': 32,
  'sha3-384': 48,
  'sha3-512': 64,
};

/** Every digest that can be read. */
export const anyDigests = Object.keys(digestLengths) as readonly AnyDigest[];

const byOid = new Map<string, AnyDigest>(anyDigests.map((digest) => [oids[digest], digest]));

/** Up to here copying the parts together costs less than a hash object. */
const copied = 16_384;

/** Digest of the bytes given, in their order. */
export function digestOf(algorithm: AnyDigest, ...parts: readonly Uint8Array[]): Buffer {
  const [only] = parts;
  if (parts.length === 1 && only) return hash(algorithm, only, 'buffer');
  let length = 0;
  for (const part of parts) length += part.length;
  if (length <= copied) return hash(algorithm, Buffer.concat(parts, length), 'buffer');
  const hashing = createHash(algorithm);
  for (const part of parts) hashing.update(part);
  return hashing.digest();
}

/** SHA-256, the fingerprint by which certificates and other objects are named in reports and stores. */
export function sha256(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes, 'buffer');
}

/** The digest with this dotted identifier; undefined when it is none that we read. */
export function digestByOid(dotted: string): AnyDigest | undefined {
  return byOid.get(dotted);
}

/**
 * Digest named by an AlgorithmIdentifier (parameters absent or NULL: RFC 5754 §2). Hostile input.
 * @throws SealError SEAL-INPUT-INVALID for another algorithm or other parameters
 */
export function parseDigestAlgorithm(identifier: Element | Buffer): AnyDigest {
  const { content, tag } = Buffer.isBuffer(identifier) ? readElement(identifier) : identifier;
  if (tag !== Tag.sequence) throw unsupported('not an AlgorithmIdentifier');
  const type = readElement(content);
  const digest = byOid.get(readOid(type));
  if (digest === undefined) throw unsupported(`digest ${oidName(readOid(type))} is not supported`);
  const parameters = content.subarray(type.raw.length);
  if (parameters.length > 0 && !parameters.equals(nullValue)) throw unsupported(`parameters of ${digest}`);
  return digest;
}

const written = new Map<AnyDigest, Buffer>();

/** AlgorithmIdentifier of a digest, DER, parameters absent (RFC 5754 §2). Shared: do not change it. */
export function digestAlgorithmIdentifier(digest: AnyDigest): Buffer {
  const known = written.get(digest);
  if (known) return known;
  const identifier = sequence(oid(oids[digest]));
  written.set(digest, identifier);
  return identifier;
}

/** AlgorithmIdentifier with NULL parameters, as RFC 4055 §2.1 wants it inside RSASSA-PSS-params. */
export function digestAlgorithmIdentifierWithNull(digest: AnyDigest): Buffer {
  return encode(Tag.sequence, oid(oids[digest]), nullValue);
}

function unsupported(message: string): SealError {
  return new SealError('SEAL-INPUT-INVALID', `algorithm: ${message}`);
}
