import { digestAlgorithmIdentifier, digestOf, signatureAlgorithmIdentifier } from './algorithms.ts';
import { context, encode, integer, octetString, oid, retag, sequence, setOf, Tag, unsigned } from './der.ts';
import { oids } from './oids.ts';
import { parseCertificate } from './x509.ts';
import type { DigestAlgorithm, KeyType } from '../model/algorithms.ts';
import type { SignParameters } from '../model/signature.ts';

/** Who signs and how: all that the constant part of a signature depends on. `SignParameters` is one. */
export type CmsSigner = Pick<SignParameters, 'chain' | 'digest' | 'padding'>;

/**
 * The parts of a SignedData (RFC 5652 §5.1) that stay the same for every signature of one key and profile, as DER.
 * Making them costs more than a fast signature; looking them up costs nothing beside it.
 */
export interface CmsTemplate {
  /** `digestAlgorithms` of SignedData. */
  readonly digestAlgorithms: Buffer;
  /** `certificates [0]`: the chain, in DER order. */
  readonly certificates: Buffer;
  /** `version`, `sid`, `digestAlgorithm` of SignerInfo: version 1, issuerAndSerialNumber. */
  readonly signerHead: Buffer;
  readonly signatureAlgorithm: Buffer;
  /** Attribute signing-certificate-v2 (RFC 5035 §3). */
  readonly signingCertificate: Buffer;
  /** Attribute cms-algorithm-protection (RFC 6211 §2). */
  readonly algorithmProtection: Buffer;
  /** Longest signature value of this key, bytes. */
  readonly maxSignatureValue: number;
}

interface Known {
  readonly signer: CmsSigner;
  readonly template: CmsTemplate;
}

const capacity = 64;
let recent: Known[] = [];

/**
 * The template of a signer; made once, then found by comparing the chain's bytes (a chain that came from another thread is a copy).
 * @throws SealError SEAL-INPUT-INVALID for a malformed certificate, SEAL-KEY-MECHANISM for a key that cannot sign so
 */
export function cmsTemplate(signer: CmsSigner): CmsTemplate {
  const at = recent.findIndex((known) => same(known.signer, signer));
  const known = recent[at];
  if (known && at === 0) return known.template;
  const first = known ?? { signer: copyOf(signer), template: build(signer) };
  recent = [first, ...recent.filter((other) => other !== first)].slice(0, capacity);
  return first.template;
}

function same(one: CmsSigner, other: CmsSigner): boolean {
  if (one === other) return true;
  if (one.digest !== other.digest || one.padding !== other.padding || one.chain.length !== other.chain.length) return false;
  return one.chain.every((certificate, at) => {
    const counterpart = other.chain[at];
    return counterpart !== undefined && (certificate === counterpart || certificate.equals(counterpart));
  });
}

// The caller's buffers may be views of a message that is wiped afterwards.
function copyOf({ chain, digest, padding }: CmsSigner): CmsSigner {
  return { chain: chain.map((certificate) => Buffer.from(certificate)), digest, padding };
}

function build({ chain, digest, padding }: CmsSigner): CmsTemplate {
  const certificate = parseCertificate(chain[0] ?? Buffer.alloc(0));
  const keyType = certificate.keyType();
  const digestAlgorithm = digestAlgorithmIdentifier(digest);
  const signatureAlgorithm = signatureAlgorithmIdentifier(keyType, { digest, padding });
  const sid = sequence(certificate.issuer, encode(Tag.integer, certificate.serialNumber));
  return {
    digestAlgorithms: setOf(digestAlgorithm),
    certificates: retag(context(0, true), setOf(...chain)),
    signerHead: Buffer.concat([integer(1), sid, digestAlgorithm]),
    signatureAlgorithm,
    signingCertificate: attribute(oids.signingCertificateV2, signingCertificateV2(certificate.der, digest)),
    algorithmProtection: attribute(oids.cmsAlgorithmProtection, sequence(digestAlgorithm, retag(context(1, true), signatureAlgorithm))),
    maxSignatureValue: maxSignatureValue(keyType),
  };
}

/** Attribute with one value (RFC 5652 §5.3). @param value DER */
export function attribute(type: string, value: Uint8Array): Buffer {
  return sequence(oid(type), setOf(value));
}

// RFC 5035 §3: hashAlgorithm DEFAULT sha256 must not be written in DER. issuerSerial is left out: the hash names the certificate.
function signingCertificateV2(certificate: Buffer, digest: DigestAlgorithm): Buffer {
  const hash = octetString(digestOf(digest, certificate));
  return sequence(sequence(digest === 'sha256' ? sequence(hash) : sequence(digestAlgorithmIdentifier(digest), hash)));
}

function maxSignatureValue(key: KeyType): number {
  const octets = Math.ceil(key.bits / 8);
  if (key.type === 'ed25519' || key.type === 'ed448') return 2 * octets;
  if (key.type !== 'ec') return octets;
  const half = unsigned(Buffer.alloc(octets, 0xff));
  return sequence(half, half).length;
}
