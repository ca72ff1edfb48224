import { digestByOid, digestOf } from '../formats/algorithms.ts';
import {
  bitString,
  children,
  context,
  encode,
  Fields,
  generalizedTime,
  octetString,
  oid,
  parse,
  readInteger,
  readOid,
  readSmall,
  sequence,
  Tag,
} from '../formats/der.ts';
import { publicKeyBits } from '../formats/ocsp.ts';
import { oids } from '../formats/oids.ts';
import { parseCertificate } from '../formats/x509.ts';
import { revocationReasons } from './crl.ts';
import { sign, signatureIdentifier } from './signing.ts';
import type { Element } from '../formats/der.ts';
import type { AnyDigest } from '../model/algorithms.ts';
import type { Effects } from '../ports/effects.ts';
import type { RevocationReason } from '../formats/crl.ts';
import type { Identity } from './signing.ts';

export type CertificateStatus =
  | { readonly status: 'good' }
  | { readonly status: 'unknown' }
  | { readonly status: 'revoked'; readonly revocationTime: number; readonly reason?: RevocationReason };

export interface OcspOptions {
  /** Key and certificate of the responder; the certificate is issued by `issuer` (RFC 6960 §4.2.2.2). */
  readonly identity: Identity;
  /** DER certificate of the CA whose certificates are asked for. */
  readonly issuer: Buffer;
  /** ms from thisUpdate to nextUpdate. */
  readonly validity: number;
  /** What is known about a serial number (unsigned, big-endian); one that was never issued is `unknown`. */
  status(serialNumber: Buffer): CertificateStatus;
}

/** OCSPResponseStatus (RFC 6960 §4.2.1). */
const responseStatus = { successful: 0, malformedRequest: 1, internalError: 2 } as const;
/** Requests for more certificates at once are malformed: one answer should not cost much. */
const maxRequests = 100;
/**
 * An OCSP responder: DER OCSPRequest in (hostile), DER OCSPResponse out. Never rejects: a request that cannot be read is answered
 * with malformedRequest. Responder ID byName, certificate included, nonce repeated.
 */
export function ocspResponder(fx: Pick<Effects, 'clock'>, options: OcspOptions): (request: Buffer) => Promise<Buffer> {
  return async (request) => {
    const query = readRequest(request);
    if (query === undefined) return failed('malformedRequest');
    try {
      return succeeded(await basicOcspResponse(fx.clock.now(), options, query));
    } catch {
      return failed('internalError');
    }
  };
}

function failed(status: 'malformedRequest' | 'internalError'): Buffer {
  return sequence(encode(Tag.enumerated, Buffer.from([responseStatus[status]])));
}

function succeeded(basic: Buffer): Buffer {
  const bytes = sequence(oid(oids.ocspBasic), octetString(basic));
  return sequence(encode(Tag.enumerated, Buffer.from([responseStatus.successful])), encode(context(0, true), bytes));
}

interface OcspQuery {
  readonly certificates: readonly CertificateId[];
  /** DER Extension, as it came. */
  readonly nonce?: Buffer;
}

interface CertificateId {
  readonly raw: Buffer;
  readonly hash: AnyDigest | undefined;
  readonly issuerNameHash: Buffer;
  readonly issuerKeyHash: Buffer;
  readonly serialNumber: Buffer;
}

/** RFC 6960 §4.1.1. Undefined when it is not a request. A signature over it proves nothing to us and is not looked at. */
function readRequest(request: Buffer): OcspQuery | undefined {
  try {
    const outer = new Fields(parse(request, Tag.sequence), 'OCSPRequest');
    const fields = new Fields(outer.next(Tag.sequence), 'TBSRequest');
    const version = fields.optional(context(0, true));
    if (version && readSmall(parse(version.content, Tag.integer)) !== 0) return undefined;
    fields.optional(context(1, true));
    const list = children(fields.next(Tag.sequence));
    const extensions = fields.optional(context(2, true));
    fields.end();
    outer.optional(context(0, true));
    outer.end();
    if (list.length === 0 || list.length > maxRequests) return undefined;
    const nonce = extensions && findNonce(parse(extensions.content, Tag.sequence));
    return { certificates: list.map(readCertificateId), ...(nonce ? { nonce } : {}) };
  } catch {
    return undefined;
  }
}

function readCertificateId(request: Element): CertificateId {
  const id = new Fields(request, 'Request').next(Tag.sequence);
  const fields = new Fields(id, 'CertID');
  const algorithm = new Fields(fields.next(Tag.sequence), 'AlgorithmIdentifier').next(Tag.oid);
  const issuerNameHash = fields.next(Tag.octetString).content;
  const issuerKeyHash = fields.next(Tag.octetString).content;
  const serial = fields.next(Tag.integer);
  readInteger(serial);
  fields.end();
  return { raw: id.raw, hash: certificateIdDigest(readOid(algorithm)), issuerNameHash, issuerKeyHash, serialNumber: serial.content };
}

/** SHA-1 is what clients send (RFC 5019 §2.1.1); a hash that is not taken leaves the certificate unknown. */
function certificateIdDigest(dotted: string): AnyDigest | undefined {
  const digest = digestByOid(dotted);
  return digest === 'sha1' || digest === 'sha256' || digest === 'sha384' || digest === 'sha512' ? digest : undefined;
}

/** The nonce as RFC 9654 §2.1 limits it: 1 to 128 octets. */
function findNonce(extensions: Element): Buffer | undefined {
  const found = children(extensions).find((extension) => readOid(new Fields(extension, 'Extension').next(Tag.oid)) === oids.ocspNonce);
  return found && found.raw.length <= 160 ? found.raw : undefined;
}

async function basicOcspResponse(now: number, options: OcspOptions, query: OcspQuery): Promise<Buffer> {
  const issuer = parseCertificate(options.issuer);
  const responses = query.certificates.map((id) => {
    const ours =
      id.hash !== undefined &&
      id.issuerNameHash.equals(digestOf(id.hash, issuer.subject)) &&
      id.issuerKeyHash.equals(digestOf(id.hash, publicKeyBits(issuer.spki)));
    const status = encodeStatus(ours ? options.status(id.serialNumber) : { status: 'unknown' });
    return sequence(id.raw, status, generalizedTime(now), encode(context(0, true), generalizedTime(now + options.validity)));
  });
  const responder = parseCertificate(options.identity.certificate).subject;
  const data = sequence(
    encode(context(1, true), responder),
    generalizedTime(now),
    sequence(...responses),
    ...(query.nonce === undefined ? [] : [encode(context(1, true), sequence(query.nonce))]),
  );
  return sequence(
    data,
    signatureIdentifier(options.identity),
    bitString(await sign(options.identity, data)),
    encode(context(0, true), sequence(options.identity.certificate)),
  );
}

/** CertStatus (RFC 6960 §4.2.1). */
function encodeStatus(status: CertificateStatus): Buffer {
  switch (status.status) {
    case 'good':
      return encode(context(0));
    case 'unknown':
      return encode(context(2));
    case 'revoked': {
      const reason = status.reason === undefined || status.reason === 'unspecified' ? undefined : revocationReasons[status.reason];
      return encode(
        context(1, true),
        generalizedTime(status.revocationTime),
        ...(reason === undefined ? [] : [encode(context(0, true), encode(Tag.enumerated, Buffer.from([reason])))]),
      );
    }
  }
}
