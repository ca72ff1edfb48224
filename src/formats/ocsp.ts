import { SealError } from '../errors.ts';
import {
  children,
  context,
  encode,
  Fields,
  octetString,
  oid,
  parse,
  readBitString,
  readElement,
  readOid,
  readSmall,
  readTime,
  sequence,
  Tag,
} from './der.ts';
import { digestAlgorithmIdentifierWithNull, digestOf, parseDigestAlgorithm, sha256 } from './digests.ts';
import { revocationReason } from './crl-entries.ts';
import { sameName } from './names-dn.ts';
import { oids } from './oids.ts';
import { parseExtensions } from './x509-extensions.ts';
import type { RevocationReason } from './crl-entries.ts';
import type { Element } from './der.ts';
import type { Certificate } from './x509.ts';
import type { Extensions } from './x509-extensions.ts';
import type { AnyDigest } from '../model/algorithms.ts';

/** OCSPResponseStatus (RFC 6960 §4.2.1). */
export type OcspStatus = 'successful' | 'malformedRequest' | 'internalError' | 'tryLater' | 'sigRequired' | 'unauthorized';

const statuses: readonly (OcspStatus | undefined)[] = [
  'successful',
  'malformedRequest',
  'internalError',
  'tryLater',
  undefined,
  'sigRequired',
  'unauthorized',
];

/** Names one certificate by hashes of its issuer (RFC 6960 §4.1.1). */
export interface CertId {
  readonly hashAlgorithm: AnyDigest;
  readonly issuerNameHash: Buffer;
  readonly issuerKeyHash: Buffer;
  /** Raw content of the INTEGER. */
  readonly serialNumber: Buffer;
}

export interface SingleResponse {
  readonly certId: CertId;
  readonly status: 'good' | 'revoked' | 'unknown';
  /** UTC ms. */
  readonly revocationTime?: number;
  readonly reason?: RevocationReason;
  /** UTC ms. */
  readonly thisUpdate: number;
  readonly nextUpdate?: number;
  readonly extensions: Extensions;
  /** UTC ms: certificates that expired after this are still answered for (RFC 6960 §4.4.4). */
  readonly archiveCutoff?: number;
}

export interface BasicOcspResponse {
  readonly der: Buffer;
  readonly sha256: Buffer;
  /** The signed bytes. */
  readonly tbs: Buffer;
  /** DER Name, or SHA-1 of the responder's key bits. */
  readonly responder: { readonly byName: Buffer } | { readonly byKey: Buffer };
  /** UTC ms. */
  readonly producedAt: number;
  readonly responses: readonly SingleResponse[];
  readonly nonce?: Buffer;
  /** A critical extension that is not understood: the answer must not be used. */
  readonly hasUnknownCritical: boolean;
  /** DER AlgorithmIdentifier. */
  readonly signatureAlgorithm: Buffer;
  readonly signature: Buffer;
  /** DER certificates. */
  readonly certificates: readonly Buffer[];
}

function malformed(what: string): SealError {
  return new SealError('SEAL-INPUT-INVALID', `OCSP answer ${what}`);
}

/**
 * Opens the envelope of an OCSP answer. Hostile input.
 * @param der OCSPResponse
 * @returns the status, and the DER BasicOCSPResponse when it is `successful`
 * @throws SealError SEAL-INPUT-INVALID
 */
export function parseOcspResponse(der: Buffer): { readonly status: OcspStatus; readonly basic?: Buffer } {
  const fields = new Fields(parse(der, Tag.sequence), 'OCSPResponse');
  const status = statuses[readSmall(fields.next(Tag.enumerated))];
  const bytes = fields.optional(context(0, true));
  fields.end();
  if (status === undefined) throw malformed('has an unknown status');
  if (bytes === undefined) {
    if (status === 'successful') throw malformed('holds nothing');
    return { status };
  }
  const inner = new Fields(parse(bytes.content, Tag.sequence), 'ResponseBytes');
  if (readOid(inner.next(Tag.oid)) !== oids.ocspBasic) throw malformed('is of an unknown type');
  return { status, basic: inner.next(Tag.octetString).content };
}

