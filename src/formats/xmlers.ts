import { SealError } from '../errors.ts';
import { digestLengths, digestOf } from './digests.ts';
import { recordLimits } from './ers.ts';
import { displayName } from './names.ts';
import { withXml, type XmlPart } from './xml.ts';
import { canonicalizationByUri, digestByUri, type Canonicalization } from './xml-algorithms.ts';
import { xmlersNamespace } from './xmlers-write.ts';
import type { AnyDigest } from '../model/algorithms.ts';
import type { ByteSource } from '../ports/bytes.ts';

/** EvidenceRecord (RFC 6283 §2.1), with the hashes of its own parts that later parts must hold. */
export interface XmlEvidenceRecord {
  /** The hashes are over encrypted objects (RFC 6283 §5). */
  readonly encrypted: boolean;
  /** At least one, in their order. */
  readonly chains: readonly XmlEvidenceChain[];
}

/** ArchiveTimeStampChain. */
export interface XmlEvidenceChain {
  readonly digest: AnyDigest;
  readonly canonicalization: Canonicalization;
  /**
   * What may stand for all earlier chains: the hash of the ArchiveTimeStampSequence without this chain and later ones (RFC 6283 §4.2.2). Two where
   * blanks were left when it was made, which are taken for part of it or not. None for the first chain.
   */
  readonly sequenceHashes: readonly Buffer[];
  /** At least one, in their order. */
  readonly timestamps: readonly XmlEvidenceTimeStamp[];
}

/** ArchiveTimeStamp. */
export interface XmlEvidenceTimeStamp {
  /** The first list holds the hashes of the object or its group, or that of the TimeStamp before. */
  readonly hashTree?: readonly (readonly Buffer[])[];
  /** TimeStampToken, DER or BER. */
  readonly token: Buffer;
  /** Hash of the canonical TimeStamp element: what the next one of the chain covers (RFC 6283 §4.2.1). */
  readonly hash: Buffer;
  /** CryptographicInformation: DER certificates, CRLs, OCSPResponses. */
  readonly certificates: readonly Buffer[];
  readonly crls: readonly Buffer[];
  readonly ocsps: readonly Buffer[];
}

/** Whether a file looks like an RFC 6283 evidence record. */
export function looksLikeXmlEvidenceRecord(source: ByteSource): boolean {
  const head = source.read(0, 4096).toString('latin1');
  return /^(\xef\xbb\xbf)?[ \t\r\n]*</.test(head) && head.includes(xmlersNamespace) && /<([^\s<>!?/:]+:)?EvidenceRecord[\s>]/.test(head);
}

/**
 * Reads an evidence record in XML. Hostile input. Tokens are decoded, not read.
 * @throws SealError SEAL-INPUT-INVALID when it is none, SEAL-DOC-LIMIT when it exceeds a limit, SEAL-DOC-FORMAT for a kind of timestamp that is
 * not read
 */
export function parseXmlEvidenceRecord(bytes: Buffer): XmlEvidenceRecord {
  const { encrypted, chains } = withXml(bytes, (root) => {
    const parts = ordered(sequenceOf(root), 'ArchiveTimeStampChain', recordLimits.chains);
    const counts: Counts = { timestamps: 0, hashes: 0 };
    // Hash trees are the most of a record. Read and taken out first, they are not walked through again for each TimeStamp.
    const trees = parts.map((chain) => readTrees(chain, counts));
    const read = trees.map(({ methods, timestamps }) => ({ ...methods, timestamps: timestamps.map((one) => readTimeStamp(one, methods)) }));
    return { encrypted: named(root, 'EncryptionInformation').length > 0, chains: read };
  });
  const hashes = chains.length === 1 ? [] : [false, true].map((blanks) => sequenceHashes(bytes, chains, blanks));
  return {
    encrypted,
    chains: chains.map((chain, at) => ({ ...chain, sequenceHashes: distinct(hashes.flatMap((some) => some[at] ?? [])) })),
  };
}

function sequenceOf(root: XmlPart): XmlPart {
  if (root.name !== 'EvidenceRecord' || root.namespace !== xmlersNamespace) throw invalid('the root is no EvidenceRecord');
  const version = root.attribute('Version');
  if (version === undefined || !/^0*1\.0+$/.test(version)) throw invalid(`version ${displayName(version ?? 'none')} is not known`);
  return only(root, 'ArchiveTimeStampSequence');
}

interface Counts {
  timestamps: number;
  hashes: number;
}

type Methods = Pick<XmlEvidenceChain, 'digest' | 'canonicalization'>;

/** An ArchiveTimeStamp whose hash tree was taken out. */
interface Felled {
  readonly part: XmlPart;
  readonly lists: XmlEvidenceTimeStamp['hashTree'];
}

/**
 * For each chain the hash of the sequence up to it, by its own methods. From the last chain on: each is taken out before what is left is hashed for it.
 * @param blanks whether the blanks in front of a chain go with it
 */
function sequenceHashes(bytes: Buffer, chains: readonly Methods[], blanks: boolean): (Buffer | undefined)[] {
  return withXml(bytes, (root) => {
    const sequence = sequenceOf(root);
    const parts = ordered(sequence, 'ArchiveTimeStampChain', recordLimits.chains);
    const hashes = chains.map((): Buffer | undefined => undefined);
    for (let at = chains.length - 1; at > 0; at--) {
      parts[at]?.remove(blanks);
      const methods = chains[at];
      if (methods) hashes[at] = digestOf(methods.digest, sequence.canonical(methods.canonicalization));
    }
    return hashes;
  });
}

