import { SealError } from '../errors.ts';
import type { ByteRange, ByteSource } from '../ports/bytes.ts';
import { BerCursor, type Header } from './ber-cursor.ts';
import { parseSignerInfo, type SignerInfo } from './cms-signer-info.ts';
import { children, context, Fields, oid, parse, readElement, readOid, readSmall, Tag, type Element } from './der.ts';
import { bufferSource } from './memory-source.ts';
import { oids } from './oids.ts';

/** SignedData (RFC 5652 §5.1) in its ContentInfo. The content itself stays where it is: it may be of any size. */
export interface SignedData {
  readonly version: number;
  /** DER or BER AlgorithmIdentifiers, as they came. */
  readonly digestAlgorithms: readonly Buffer[];
  /** Dotted eContentType. */
  readonly contentType: string;
  /** Where the octets of eContent lie in the source; undefined for a detached signature. */
  readonly content: readonly ByteRange[] | undefined;
  /** CertificateChoices as they came. `certificates` are those among them that are X.509 certificates, DER. */
  readonly certificateChoices: readonly Element[];
  readonly certificates: readonly Buffer[];
  /** RevocationInfoChoices as they came; `crls` and `ocsps` are what can be used of them, DER. */
  readonly revocationChoices: readonly Element[];
  readonly crls: readonly Buffer[];
  /** BasicOCSPResponse. */
  readonly ocsps: readonly Buffer[];
  readonly signers: readonly SignerInfo[];
}

/** Certificates, revocation data and signatures of one SignedData, bytes. */
const maxSize = 128 * 1024 * 1024;
const maxSigners = 256;
const maxCertificates = 1024;

/** A SignedData that is in memory; see `readSignedData`. Hostile input. */
export function parseSignedData(bytes: Buffer): SignedData {
  return readSignedData(bufferSource(bytes));
}

/**
 * Reads a ContentInfo with SignedData, DER or BER, with or without content. Hostile input: everything but the content is read into memory
 * within limits, the content is only located.
 * @throws SealError SEAL-INPUT-INVALID when it is none, SEAL-DOC-LIMIT when it exceeds a limit
 */
export function readSignedData(source: ByteSource): SignedData {
  const cursor = new BerCursor(source);
  const info = expect(cursor.header(0), Tag.sequence);
  const type = short(source, info.content, Tag.oid);
  if (readOid(type) !== oids.signedData) throw invalid('no SignedData');
  const explicit = expect(cursor.header(info.content + type.raw.length), context(0, true));
  const body = expect(cursor.header(explicit.content), Tag.sequence);
  const version = short(source, body.content, Tag.integer);
  const digestsAt = body.content + version.raw.length;
  const digests = short(source, digestsAt, Tag.set);
  const encapsulated = encapsulatedContent(source, cursor, digestsAt + digests.raw.length);
  const rest = remaining(source, encapsulated.end, body.end);
  requireEnd(source, cursor, body.end ?? encapsulated.end + rest.length + 2, [explicit, info]);
  return {
    version: readSmall(version),
    digestAlgorithms: children(digests, true).map(({ raw }) => raw),
    contentType: encapsulated.contentType,
    content: encapsulated.content,
    ...readRest(rest),
  };
}

/** Whether a document begins as a SignedData does; it may be cut off or malformed all the same. */
export function looksLikeSignedData(source: ByteSource): boolean {
  const head = source.read(0, 32);
  const [tag, length = 0] = head;
  const type = oid(oids.signedData);
  const at = length > 0x80 ? 2 + (length & 0x7f) : 2;
  return tag === Tag.sequence && head.subarray(at, at + type.length).equals(type);
}

interface Encapsulated {
  readonly contentType: string;
  readonly content: readonly ByteRange[] | undefined;
  readonly end: number;
}

function encapsulatedContent(source: ByteSource, cursor: BerCursor, at: number): Encapsulated {
  const outer = expect(cursor.header(at), Tag.sequence);
  const type = short(source, outer.content, Tag.oid);
  const contentType = readOid(type);
  const next = outer.content + type.raw.length;
  if (outer.end === undefined ? cursor.ended(next) : next === outer.end)
    return { contentType, content: undefined, end: outer.end ?? next + 2 };
  const explicit = expect(cursor.header(next), context(0, true));
  const { ranges, end } = cursor.octetString(explicit.content);
  return { contentType, content: ranges, end: requireClosed(cursor, end, [explicit, outer]) };
}

