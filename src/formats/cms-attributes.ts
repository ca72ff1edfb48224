import { SealError } from '../errors.ts';
import { parseDigestAlgorithm } from './digests.ts';
import { children, context, Fields, readOid, readTime, Tag, type Element } from './der.ts';
import { isDer, joinOctetString, toDer } from './der-canonical.ts';
import { oids } from './oids.ts';
import type { AnyDigest } from '../model/algorithms.ts';

/** One Attribute (RFC 5652 §5.3). */
export interface Attribute {
  /** Dotted. */
  readonly type: string;
  readonly values: readonly Element[];
  readonly raw: Buffer;
}

/** ESSCertID or ESSCertIDv2 (RFC 5035 §4): names a certificate by its hash. */
export interface CertificateIdentifier {
  readonly digest: AnyDigest;
  readonly hash: Buffer;
  /** By issuer and serial number too: DER Name, content octets of the INTEGER. */
  readonly issuerSerial?: { readonly issuer: Buffer; readonly serialNumber: Buffer };
}

const maxAttributes = 256;

/** The attributes inside an implicitly tagged SET OF Attribute. Hostile input. @throws SealError SEAL-INPUT-INVALID, SEAL-DOC-LIMIT */
export function parseAttributes(set: Pick<Element, 'content'>): Attribute[] {
  const items = children(set, true);
  if (items.length > maxAttributes)
    throw new SealError('SEAL-DOC-LIMIT', `a signature has more than ${maxAttributes} attributes`, { hint: 'no honest signature does' });
  return items.map((item) => {
    const fields = new Fields(item, 'Attribute', true);
    const type = readOid(fields.next(Tag.oid));
    const values = children(fields.next(Tag.set), true);
    fields.end();
    return { type, values, raw: item.raw };
  });
}

/**
 * The value of an attribute that may occur once, with one value (RFC 5652 §11).
 * @returns undefined when the attribute is absent
 * @throws SealError SEAL-INPUT-INVALID when it occurs twice or has not exactly one value
 */
function singleValue(attributes: readonly Attribute[], type: string): Element | undefined {
  const found = attributes.filter((attribute) => attribute.type === type);
  if (found.length === 0) return undefined;
  const [value, second] = found.flatMap((attribute) => attribute.values);
  if (found.length > 1 || value === undefined || second !== undefined)
    throw new SealError('SEAL-INPUT-INVALID', `CMS: attribute ${type} must stand once with one value`);
  return value;
}

/** Octets of message-digest (RFC 5652 §11.2); undefined when absent. */
export function messageDigest(attributes: readonly Attribute[]): Buffer | undefined {
  const value = singleValue(attributes, oids.messageDigest);
  return value && joinOctetString(value);
}

/** Dotted content-type (RFC 5652 §11.1); undefined when absent. */
export function contentTypeAttribute(attributes: readonly Attribute[]): string | undefined {
  const value = singleValue(attributes, oids.contentType);
  return value && readOid(value);
}

/** Claimed signing-time (RFC 5652 §11.3), UTC ms; undefined when absent. */
export function signingTime(attributes: readonly Attribute[]): number | undefined {
  const value = singleValue(attributes, oids.signingTime);
  return value && readTime(value);
}

/**
 * What signing-certificate-v2 and signing-certificate say about the signer: the first identifier of each that is there. All of them have to fit
 * (RFC 5035 §5.4).
 * @returns empty when neither attribute is there
 */
export function signingCertificates(attributes: readonly Attribute[]): readonly CertificateIdentifier[] {
  const v2 = singleValue(attributes, oids.signingCertificateV2);
  const v1 = singleValue(attributes, oids.signingCertificate);
  return [...(v2 ? [firstIdentifier(v2, 'sha256')] : []), ...(v1 ? [firstIdentifier(v1, 'sha1')] : [])];
}

// SigningCertificate and SigningCertificateV2 differ in the default of the hash alone; version 1 has no hashAlgorithm field.
function firstIdentifier(value: Element, standard: AnyDigest): CertificateIdentifier {
  const [identifier] = children(new Fields(value, 'SigningCertificate', true).next(Tag.sequence), true);
  if (identifier === undefined) throw new SealError('SEAL-INPUT-INVALID', 'CMS: signing-certificate names no certificate');
  const fields = new Fields(identifier, 'ESSCertID', true);
  const algorithm = standard === 'sha256' ? fields.optional(Tag.sequence) : undefined;
  const hash = fields.next(Tag.octetString).content;
  const named = fields.optional(Tag.sequence);
  fields.end();
  return {
    digest: algorithm ? parseDigestAlgorithm(toDer(algorithm.raw)) : standard,
    hash,
    ...(named === undefined ? {} : { issuerSerial: issuerSerial(named) }),
  };
}

/** IssuerSerial (RFC 5035 §4): the issuer is one directoryName. */
function issuerSerial(element: Element): NonNullable<CertificateIdentifier['issuerSerial']> {
  const fields = new Fields(element, 'IssuerSerial', true);
  const [issuer, ...others] = children(fields.next(Tag.sequence), true);
  const serialNumber = fields.next(Tag.integer).content;
  fields.end();
  if (issuer?.tag !== context(4, true) || others.length > 0)
    throw new SealError('SEAL-INPUT-INVALID', 'CMS: signing-certificate names the issuer by something else than its name');
  return { issuer: toDer(issuer.content), serialNumber };
}

/** What cms-algorithm-protection states (RFC 6211 §2), as DER AlgorithmIdentifiers; undefined when absent. */
export function algorithmProtection(
  attributes: readonly Attribute[],
): { readonly digestAlgorithm: Buffer; readonly signatureAlgorithm: Buffer | undefined } | undefined {
  const value = singleValue(attributes, oids.cmsAlgorithmProtection);
  if (value === undefined) return undefined;
  const fields = new Fields(value, 'CMSAlgorithmProtection', true);
  const digestAlgorithm = toDer(fields.next(Tag.sequence).raw);
  const signature = fields.optional(context(1, true));
  if (signature === undefined) return { digestAlgorithm, signatureAlgorithm: undefined };
  const der = toDer(signature.raw);
  der[0] = Tag.sequence;
  return { digestAlgorithm, signatureAlgorithm: der };
}

/** The signed attributes of a SignerInfo, and the bytes over which the signature must have been made. */
export interface SignedAttributes {
  readonly attributes: readonly Attribute[];
  /** With tag SET OF, in DER: that is what is signed, however they were sent (RFC 5652 §5.4). */
  readonly toBeSigned: Buffer;
  /** They came in DER. */
  readonly isDer: boolean;
}

/** @param element [0] IMPLICIT SignedAttributes */
export function parseSignedAttributes(element: Element): SignedAttributes {
  const asReceived = Buffer.from(element.raw);
  asReceived[0] = Tag.set;
  const attributes = parseAttributes(element);
  const ordered = isDer(asReceived);
  return { attributes, toBeSigned: ordered ? asReceived : toDer(asReceived), isDer: ordered };
}
