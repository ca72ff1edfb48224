import { SealError } from '../errors.ts';
import { joinOctetString } from './der-canonical.ts';
import { children, context, Fields, parse, readSmall, Tag } from './der.ts';
import { parseDigestAlgorithm } from './digests.ts';
import type { Element } from './der.ts';
import type { AnyDigest } from '../model/algorithms.ts';

/** EvidenceRecord (RFC 4998 §3.1) over its own bytes. */
export interface EvidenceRecord {
  readonly digestAlgorithms: readonly AnyDigest[];
  /** As they came, with their tag; never written by us (evidence-records 17). */
  readonly cryptoInfos?: Buffer;
  /** The hashes are over encrypted objects (RFC 4998 §6.1). */
  readonly encryptionInfo?: Buffer;
  /** At least one. */
  readonly chains: readonly ArchiveTimeStampChain[];
}

/** The timestamps of one hash algorithm, each renewed by the next (RFC 4998 §5.1). At least one. */
export interface ArchiveTimeStampChain {
  /** The whole ArchiveTimeStampChain as it came. */
  readonly raw: Buffer;
  readonly timestamps: readonly ArchiveTimeStamp[];
}

/** ArchiveTimeStamp (RFC 4998 §4.1). */
export interface ArchiveTimeStamp {
  /** Absent: that of the timestamp's imprint. */
  readonly digestAlgorithm?: AnyDigest;
  readonly attributes?: Buffer;
  /** List 0 holds the hash of the object or of its whole group, each further list what is added on the way to the root. */
  readonly reducedHashtree?: readonly (readonly Buffer[])[];
  /** TimeStampToken (ContentInfo) as it came. */
  readonly timeStamp: Buffer;
}

export const recordLimits = {
  /** Bytes of a record: tokens carry CRLs. */
  size: 64 * 1024 * 1024,
  /** Hash algorithms do not change that often; each further chain hashes all earlier ones. */
  chains: 64,
  /** Of a record, all together. */
  timestamps: 512,
  hashes: 100_000,
} as const;

/**
 * Reads an evidence record, DER or BER. Hostile input. Tokens are cut out, not read.
 * @throws SealError SEAL-INPUT-INVALID when it is none, SEAL-DOC-LIMIT when it exceeds a limit
 */
export function parseEvidenceRecord(bytes: Buffer): EvidenceRecord {
  if (bytes.length > recordLimits.size) throw exceeded(`${recordLimits.size} bytes`);
  const fields = new Fields(parse(bytes, Tag.sequence, true), 'EvidenceRecord', true);
  const version = readSmall(fields.next(Tag.integer));
  if (version !== 1) throw invalid(`version ${version} is not known`);
  const digestAlgorithms = children(fields.next(Tag.sequence), true).map(parseDigestAlgorithm);
  const cryptoInfos = fields.optional(context(0, true))?.raw;
  const encryptionInfo = fields.optional(context(1, true))?.raw;
  const sequence = fields.next(Tag.sequence);
  fields.end();
  const counts: Counts = { timestamps: 0, hashes: 0 };
  const elements = children(sequence, true);
  if (elements.length > recordLimits.chains) throw exceeded(`${recordLimits.chains} chains`);
  const chains = elements.map((chain) => parseChain(chain, counts));
  if (chains.length === 0) throw invalid('no archive timestamp chain');
  return {
    digestAlgorithms,
    ...(cryptoInfos === undefined ? {} : { cryptoInfos }),
    ...(encryptionInfo === undefined ? {} : { encryptionInfo }),
    chains,
  };
}

interface Counts {
  timestamps: number;
  hashes: number;
}

function parseChain(chain: Element, counts: Counts): ArchiveTimeStampChain {
  if (chain.tag !== Tag.sequence) throw invalid('an archive timestamp chain is no SEQUENCE');
  const timestamps = children(chain, true).map((timestamp) => parseArchiveTimeStamp(timestamp, counts));
  if (timestamps.length === 0) throw invalid('an archive timestamp chain is empty');
  return { raw: chain.raw, timestamps };
}

function parseArchiveTimeStamp(element: Element, counts: Counts): ArchiveTimeStamp {
  if (element.tag !== Tag.sequence) throw invalid('an archive timestamp is no SEQUENCE');
  if (++counts.timestamps > recordLimits.timestamps) throw exceeded(`${recordLimits.timestamps} timestamps`);
  const fields = new Fields(element, 'ArchiveTimeStamp', true);
  const digest = fields.optional(context(0, true));
  const attributes = fields.optional(context(1, true))?.raw;
  const tree = fields.optional(context(2, true));
  const timeStamp = fields.next(Tag.sequence).raw;
  fields.end();
  return {
    ...(digest === undefined ? {} : { digestAlgorithm: parseDigestAlgorithm({ ...digest, tag: Tag.sequence }) }),
    ...(attributes === undefined ? {} : { attributes }),
    ...(tree === undefined ? {} : { reducedHashtree: parseTree(tree, counts) }),
    timeStamp,
  };
}

function parseTree(tree: Element, counts: Counts): Buffer[][] {
  const lists = children(tree, true).map((list) => {
    if (list.tag !== Tag.sequence) throw invalid('a partial hash tree is no SEQUENCE');
    const hashes = children(list, true);
    counts.hashes += hashes.length;
    if (counts.hashes > recordLimits.hashes) throw exceeded(`${recordLimits.hashes} hashes`);
    if (hashes.length === 0) throw invalid('a partial hash tree is empty');
    return hashes.map((hash) => (hash.tag === Tag.octetString ? hash.content : joinOctetString(hash)));
  });
  if (lists.length === 0) throw invalid('a reduced hash tree is empty');
  return lists;
}

function invalid(message: string): SealError {
  return new SealError('SEAL-INPUT-INVALID', `evidence record: ${message}`, { hint: 'give an RFC 4998 evidence record in DER or BER' });
}

function exceeded(limit: string): SealError {
  return new SealError('SEAL-DOC-LIMIT', `evidence record: more than ${limit}`, { hint: 'no honest record is that large' });
}
