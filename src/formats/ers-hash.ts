import { digestOf } from './digests.ts';
import type { AnyDigest } from '../model/algorithms.ts';

/**
 * Hash of a list of hashes: sorted in unsigned binary ascending order, concatenated, hashed; one alone passes through unhashed
 * (RFC 4998 §4.2; evidence-records 1, 2). This is a group's leaf and every node of a tree.
 */
export function hashList(hashes: readonly Buffer[], digest: AnyDigest): Buffer {
  const [only] = hashes;
  if (hashes.length === 1 && only) return only;
  return digestOf(digest, Buffer.concat([...hashes].sort((a, b) => Buffer.compare(a, b))));
}

/**
 * Root that a reduced hash tree leads to (RFC 4998 §4.3 step 4; evidence-records 2): each further list gets the result so far added.
 * @param lists at least one; list 0 holds the object's hash, or all hashes of its group
 */
export function reduceTree(lists: readonly (readonly Buffer[])[], digest: AnyDigest): Buffer {
  const [first = [], ...rest] = lists;
  return rest.reduce((node, list) => hashList([...list, node], digest), hashList(first, digest));
}