const responseLimit = 1000;
const certificateLimit = 20;

/**
 * Reads a BasicOCSPResponse (RFC 6960 §4.2.1). Hostile input.
 * @throws SealError SEAL-INPUT-INVALID
 */
export function parseBasicOcspResponse(der: Buffer): BasicOcspResponse {
  const fields = new Fields(parse(der, Tag.sequence), 'BasicOCSPResponse');
  const tbs = fields.next(Tag.sequence);
  const signatureAlgorithm = fields.next(Tag.sequence).raw;
  const signature = readBitString(fields.next(Tag.bitString)).bytes;
  const wrapped = fields.optional(context(0, true));
  fields.end();
  const certificates = wrapped === undefined ? [] : children(parse(wrapped.content, Tag.sequence)).map(({ raw }) => raw);
  if (certificates.length > certificateLimit) throw malformed('holds too many certificates');
  return { der, sha256: sha256(der), tbs: tbs.raw, ...readResponseData(tbs), signatureAlgorithm, signature, certificates };
}

function readResponseData(tbs: Element) {
  const fields = new Fields(tbs, 'ResponseData');
  const version = fields.optional(context(0, true));
  if (version !== undefined && readSmall(parse(version.content)) !== 0) throw malformed('has an unknown version');
  const responder = readResponder(fields.next(context(1, true), context(2, true)));
  const producedAt = readTime(fields.next(Tag.generalizedTime));
  const list = children(fields.next(Tag.sequence));
  if (list.length > responseLimit) throw malformed('speaks about too many certificates');
  const responses = list.map(readSingle);
  const extensions = readExtensions(fields.optional(context(1, true)));
  fields.end();
  const nonce = extensions.get(oids.ocspNonce);
  return {
    responder,
    producedAt,
    responses,
    ...(nonce === undefined ? {} : { nonce: readNonce(nonce.value) }),
    hasUnknownCritical: [extensions, ...responses.map((response) => response.extensions)].some(isUnknownCritical),
  };
}

function readResponder(element: Element): BasicOcspResponse['responder'] {
  return element.tag === context(1, true)
    ? { byName: parse(element.content, Tag.sequence).raw }
    : { byKey: parse(element.content, Tag.octetString).content };
}

/** Old responders put the bare bytes there, without the OCTET STRING of RFC 9654 §2.1. */
function readNonce(value: Buffer): Buffer {
  try {
    return parse(value, Tag.octetString).content;
  } catch {
    return value;
  }
}

function readExtensions(wrapped: Element | undefined): Extensions {
  return wrapped === undefined ? new Map() : parseExtensions(parse(wrapped.content, Tag.sequence));
}

const understood: ReadonlySet<string> = new Set([oids.ocspNonce, oids.ocspArchiveCutoff, oids.cRLReasons]);

function isUnknownCritical(extensions: Extensions): boolean {
  return [...extensions].some(([id, { critical }]) => critical && !understood.has(id));
}

function readSingle(element: Element): SingleResponse {
  const fields = new Fields(element, 'SingleResponse');
  const certId = readCertId(fields.next(Tag.sequence));
  const status = readStatus(fields.next(context(0), context(1, true), context(2)));
  const thisUpdate = readTime(fields.next(Tag.generalizedTime));
  const next = fields.optional(context(0, true));
  const extensions = readExtensions(fields.optional(context(1, true)));
  fields.end();
  const cutoff = extensions.get(oids.ocspArchiveCutoff);
  return {
    certId,
    ...status,
    thisUpdate,
    ...(next === undefined ? {} : { nextUpdate: readTime(parse(next.content, Tag.generalizedTime)) }),
    extensions,
    ...(cutoff === undefined ? {} : { archiveCutoff: readTime(parse(cutoff.value, Tag.generalizedTime)) }),
  };
}

