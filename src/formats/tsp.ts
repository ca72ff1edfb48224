import { SealError } from '../errors.ts';
import { readSignedData, type SignedData } from './cms.ts';
import {
  boolean,
  children,
  context,
  Fields,
  integer,
  octetString,
  oid,
  parse,
  readBitString,
  readBoolean,
  readOid,
  readSmall,
} from './der.ts';
import { readTime, sequence, Tag, unsigned, type Element } from './der.ts';
import { digestAlgorithmIdentifier, digestLengths, parseDigestAlgorithm } from './digests.ts';
import { bufferSource } from './memory-source.ts';
import { oids } from './oids.ts';
import { parseExtensions } from './x509-extensions.ts';
import type { AnyDigest, DigestAlgorithm } from '../model/algorithms.ts';

/** What a TimeStampReq asks for (RFC 3161 §2.4.1). */
export interface TimestampRequestFields {
  readonly digest: DigestAlgorithm;
  readonly messageImprint: Buffer;
  /** Unsigned, big-endian. */
  readonly nonce?: Buffer;
  /** Dotted. */
  readonly policy?: string;
  /** Whether the token shall hold the certificate of the authority. */
  readonly certReq: boolean;
}

/** DER TimeStampReq. */
export function buildTimestampRequest(request: TimestampRequestFields): Buffer {
  return sequence(
    integer(1),
    sequence(digestAlgorithmIdentifier(request.digest), octetString(request.messageImprint)),
    ...(request.policy === undefined ? [] : [oid(request.policy)]),
    ...(request.nonce === undefined ? [] : [unsigned(request.nonce)]),
    ...(request.certReq ? [boolean(true)] : []),
  );
}

/** PKIStatus (RFC 3161 §2.4.2) by number. */
const timestampStatuses = ['granted', 'grantedWithMods', 'rejection', 'waiting', 'revocationWarning', 'revocationNotification'] as const;
export type TimestampStatus = (typeof timestampStatuses)[number];

/** Bits of PKIFailureInfo. */
const failures: Readonly<Record<number, string>> = {
  0: 'badAlg',
  2: 'badRequest',
  5: 'badDataFormat',
  14: 'timeNotAvailable',
  15: 'unacceptedPolicy',
  16: 'unacceptedExtension',
  17: 'addInfoNotAvailable',
  25: 'systemFailure',
};

export interface TimestampResponse {
  readonly status: TimestampStatus;
  readonly statusText: readonly string[];
  readonly failInfo: readonly string[];
  /** ContentInfo as it came; present exactly when the status is granted or grantedWithMods. */
  readonly token: Buffer | undefined;
}

/** TimeStampResp (RFC 3161 §2.4.2), DER or BER. Hostile input. @throws SealError SEAL-INPUT-INVALID */
export function parseTimestampResponse(bytes: Buffer): TimestampResponse {
  const fields = new Fields(parse(bytes, Tag.sequence, true), 'TimeStampResp', true);
  const statusInfo = new Fields(fields.next(Tag.sequence), 'PKIStatusInfo', true);
  const status = timestampStatuses[readSmall(statusInfo.next(Tag.integer))];
  const texts = statusInfo.optional(Tag.sequence);
  const failInfo = statusInfo.optional(Tag.bitString);
  statusInfo.end();
  const token = fields.optional(Tag.sequence)?.raw;
  fields.end();
  if (status === undefined) throw invalid('unknown PKIStatus');
  const granted = status === 'granted' || status === 'grantedWithMods';
  if (granted !== (token !== undefined)) throw invalid(`status ${status} ${granted ? 'without' : 'with'} a token`);
  return {
    status,
    statusText: texts ? children(texts, true).map(({ content }) => content.toString('utf8')) : [],
    failInfo: failInfo ? failureNames(failInfo) : [],
    token,
  };
}

function failureNames(element: Element): string[] {
  const { bytes } = readBitString(element);
  return Object.entries(failures).flatMap(([bit, name]) => ((bytes[Number(bit) >> 3] ?? 0) & (0x80 >> (Number(bit) & 7)) ? [name] : []));
}

