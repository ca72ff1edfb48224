import { SealError } from '../errors.ts';
import { parseAttributes, parseSignedAttributes, type Attribute, type SignedAttributes } from './cms-attributes.ts';
import { context, Fields, readSmall, Tag, type Element } from './der.ts';
import { joinOctetString, toDer } from './der-canonical.ts';

/** How a SignerInfo names its certificate (RFC 5652 §5.3). */
export type SignerIdentifier =
  /** DER Name, and the content octets of the INTEGER. */
  { readonly issuer: Buffer; readonly serialNumber: Buffer } | { readonly subjectKeyIdentifier: Buffer };

/** SignerInfo (RFC 5652 §5.3). */
export interface SignerInfo {
  readonly version: number;
  readonly sid: SignerIdentifier;
  /** DER AlgorithmIdentifier. */
  readonly digestAlgorithm: Buffer;
  readonly signedAttributes: SignedAttributes | undefined;
  /** DER AlgorithmIdentifier. */
  readonly signatureAlgorithm: Buffer;
  readonly signatureValue: Buffer;
  readonly unsignedAttributes: readonly Attribute[];
  /** As it came. */
  readonly raw: Buffer;
}

/** Hostile input. @throws SealError SEAL-INPUT-INVALID, SEAL-DOC-LIMIT */
export function parseSignerInfo(element: Element): SignerInfo {
  if (element.tag !== Tag.sequence) throw new SealError('SEAL-INPUT-INVALID', 'CMS: a SignerInfo is no SEQUENCE');
  const fields = new Fields(element, 'SignerInfo', true);
  const version = readSmall(fields.next(Tag.integer));
  const sid = signerIdentifier(fields.next(Tag.sequence, context(0), context(0, true)));
  const digestAlgorithm = toDer(fields.next(Tag.sequence).raw);
  const signed = fields.optional(context(0, true));
  const signatureAlgorithm = toDer(fields.next(Tag.sequence).raw);
  const signatureValue = joinOctetString(fields.next(Tag.octetString, Tag.octetString | 0x20));
  const unsigned = fields.optional(context(1, true));
  fields.end();
  return {
    version,
    sid,
    digestAlgorithm,
    signedAttributes: signed && parseSignedAttributes(signed),
    signatureAlgorithm,
    signatureValue,
    unsignedAttributes: unsigned ? parseAttributes(unsigned) : [],
    raw: element.raw,
  };
}

function signerIdentifier(element: Element): SignerIdentifier {
  if (element.tag !== Tag.sequence) {
    if (element.tag === context(0)) return { subjectKeyIdentifier: element.content };
    throw new SealError('SEAL-INPUT-INVALID', 'CMS: the signer identifier is cut into segments');
  }
  const fields = new Fields(element, 'IssuerAndSerialNumber', true);
  const issuer = fields.next(Tag.sequence).raw;
  const serialNumber = fields.next(Tag.integer).content;
  fields.end();
  return { issuer, serialNumber };
}
