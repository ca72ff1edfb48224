import { attribute, cmsTemplate, type CmsSigner } from './cms-template.ts';
import { context, encode, encodeHeader, integer, octetString, oid, retag, sequence, setOf, Tag, time } from './der.ts';
import { digestLengths } from './digests.ts';
import { oids } from './oids.ts';

/** Which signed attributes a format wants besides content-type, message-digest and signing-certificate-v2. */
export interface SignedAttributeOptions {
  /** UTC ms; only where the format claims the time inside the CMS (CAdES yes, PAdES no: EN 319 142-1 §6.3). */
  readonly signingTime?: number;
  /** Dotted; id-data when absent. */
  readonly contentType?: string;
  /** Adds cms-algorithm-protection (RFC 6211). */
  readonly algorithmProtection?: boolean;
}

/** What goes into the SignedData beside the signature itself. */
export interface SignedDataOptions {
  /** DER TimeStampToken over the signature value: unsigned attribute signature-time-stamp (EN 319 122-1 §5.3). */
  readonly signatureTimestamp?: Buffer;
}

/**
 * The signed attributes as the key signs them: DER SET OF with tag 0x31 (RFC 5652 §5.4), a few hundred bytes.
 * The same bytes go into the SignerInfo, under tag 0xA0.
 * @param messageDigest digest of the content with `signer.digest`
 */
export function buildSignedAttributes(signer: CmsSigner, messageDigest: Buffer, options: SignedAttributeOptions = {}): Buffer {
  const template = cmsTemplate(signer);
  const attributes = [
    attribute(oids.contentType, oid(options.contentType ?? oids.data)),
    attribute(oids.messageDigest, octetString(messageDigest)),
    template.signingCertificate,
  ];
  if (options.signingTime !== undefined) attributes.push(attribute(oids.signingTime, time(options.signingTime)));
  if (options.algorithmProtection === true) attributes.push(template.algorithmProtection);
  return setOf(...attributes);
}

/**
 * A detached signature: DER ContentInfo around a SignedData of version 1 with one SignerInfo and the whole chain.
 * @param signedAttributes what `buildSignedAttributes` gave
 * @param signatureValue RSA block, or DER SEQUENCE {r, s}
 */
export function assembleSignedData(
  signer: CmsSigner,
  signedAttributes: Buffer,
  signatureValue: Buffer,
  options: SignedDataOptions = {},
): Buffer {
  const { digestAlgorithms, certificates } = cmsTemplate(signer);
  const info = signerInfo(signer, signedAttributes, signatureValue, options);
  const signedData = sequence(version1, digestAlgorithms, detachedContent, certificates, encode(Tag.set, info));
  return sequence(oid(oids.signedData), encode(context(0, true), signedData));
}

/**
 * The octets before and behind an attached content of `contentLength` bytes, so that it is streamed and never copied:
 * head, content, tail are one DER ContentInfo of definite length.
 */
export function enclosingSignedData(
  signer: CmsSigner,
  signedAttributes: Buffer,
  signatureValue: Buffer,
  contentLength: number,
  options: SignedDataOptions = {},
): { readonly head: Buffer; readonly tail: Buffer } {
  const { digestAlgorithms, certificates } = cmsTemplate(signer);
  const info = signerInfo(signer, signedAttributes, signatureValue, options);
  const tail = Buffer.concat([certificates, encode(Tag.set, info)]);
  let head = Buffer.alloc(0);
  let length = contentLength;
  const enclose = (tag: number, ...before: readonly Buffer[]): void => {
    head = Buffer.concat([...before, head]);
    head = Buffer.concat([encodeHeader(tag, head.length + length), head]);
  };
  enclose(Tag.octetString);
  enclose(context(0, true));
  enclose(Tag.sequence, oid(oids.data));
  length += tail.length;
  enclose(Tag.sequence, version1, digestAlgorithms);
  enclose(context(0, true));
  enclose(Tag.sequence, oid(oids.signedData));
  return { head, tail };
}

const version1 = integer(1);
const detachedContent = sequence(oid(oids.data));

function signerInfo(signer: CmsSigner, signedAttributes: Buffer, signatureValue: Buffer, options: SignedDataOptions): Buffer {
  const { signerHead, signatureAlgorithm } = cmsTemplate(signer);
  const signed = retag(context(0, true), signedAttributes);
  const fields = [signerHead, signed, signatureAlgorithm, octetString(signatureValue)];
  if (options.signatureTimestamp !== undefined)
    fields.push(encode(context(1, true), attribute(oids.signatureTimeStampToken, options.signatureTimestamp)));
  return sequence(...fields);
}

/** Room kept for a TimeStampToken with the authority's chain: those of public authorities take 3 to 9 kB. */
export const maxTimestampTokenSize = 16_384;

/**
 * Upper bound of what `assembleSignedData` gives for this signer, in bytes: size of a PDF placeholder before it is turned to hex.
 * @param options the attributes that will be asked for; `timestampSize`: bytes for a signature timestamp, 0 for none
 */
export function maxCmsSize(signer: CmsSigner, options: SignedAttributeOptions & { readonly timestampSize: number }): number {
  // From 2050 on signing-time is a GeneralizedTime, two octets longer.
  const longest = options.signingTime === undefined ? options : { ...options, signingTime: Date.UTC(2050, 0) };
  const attributes = buildSignedAttributes(signer, Buffer.alloc(digestLengths[signer.digest]), longest);
  const value = Buffer.alloc(cmsTemplate(signer).maxSignatureValue);
  const timestamp = options.timestampSize === 0 ? {} : { signatureTimestamp: Buffer.alloc(options.timestampSize) };
  return assembleSignedData(signer, attributes, value, timestamp).length;
}