function readStatus(choice: Element): Pick<SingleResponse, 'status' | 'revocationTime' | 'reason'> {
  if (choice.tag === context(0)) return { status: 'good' };
  if (choice.tag === context(2)) return { status: 'unknown' };
  const fields = new Fields(choice, 'RevokedInfo');
  const revocationTime = readTime(fields.next(Tag.generalizedTime));
  const reason = fields.optional(context(0, true));
  fields.end();
  return {
    status: 'revoked',
    revocationTime,
    ...(reason === undefined ? {} : { reason: revocationReason(readSmall(parse(reason.content, Tag.enumerated))) }),
  };
}

function readCertId(element: Element): CertId {
  const fields = new Fields(element, 'CertID');
  const hashAlgorithm = parseDigestAlgorithm(fields.next(Tag.sequence));
  const issuerNameHash = fields.next(Tag.octetString).content;
  const issuerKeyHash = fields.next(Tag.octetString).content;
  const serialNumber = fields.next(Tag.integer).content;
  fields.end();
  return { hashAlgorithm, issuerNameHash, issuerKeyHash, serialNumber };
}

/** The bits of a public key without tag, length and unused bits: what issuerKeyHash and byKey hash. @param spki DER */
export function publicKeyBits(spki: Buffer): Buffer {
  const algorithm = readElement(parse(spki, Tag.sequence).content);
  const content = parse(spki).content.subarray(algorithm.raw.length);
  return readBitString(parse(content, Tag.bitString)).bytes;
}

/** CertID of a certificate (RFC 6960 §4.1.1). */
export function certIdOf(certificate: Certificate, issuer: Certificate, hashAlgorithm: AnyDigest): CertId {
  return {
    hashAlgorithm,
    issuerNameHash: digestOf(hashAlgorithm, certificate.issuer),
    issuerKeyHash: digestOf(hashAlgorithm, publicKeyBits(issuer.spki)),
    serialNumber: certificate.serialNumber,
  };
}

/** Whether a CertID names the certificate, whatever digest it was made with. */
export function matchesCertId(certId: CertId, certificate: Certificate, issuer: Certificate): boolean {
  if (!certId.serialNumber.equals(certificate.serialNumber)) return false;
  const own = certIdOf(certificate, issuer, certId.hashAlgorithm);
  return own.issuerKeyHash.equals(certId.issuerKeyHash) && own.issuerNameHash.equals(certId.issuerNameHash);
}

/** Whether a certificate is the responder that the answer names. */
export function isResponder(responder: BasicOcspResponse['responder'], certificate: Certificate): boolean {
  return 'byName' in responder
    ? sameName(responder.byName, certificate.subject)
    : responder.byKey.equals(digestOf('sha1', publicKeyBits(certificate.spki)));
}

export interface OcspRequestOptions {
  /** 1 to 128 bytes (RFC 9654 §2.1); older responders take 32 at most. */
  readonly nonce?: Buffer;
  /** Of the CertID; SHA-1 by default: it only names the issuer, and many responders know no other (RFC 5019 §2.1.1). */
  readonly hashAlgorithm?: AnyDigest;
}

/** DER OCSPRequest about one certificate (RFC 6960 §4.1.1). */
export function buildOcspRequest(certificate: Certificate, issuer: Certificate, options: OcspRequestOptions = {}): Buffer {
  const id = certIdOf(certificate, issuer, options.hashAlgorithm ?? 'sha1');
  const certId = sequence(
    digestAlgorithmIdentifierWithNull(id.hashAlgorithm),
    octetString(id.issuerNameHash),
    octetString(id.issuerKeyHash),
    encode(Tag.integer, id.serialNumber),
  );
  const list = sequence(sequence(certId));
  if (options.nonce === undefined) return sequence(sequence(list));
  const nonce = sequence(oid(oids.ocspNonce), octetString(octetString(options.nonce)));
  return sequence(sequence(list, encode(context(2, true), sequence(nonce))));
}

/** DER OCSPResponse around a BasicOCSPResponse: the form files and DSS dictionaries hold. @param basic DER */
export function wrapOcspResponse(basic: Buffer): Buffer {
  const bytes = sequence(oid(oids.ocspBasic), octetString(basic));
  return sequence(encode(Tag.enumerated, Buffer.from([0])), encode(context(0, true), bytes));
}
