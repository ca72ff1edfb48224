import { digestOf } from './digests.ts';
import { canonicalXml, digestUris } from './xml-algorithms.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';

/** Of every element of an evidence record (RFC 6283 §8). */
export const xmlersNamespace = 'urn:ietf:params:xml:ns:ers';

/** What an ArchiveTimeStamp element is written from (RFC 6283 §2.1). */
export interface XmlArchiveTimeStamp {
  /** One list a Sequence: the first holds the hashes of the object or of its group, or the hash of the TimeStamp that is renewed. */
  readonly hashTree: readonly (readonly Buffer[])[];
  /** DER TimeStampToken, frozen. */
  readonly timeStamp: Buffer;
}

/** The timestamps of one digest, oldest first (RFC 6283 §4.1). */
export interface XmlArchiveTimeStampChain {
  readonly digest: DigestAlgorithm;
  readonly timestamps: readonly XmlArchiveTimeStamp[];
}

/**
 * RFC 6283 evidence record of chains, oldest first. Canonical XML but for its first line, so that no reader can hash its parts otherwise
 * than we do: no blanks between elements, one namespace declaration, on the root.
 */
export function encodeXmlEvidenceRecord(chains: readonly XmlArchiveTimeStampChain[]): Buffer {
  const record = `<EvidenceRecord xmlns="${xmlersNamespace}" Version="1.0">${sequence(chains, '')}</EvidenceRecord>`;
  return Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>\n${record}\n`, 'latin1');
}

/** Hash of the canonical ArchiveTimeStampSequence of all earlier chains: what a hash-tree renewal covers beside the objects (RFC 6283 §4.2.2). */
export function xmlSequenceHash(chains: readonly XmlArchiveTimeStampChain[], digest: DigestAlgorithm): Buffer {
  return digestOf(digest, Buffer.from(sequence(chains, declaration), 'latin1'));
}

/** Hash of a canonical TimeStamp element: what a timestamp renewal covers (RFC 6283 §4.2.1). @param token DER TimeStampToken */
export function xmlTimeStampHash(token: Buffer, digest: DigestAlgorithm): Buffer {
  return digestOf(digest, Buffer.from(timeStamp(token, declaration), 'latin1'));
}

/** Canonical XML of a part alone repeats the declaration that the part has from the root (Canonical XML §2.3). */
const declaration = ` xmlns="${xmlersNamespace}"`;

function sequence(chains: readonly XmlArchiveTimeStampChain[], attributes: string): string {
  return `<ArchiveTimeStampSequence${attributes}>${chains.map(chainElement).join('')}</ArchiveTimeStampSequence>`;
}

function chainElement({ digest, timestamps }: XmlArchiveTimeStampChain, index: number): string {
  const methods =
    `<DigestMethod Algorithm="${digestUris[digest]}"></DigestMethod>` +
    `<CanonicalizationMethod Algorithm="${canonicalXml}"></CanonicalizationMethod>`;
  return `<ArchiveTimeStampChain Order="${index + 1}">${methods}${timestamps.map(archiveTimeStamp).join('')}</ArchiveTimeStampChain>`;
}

function archiveTimeStamp({ hashTree, timeStamp: token }: XmlArchiveTimeStamp, index: number): string {
  const lists = hashTree.map((list, at) => `<Sequence Order="${at + 1}">${inOrder(list).map(digestValue).join('')}</Sequence>`);
  return `<ArchiveTimeStamp Order="${index + 1}"><HashTree>${lists.join('')}</HashTree>${timeStamp(token, '')}</ArchiveTimeStamp>`;
}

function digestValue(hash: Buffer): string {
  return `<DigestValue>${hash.toString('base64')}</DigestValue>`;
}

function timeStamp(token: Buffer, attributes: string): string {
  return `<TimeStamp${attributes}><TimeStampToken Type="RFC3161">${inBase64(token)}</TimeStampToken></TimeStamp>`;
}

/** The same tokens stand in the records of a whole tree. */
const known = new WeakMap<Buffer, string>();

function inBase64(token: Buffer): string {
  const text = known.get(token) ?? token.toString('base64');
  known.set(token, text);
  return text;
}

function inOrder(hashes: readonly Buffer[]): Buffer[] {
  return [...hashes].sort((a, b) => Buffer.compare(a, b));
}