/** A TimeStampToken (RFC 3161 §2.4.2): TSTInfo and the CMS around it. */
export interface TimestampToken {
  /** As it came. */
  readonly raw: Buffer;
  readonly cms: SignedData;
  /** DER of TSTInfo: the signed content. */
  readonly tstInfo: Buffer;
  /** Dotted. */
  readonly policy: string;
  readonly messageImprint: { readonly algorithm: AnyDigest; readonly value: Buffer };
  /** Content octets of the INTEGER. */
  readonly serialNumber: Buffer;
  /** UTC ms, rounded down. */
  readonly genTime: number;
  /** ms, rounded up; 0 when the token states none. */
  readonly accuracy: number;
  readonly ordering: boolean;
  /** Content octets of the INTEGER; undefined when the token has none. */
  readonly nonce: Buffer | undefined;
  /** DER GeneralName. */
  readonly tsa: Buffer | undefined;
  /** Dotted: critical extensions of TSTInfo. None is known, so a token with one must not be believed. */
  readonly criticalExtensions: readonly string[];
}

/** TSTInfo is small; what is longer is none. */
const maxTstInfo = 65_536;

/** TimeStampToken, DER or BER. Hostile input; nothing is verified. @throws SealError SEAL-INPUT-INVALID, SEAL-DOC-LIMIT */
export function parseTimestampToken(token: Buffer): TimestampToken {
  const source = bufferSource(token);
  const cms = readSignedData(source);
  if (cms.contentType !== oids.tstInfo) throw invalid('the content is no TSTInfo');
  const ranges = cms.content ?? [];
  if (ranges.reduce((sum, { length }) => sum + length, 0) > maxTstInfo) throw invalid('TSTInfo is too long');
  const tstInfo = Buffer.concat(ranges.map(({ offset, length }) => source.read(offset, length)));
  return { raw: token, cms, tstInfo, ...parseTstInfo(tstInfo) };
}

/** Whether `parseTimestampToken` would take the nonce for the one that was asked for. @param nonce as given to the request */
export function sameNonce(token: TimestampToken, nonce: Buffer): boolean {
  return token.nonce?.equals(parse(unsigned(nonce)).content) ?? false;
}

function parseTstInfo(der: Buffer): Omit<TimestampToken, 'raw' | 'cms' | 'tstInfo'> {
  const fields = new Fields(parse(der, Tag.sequence, true), 'TSTInfo', true);
  if (readSmall(fields.next(Tag.integer)) !== 1) throw invalid('unknown version of TSTInfo');
  const policy = readOid(fields.next(Tag.oid));
  const messageImprint = parseMessageImprint(fields.next(Tag.sequence));
  const serialNumber = fields.next(Tag.integer).content;
  const genTime = readTime(fields.next(Tag.generalizedTime));
  const accuracy = fields.optional(Tag.sequence);
  const ordering = fields.optional(Tag.boolean);
  const nonce = fields.optional(Tag.integer)?.content;
  const tsa = fields.optional(context(0, true))?.content;
  const extensions = fields.optional(context(1, true));
  fields.end();
  return {
    policy,
    messageImprint,
    serialNumber,
    genTime,
    accuracy: accuracy ? parseAccuracy(accuracy) : 0,
    ordering: ordering ? readBoolean(ordering) : false,
    nonce,
    tsa,
    criticalExtensions: extensions ? criticalOf(extensions) : [],
  };
}

/** @param extensions [1] IMPLICIT Extensions */
function criticalOf(extensions: Element): string[] {
  return [...parseExtensions({ ...extensions, tag: Tag.sequence })].flatMap(([type, { critical }]) => (critical ? [type] : []));
}

function parseMessageImprint(element: Element): TimestampToken['messageImprint'] {
  const fields = new Fields(element, 'MessageImprint', true);
  const algorithm = parseDigestAlgorithm(fields.next(Tag.sequence));
  const value = fields.next(Tag.octetString).content;
  fields.end();
  if (value.length !== digestLengths[algorithm]) throw invalid('the message imprint has the wrong length');
  return { algorithm, value };
}

// Accuracy ::= SEQUENCE { seconds, millis [0], micros [1] }, each optional.
function parseAccuracy(element: Element): number {
  const fields = new Fields(element, 'Accuracy', true);
  const read = (tag: number): number => {
    const field = fields.optional(tag);
    const value = field ? readSmall({ ...field, tag: Tag.integer }) : 0;
    if (value < 0) throw invalid('negative accuracy');
    return value;
  };
  const milliseconds = read(Tag.integer) * 1000 + read(context(0)) + Math.ceil(read(context(1)) / 1000);
  fields.end();
  return milliseconds;
}

/** DER TimeStampResp around a token, status granted: what foreign tools take. */
export function wrapTimestampToken(token: Buffer): Buffer {
  return sequence(sequence(integer(0)), token);
}

function invalid(message: string): SealError {
  return new SealError('SEAL-INPUT-INVALID', `timestamp: ${message}`);
}
