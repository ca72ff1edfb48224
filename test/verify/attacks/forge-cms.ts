import { constants, sign, type KeyObject } from 'node:crypto';
import { digestAlgorithmIdentifier, digestOf, keyTypeOf, signatureAlgorithmIdentifier } from '../../../src/formats/algorithms.ts';
import { attribute } from '../../../src/formats/cms-template.ts';
import { context, encode, integer, octetString, oid, sequence, setOf, Tag, time } from '../../../src/formats/der.ts';
import { oids } from '../../../src/formats/oids.ts';
import { parseCertificate } from '../../../src/formats/x509.ts';
import { createPublicKey } from 'node:crypto';
import type { AnyDigest } from '../../../src/model/algorithms.ts';

export { attribute } from '../../../src/formats/cms-template.ts';

/** A key with its certificate. */
export interface Signer {
  readonly certificate: Buffer;
  readonly privateKey: KeyObject;
}

/** The attributes of an honest signature, DER, by what they are. */
export interface UsualAttributes {
  readonly contentType: Buffer;
  readonly messageDigest: Buffer;
  readonly signingTime: Buffer;
  readonly signingCertificate: Buffer;
}

/** One SignerInfo with anything set to anything. */
export interface SignerForgery {
  readonly signer: Signer;
  readonly content: Buffer;
  /** Dotted, in the attribute. */
  readonly contentType?: string;
  /** SignerInfo.digestAlgorithm, and what the attribute message-digest is made with. */
  readonly digest?: AnyDigest;
  /** Undefined: a signature without signed attributes. */
  readonly attributes?: ((usual: UsualAttributes) => readonly Buffer[]) | 'none';
  readonly algorithm?: { readonly identifier: Buffer; readonly sign: (data: Buffer) => Buffer };
  /** What is put under [0], from the DER SET; what is signed. */
  readonly written?: (set: Buffer) => Buffer;
  readonly signed?: (set: Buffer) => Buffer;
  readonly sid?: Buffer;
  readonly version?: number;
  /** Unsigned attributes, DER, about the signature value. */
  readonly unsigned?: (value: Buffer) => readonly Buffer[] | Promise<readonly Buffer[]>;
  /** UTC ms; signing-time. */
  readonly at?: number;
}

/** ESSCertIDv2 attribute. */
export function signingCertificateV2(certificate: Buffer, issuerSerial?: Buffer): Buffer {
  const identifier = sequence(octetString(digestOf('sha256', certificate)), ...(issuerSerial === undefined ? [] : [issuerSerial]));
  return attribute(oids.signingCertificateV2, sequence(sequence(identifier)));
}

/** ESSCertID attribute of version 1. */
export function signingCertificateV1(certificate: Buffer): Buffer {
  return attribute(oids.signingCertificate, sequence(sequence(sequence(octetString(digestOf('sha1', certificate))))));
}

/** IssuerSerial of RFC 5035. */
export function issuerSerialOf(certificate: Buffer): Buffer {
  const { issuer, serialNumber } = parseCertificate(certificate);
  return sequence(sequence(encode(context(4, true), issuer)), encode(Tag.integer, serialNumber));
}

export function issuerAndSerial(certificate: Buffer): Buffer {
  const { issuer, serialNumber } = parseCertificate(certificate);
  return sequence(issuer, encode(Tag.integer, serialNumber));
}

export function attributesOf({ signer, content, contentType, digest = 'sha256', at }: SignerForgery): UsualAttributes {
  return {
    contentType: attribute(oids.contentType, oid(contentType ?? oids.data)),
    messageDigest: attribute(oids.messageDigest, octetString(digestOf(digest, content))),
    signingTime: attribute(oids.signingTime, time(at ?? Date.now())),
    signingCertificate: signingCertificateV2(signer.certificate),
  };
}

