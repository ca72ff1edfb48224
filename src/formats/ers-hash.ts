import { hash } from 'node:crypto';
import type { AnyDigest } from '../model/algorithms.ts';

/** Bytes of a digest. */
export const digestSizes: Readonly<Record<AnyDigest, number>> = {
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

/** H over the parts as if they were one. */
export function digestOf(digest: AnyDigest, ...parts: readonly Uint8Array[]): Buffer {
  return hash(digest, parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts), 'buffer');
}

/**
 * Hash of a list of hashes: sorted in unsigned binary ascending order, concatenated, hashed; one alone passes through unhashed
 * (RFC 4998 §4.2; evidence-records 1, 2). This is a group's leaf and every node of a tree.
 */
export function hashList(hashes: readonly Buffer[], digest: AnyDigest): Buffer {
  const [only] = hashes;
  if (hashes.length === 1 && only) return only;
  return digestOf(digest, ...[...hashes].sort((a, b) => Buffer.compare(a, b)));
}

/**
 * Root that a reduced hash tree leads to (RFC 4998 §4.3 step 4; evidence-records 2): each further list gets the result so far added.
 * @param lists at least one; list 0 holds the object's hash, or all hashes of its group
 */
export function reduceTree(lists: readonly (readonly Buffer[])[], digest: AnyDigest): Buffer {
  const [first = [], ...rest] = lists;
  return rest.reduce((node, list) => hashList([...list, node], digest), hashList(first, digest));
}
