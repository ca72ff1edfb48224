import { context, encode, encodeHeader, integer, octetString, retag, sequence, Tag } from './der.ts';
import { digestAlgorithmIdentifier, digestLengths } from './digests.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';

/** What an ArchiveTimeStamp is written from (RFC 4998 §4.1; Basis-ERS profile, evidence-records 17–20). */
export interface ArchiveTimeStampContent {
  readonly digestAlgorithm: DigestAlgorithm;
  /** List 0: the object's hash, or all hashes of its group or of the renewed tokens. */
  readonly reducedHashtree: readonly (readonly Buffer[])[];
  /** DER TimeStampToken, frozen. */
  readonly timeStamp: Buffer;
}

/**
 * DER ArchiveTimeStamp. digestAlgorithm is always written (evidence-records 5); hashes of a list in ascending order.
 */
export function encodeArchiveTimeStamp({ digestAlgorithm, reducedHashtree, timeStamp }: ArchiveTimeStampContent): Buffer {
  const lists = reducedHashtree.map((list) => sequence(Buffer.concat(inOrder(list).map((hash) => octetString(hash)))));
  return sequence(algorithmField(digestAlgorithm), encode(context(2, true), ...lists), timeStamp);
}

/** DER ArchiveTimeStampSequence: what ha of a hash-tree renewal is computed over (RFC 4998 §5.3; evidence-records 10). @param chains DER */
export function encodeArchiveTimeStampSequence(chains: readonly Buffer[]): Buffer {
  return sequence(...chains);
}

/** A chain whose archive timestamps are encoded already: DER ArchiveTimeStamps of one digest, oldest first. */
export interface EncodedChain {
  readonly digest: DigestAlgorithm;
  readonly timestamps: readonly Buffer[];
}

/** DER ArchiveTimeStampSequence of encoded chains, oldest first. */
export function assembleSequence(chains: readonly EncodedChain[]): Buffer {
  return encodeArchiveTimeStampSequence(chains.map(({ timestamps }) => sequence(...timestamps)));
}

/** DER EvidenceRecord of encoded chains, oldest first. Each digest is listed once (evidence-records 6). */
export function assembleEvidenceRecord(chains: readonly EncodedChain[]): Buffer {
  const digests = new Set(chains.map(({ digest }) => digest));
  return sequence(integer(1), sequence(...[...digests].map(digestAlgorithmIdentifier)), assembleSequence(chains));
}

/** DER EvidenceRecord of chains, oldest first, each with the timestamps of one digest. */
export function encodeEvidenceRecord(chains: readonly (readonly ArchiveTimeStampContent[])[]): Buffer {
  return assembleEvidenceRecord(
    chains.map((chain) => ({ digest: chain[0]?.digestAlgorithm ?? 'sha256', timestamps: chain.map(encodeArchiveTimeStamp) })),
  );
}

/** Records share memory in pieces of this size: a million small allocations cost more than the records. */
const slabSize = 256 * 1024;

/**
 * Writer of all records of one tree with one chain: the same bytes as `encodeEvidenceRecord`, some ten times as fast, because all
 * but the hashes is the same in each. A record that is kept keeps up to 256 KiB of its neighbours with it.
 * @param following DER ArchiveTimeStamps that renew the first one, concatenated
 * @returns members of list 0 (one hash, or those of a group) and the path, one hash a list → DER EvidenceRecord
 */
export function recordWriter(
  digest: DigestAlgorithm,
  timeStamp: Buffer,
  following: Buffer = Buffer.alloc(0),
): (members: readonly Buffer[], path: readonly Buffer[]) => Buffer {
  const entry = digestLengths[digest] + 2;
  const single = Buffer.concat([encodeHeader(Tag.sequence, entry), encodeHeader(Tag.octetString, entry - 2)]);
  const hashHeader = encodeHeader(Tag.octetString, entry - 2);
  const prefixes = new Map<number, Buffer>();
  let slab = Buffer.alloc(0);
  let free = 0;
  const allocate = (length: number): Buffer => {
    if (free + length > slab.length) {
      // The first record, often the only one, gets just its own bytes.
      slab = Buffer.allocUnsafeSlow(slab.length === 0 ? length : Math.max(length, slabSize));
      free = 0;
    }
    free += length;
    return slab.subarray(free - length, free);
  };
  return (members, path) => {
    const first = encodeHeader(Tag.sequence, members.length * entry);
    const treeLength = first.length + members.length * entry + path.length * (entry + 2);
    let prefix = prefixes.get(treeLength);
    if (prefix === undefined) prefixes.set(treeLength, (prefix = recordPrefix(digest, treeLength, timeStamp.length, following.length)));
    const record = allocate(prefix.length + treeLength + timeStamp.length + following.length);
    let at = prefix.copy(record);
    at += first.copy(record, at);
    for (const member of members.length > 1 ? inOrder(members) : members) {
      at += hashHeader.copy(record, at);
      at += member.copy(record, at);
    }
    for (const hash of path) {
      at += single.copy(record, at);
      at += hash.copy(record, at);
    }
    at += timeStamp.copy(record, at);
    following.copy(record, at);
    return record;
  };
}

/** Everything in front of the content of the reduced hash tree. */
function recordPrefix(digest: DigestAlgorithm, treeLength: number, timeStampLength: number, followingLength: number): Buffer {
  const algorithm = algorithmField(digest);
  const treeHeader = encodeHeader(context(2, true), treeLength);
  let length = algorithm.length + treeHeader.length + treeLength + timeStampLength;
  const headers: Buffer[] = [];
  // ArchiveTimeStamp, ArchiveTimeStampChain, ArchiveTimeStampSequence
  for (let level = 0; level < 3; level++) {
    const header = encodeHeader(Tag.sequence, length);
    headers.unshift(header);
    length += header.length + (level === 0 ? followingLength : 0);
  }
  const start = Buffer.concat([integer(1), sequence(digestAlgorithmIdentifier(digest))]);
  return Buffer.concat([encodeHeader(Tag.sequence, start.length + length), start, ...headers, algorithm, treeHeader]);
}

/** digestAlgorithm [0] IMPLICIT AlgorithmIdentifier */
function algorithmField(digest: DigestAlgorithm): Buffer {
  return retag(context(0, true), digestAlgorithmIdentifier(digest));
}

function inOrder(hashes: readonly Buffer[]): Buffer[] {
  return [...hashes].sort((a, b) => Buffer.compare(a, b));
}