/** How a key signs with a digest, PKCS#1 for RSA. */
export function usualAlgorithm(key: KeyObject, digest: 'sha256' | 'sha384' | 'sha512' = 'sha256'): NonNullable<SignerForgery['algorithm']> {
  const identifier = signatureAlgorithmIdentifier(keyTypeOf(createPublicKey(key)), { digest, padding: 'pkcs1' });
  const name = key.asymmetricKeyType === 'ed25519' ? null : digest;
  return { identifier, sign: (data) => sign(name, data, key) };
}

/** RSASSA-PSS with any parameters; what is stated may differ from what is done. */
export function pss(key: KeyObject, stated: { digest: AnyDigest; mgf: AnyDigest; salt: number; trailer?: number }, made = stated) {
  const parameters = sequence(
    encode(context(0, true), digestAlgorithmIdentifier(stated.digest)),
    encode(context(1, true), sequence(oid(oids.mgf1), digestAlgorithmIdentifier(stated.mgf))),
    encode(context(2, true), integer(stated.salt)),
    ...(stated.trailer === undefined ? [] : [encode(context(3, true), integer(stated.trailer))]),
  );
  const options = { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: made.salt };
  return { identifier: sequence(oid(oids.rsassaPss), parameters), sign: (data: Buffer) => sign(made.digest, data, options) };
}

/** DER SignerInfo. */
export async function signerInfo(forgery: SignerForgery): Promise<Buffer> {
  const { signer, content, digest = 'sha256', attributes, unsigned, written = same, signed = same } = forgery;
  const algorithm = forgery.algorithm ?? usualAlgorithm(signer.privateKey);
  const usual = attributesOf(forgery);
  const set = attributes === 'none' ? undefined : setOf(...(attributes ?? everything)(usual));
  const value = algorithm.sign(set === undefined ? content : signed(set));
  const more = await unsigned?.(value);
  const implicit = set && Buffer.from(written(set));
  if (implicit) implicit[0] = context(0, true);
  return sequence(
    integer(forgery.version ?? 1),
    forgery.sid ?? issuerAndSerial(signer.certificate),
    digestAlgorithmIdentifier(digest),
    ...(implicit ? [implicit] : []),
    algorithm.identifier,
    octetString(value),
    ...(more === undefined ? [] : [encode(context(1, true), ...more)]),
  );
}

function same(set: Buffer): Buffer {
  return set;
}

function everything(usual: UsualAttributes): Buffer[] {
  return [usual.contentType, usual.messageDigest, usual.signingTime, usual.signingCertificate];
}

export interface EnvelopeForgery {
  /** Dotted eContentType. */
  readonly contentType?: string;
  /** Absent: detached. DER or BER element. */
  readonly content?: Buffer;
  readonly certificates: readonly Buffer[];
  readonly revocation?: readonly Buffer[];
  readonly signers: readonly Buffer[];
  readonly digests?: readonly AnyDigest[];
}

/** DER ContentInfo with SignedData. */
export function signedData(envelope: EnvelopeForgery): Buffer {
  const { contentType = oids.data, content, certificates, revocation = [], signers, digests = ['sha256'] } = envelope;
  const body = sequence(
    integer(contentType === oids.data ? 1 : 3),
    setOf(...digests.map(digestAlgorithmIdentifier)),
    sequence(oid(contentType), ...(content === undefined ? [] : [encode(context(0, true), content)])),
    ...(certificates.length === 0 ? [] : [encode(context(0, true), ...certificates)]),
    ...(revocation.length === 0 ? [] : [encode(context(1, true), ...revocation)]),
    encode(Tag.set, ...signers),
  );
  return sequence(oid(oids.signedData), encode(context(0, true), body));
}

/** A detached CMS by one signer. */
export async function detachedCms(forgery: SignerForgery, certificates: readonly Buffer[]): Promise<Buffer> {
  return signedData({ certificates, signers: [await signerInfo(forgery)], digests: [forgery.digest ?? 'sha256'] });
}
