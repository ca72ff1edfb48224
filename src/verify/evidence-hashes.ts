import { encodeArchiveTimeStampSequence } from '../formats/ers-write.ts';
import { toDer } from '../formats/der-canonical.ts';
import { digestLengths, digestOf } from '../formats/digests.ts';
import { hashList, reduceTree } from '../formats/ers-hash.ts';
import type { ArchiveTimeStampChain } from '../formats/ers.ts';
import type { TimestampToken } from '../formats/tsp.ts';
import type { AnyDigest } from '../model/algorithms.ts';

/** An archived object: bytes that can be hashed, or digests that are known. */
export interface EvidenceObject {
  /** In reports. */
  readonly name: string;
  /** Undefined when the bytes are not at hand and this digest of them is not known. */
  digest(algorithm: AnyDigest): Buffer | undefined;
  /** The bytes, the first ones alone where a number is given; undefined where they are not at hand or do not fit into memory. */
  bytes?(first?: number): Buffer | undefined;
}

/** How a hash was found in a record's first list. */
export type RehashOrder = 'unsorted' | 'sorted';

/** What one object's hash may look like in the first timestamp of a chain. */
export interface ExpectedHash {
  readonly hash: Buffer;
  /** Only behind a hash-tree renewal (RFC 4998). */
  readonly order?: RehashOrder;
  /** Of an XML document in canonical form (RFC 6283). */
  readonly canonical?: boolean;
}

/**
 * Hashes that may stand for an object in the first timestamp of a chain. In the first chain H(d); behind a hash-tree renewal H(H(d) ‖ ha)
 * (RFC 4998 §5.3; evidence-records 10), or both sorted (erratum 7411; evidence-records 11).
 * @param sequenceHashes ha of the earlier chains, see `sequenceHashesOf`; none for the first chain
 */
export function expectedHashes(objectHash: Buffer, digest: AnyDigest, sequenceHashes: readonly Buffer[]): ExpectedHash[] {
  if (sequenceHashes.length === 0) return [{ hash: objectHash }];
  return sequenceHashes.flatMap((sequenceHash) => [
    { hash: digestOf(digest, objectHash, sequenceHash), order: 'unsorted' as const },
    { hash: hashList([objectHash, sequenceHash], digest), order: 'sorted' as const },
  ]);
}

/** ha: H over the sequence of all earlier chains, as they came, and in DER where that differs (evidence-records 10, 14). */
export function sequenceHashesOf(earlier: readonly ArchiveTimeStampChain[], digest: AnyDigest): Buffer[] {
  if (earlier.length === 0) return [];
  const sequence = encodeArchiveTimeStampSequence(earlier.map(({ raw }) => raw));
  return encodings(sequence).map((bytes) => digestOf(digest, bytes));
}

/** Hashes of a token, as it came and in DER: what the next timestamp of its chain covers (RFC 4998 §5.2; evidence-records 7, 14). */
export function tokenHashes(timeStamp: Buffer, digest: AnyDigest): Buffer[] {
  return encodings(timeStamp).map((bytes) => digestOf(digest, bytes));
}

function encodings(bytes: Buffer): Buffer[] {
  const der = toDer(bytes);
  return der.equals(bytes) ? [bytes] : [bytes, der];
}

/** A hash tree and the timestamp that closes it. */
interface ClosedTree {
  readonly hashTree?: readonly (readonly Buffer[])[];
  readonly digest: AnyDigest;
  readonly token: TimestampToken;
}

/** The hashes of list 0; without a tree the imprint itself is the one hash (RFC 4998 §4.3; RFC 6283 §3.3 step 4; evidence-records 5). */
export function firstList({ hashTree, token }: Omit<ClosedTree, 'digest'>): readonly Buffer[] {
  return hashTree?.[0] ?? [token.messageImprint.value];
}

/** Whether the reduced hash tree, made of hashes of that digest only, leads to the imprint (RFC 4998 §4.3; RFC 6283 §3.3 step 3). */
export function leadsTo({ hashTree, digest, token }: ClosedTree): boolean {
  if (hashTree === undefined) return true;
  if (hashTree.some((list) => list.some((hash) => hash.length !== digestLengths[digest]))) return false;
  return reduceTree(hashTree, digest).equals(token.messageImprint.value);
}