// The offset behind the containers, innermost first, of which `at` is the end of the last element.
function requireClosed(cursor: BerCursor, at: number, containers: readonly Header[]): number {
  let next = at;
  for (const { end } of containers) {
    if (end === undefined ? !cursor.ended(next) : end !== next) throw invalid('lengths do not fit each other');
    next = end ?? next + 2;
  }
  return next;
}

function requireEnd(source: ByteSource, cursor: BerCursor, at: number, containers: readonly Header[]): void {
  if (requireClosed(cursor, at, containers) !== source.size) throw invalid('bytes behind the signature');
}

/** Fields of SignedData behind the content, without the end-of-contents octets. */
function remaining(source: ByteSource, from: number, end: number | undefined): Buffer {
  const length = (end ?? source.size) - from;
  if (length < 0) throw invalid('lengths do not fit each other');
  if (length > maxSize)
    throw new SealError('SEAL-DOC-LIMIT', `certificates and signatures take more than ${maxSize} bytes`, {
      hint: 'no honest signature does',
    });
  const bytes = source.read(from, length);
  if (end !== undefined) return bytes;
  let at = 0;
  while (!(bytes[at] === 0 && bytes[at + 1] === 0)) at += readElement(bytes, at, true).raw.length;
  return bytes.subarray(0, at);
}

type Rest = Omit<SignedData, 'version' | 'digestAlgorithms' | 'contentType' | 'content'>;

function readRest(content: Buffer): Rest {
  const fields = new Fields({ content }, 'SignedData', true);
  const certificateChoices = listOf(fields.optional(context(0, true)), maxCertificates, 'certificates');
  const revocationChoices = listOf(fields.optional(context(1, true)), maxCertificates, 'CRLs and OCSP responses');
  const signers = listOf(fields.next(Tag.set), maxSigners, 'signers').map(parseSignerInfo);
  fields.end();
  return {
    certificateChoices,
    certificates: certificateChoices.filter(({ tag }) => tag === Tag.sequence).map(({ raw }) => raw),
    revocationChoices,
    crls: revocationChoices.filter(({ tag }) => tag === Tag.sequence).map(({ raw }) => raw),
    ocsps: revocationChoices.flatMap(basicOcspResponse),
    signers,
  };
}

function listOf(set: Element | undefined, limit: number, what: string): Element[] {
  const items = set ? children(set, true) : [];
  if (items.length > limit)
    throw new SealError('SEAL-DOC-LIMIT', `the signature holds more than ${limit} ${what}`, { hint: 'no honest signature does' });
  return items;
}

/** OtherRevocationInfoFormat: BasicOCSPResponse by itself (id-pkix-ocsp-basic) or in an OCSPResponse (RFC 5940 §2). */
function basicOcspResponse(choice: Element): Buffer[] {
  if (choice.tag !== context(1, true)) return [];
  const fields = new Fields(choice, 'OtherRevocationInfoFormat', true);
  const format = readOid(fields.next(Tag.oid));
  const info = fields.next();
  fields.end();
  if (format === oids.ocspBasic) return [info.raw];
  return format === oids.riOcspResponse ? fromOcspResponse(info) : [];
}

// OCSPResponse (RFC 6960 §4.2.1): status successful, then ResponseBytes with a BasicOCSPResponse.
function fromOcspResponse(response: Element): Buffer[] {
  const fields = new Fields(response, 'OCSPResponse', true);
  const status = readSmall(fields.next(Tag.enumerated));
  const bytes = fields.optional(context(0, true));
  if (status !== 0 || bytes === undefined) return [];
  const inner = new Fields(parse(bytes.content, Tag.sequence, true), 'ResponseBytes', true);
  return readOid(inner.next(Tag.oid)) === oids.ocspBasic ? [inner.next(Tag.octetString).content] : [];
}

/** A field of at most 4 KiB. */
function short(source: ByteSource, at: number, tag: number): Element {
  const element = readElement(source.read(at, 4096), 0, true);
  if (element.tag !== tag) throw invalid('another field was expected');
  return element;
}

function expect(header: Header, tag: number): Header {
  if (header.tag !== tag) throw invalid('another field was expected');
  return header;
}

function invalid(message: string): SealError {
  return new SealError('SEAL-INPUT-INVALID', `CMS: ${message}`);
}