function readTrees(chain: XmlPart, counts: Counts): { readonly methods: Methods; readonly timestamps: readonly Felled[] } {
  const digestUri = only(chain, 'DigestMethod').attribute('Algorithm') ?? '';
  const digest = digestByUri(digestUri);
  if (digest === undefined) throw invalid(`digest ${displayName(digestUri)} is not read`);
  const methodUri = only(chain, 'CanonicalizationMethod').attribute('Algorithm') ?? '';
  const canonicalization = canonicalizationByUri(methodUri);
  if (canonicalization === undefined) throw invalid(`canonicalization ${displayName(methodUri)} is not read`);
  const timestamps = ordered(chain, 'ArchiveTimeStamp', recordLimits.timestamps).map((part) => {
    if (++counts.timestamps > recordLimits.timestamps) throw exceeded(`${recordLimits.timestamps} timestamps`);
    const [tree, second] = named(part, 'HashTree');
    if (second !== undefined) throw invalid('ArchiveTimeStamp has more than one HashTree');
    const lists = tree && ordered(tree, 'Sequence', recordLimits.hashes).map((list) => readList(list, digest, counts));
    tree?.remove();
    return { part, lists };
  });
  return { methods: { digest, canonicalization }, timestamps };
}

function readTimeStamp({ part, lists }: Felled, { digest, canonicalization }: Methods): XmlEvidenceTimeStamp {
  const timeStamp = only(part, 'TimeStamp');
  const token = only(timeStamp, 'TimeStampToken');
  const type = token.attribute('Type') ?? '';
  if (type !== 'RFC3161')
    throw new SealError('SEAL-DOC-FORMAT', `evidence record: timestamps of type ${displayName(type)} are not read`, {
      hint: 'only RFC 3161 timestamps are read; ask the archive that made the record to verify it',
    });
  return {
    ...(lists === undefined ? {} : { hashTree: lists }),
    token: base64(token),
    hash: digestOf(digest, timeStamp.canonical(canonicalization)),
    ...cryptographicInformation(timeStamp),
  };
}

function readList(list: XmlPart, digest: AnyDigest, counts: Counts): Buffer[] {
  const hashes = named(list, 'DigestValue').map(base64);
  counts.hashes += hashes.length;
  if (counts.hashes > recordLimits.hashes) throw exceeded(`${recordLimits.hashes} hashes`);
  if (hashes.length === 0) throw invalid('a Sequence is empty');
  if (hashes.some((hash) => hash.length !== digestLengths[digest])) throw invalid(`a DigestValue is no ${digest}`);
  return hashes;
}

function cryptographicInformation(timeStamp: XmlPart): Pick<XmlEvidenceTimeStamp, 'certificates' | 'crls' | 'ocsps'> {
  const entries = named(timeStamp, 'CryptographicInformationList').flatMap((list) => named(list, 'CryptographicInformation'));
  if (entries.length > recordLimits.timestamps) throw exceeded(`${recordLimits.timestamps} pieces of cryptographic information`);
  const of = (type: string): Buffer[] => entries.filter((entry) => entry.attribute('Type') === type).map(base64);
  return { certificates: of('CERT'), crls: of('CRL'), ocsps: of('OCSP') };
}

/** Elements of that name in the order that they state, which must run from 1 on (RFC 6283 §2.1). At least one. */
function ordered(parent: XmlPart, name: string, limit: number): XmlPart[] {
  const found = named(parent, name);
  if (found.length === 0) throw invalid(`${parent.name} has no ${name}`);
  if (found.length > limit) throw exceeded(`${limit} elements ${name}`);
  const places = new Map(found.map((part) => [part.attribute('Order'), part]));
  return found.map((_, at) => {
    const part = places.get(String(at + 1));
    if (part === undefined) throw invalid(`${name}: Order does not run from 1 to ${found.length}`);
    return part;
  });
}

function only(parent: XmlPart, name: string): XmlPart {
  const [part, second] = named(parent, name);
  if (part === undefined || second !== undefined)
    throw invalid(`${parent.name} has ${part === undefined ? 'no' : 'more than one'} ${name}`);
  return part;
}

function named(parent: XmlPart, name: string): XmlPart[] {
  return parent.elements().filter((part) => part.name === name && part.namespace === xmlersNamespace);
}

function base64(part: XmlPart): Buffer {
  const text = part.text().replace(/[ \t\r\n]/g, '');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text) || text.length % 4 !== 0) throw invalid(`${part.name} is no base64`);
  return Buffer.from(text, 'base64');
}

function distinct(hashes: readonly Buffer[]): Buffer[] {
  return hashes.filter((hash, at) => hashes.findIndex((one) => one.equals(hash)) === at);
}

function invalid(message: string): SealError {
  return new SealError('SEAL-INPUT-INVALID', `evidence record: ${message}`, { hint: 'give an RFC 6283 evidence record' });
}

function exceeded(limit: string): SealError {
  return new SealError('SEAL-DOC-LIMIT', `evidence record: more than ${limit}`, { hint: 'no honest record is that large' });
}
