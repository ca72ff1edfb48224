import { createPublicKey } from 'node:crypto';
import { SealError } from '../errors.ts';
import { keyTypeOf } from './algorithms.ts';
import { children, context, parse, readBitString, readSmall, readTime, Tag } from './der.ts';
import { sha256 } from './digests.ts';
import { distinguishedName, sameName } from './names-dn.ts';
import { oids } from './oids.ts';
import * as read from './x509-extensions.ts';
import type { KeyObject } from 'node:crypto';
import type { Element } from './der.ts';
import type { GeneralName } from './general-names.ts';
import type { AuthorityKeyIdentifier, BasicConstraints, DistributionPoint, Extension, KeyUsage } from './x509-extensions.ts';
import type { KeyType } from '../model/algorithms.ts';
import type { CertificateSummary } from '../model/verification.ts';

export { sha256 } from './digests.ts';
export { distinguishedName } from './names-dn.ts';
export type { KeyUsage } from './x509-extensions.ts';

/** Fields of TBSCertificate up to subjectPublicKeyInfo (RFC 5280 §4.1), and where the extensions begin. */
interface Outline {
  readonly version: number;
  readonly serialNumber: Buffer;
  readonly innerAlgorithm: Buffer;
  readonly issuer: Buffer;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly subject: Buffer;
  readonly spki: Buffer;
  readonly extensions: Element | undefined;
}

/**
 * A certificate over its own bytes. What is cheap is read at once; key and extensions when they are asked for, once.
 * Every accessor of an extension throws SealError SEAL-INPUT-INVALID when that extension is malformed.
 */
export class Certificate {
  readonly der: Buffer;
  /** The signed bytes. */
  readonly tbs: Buffer;
  /** 1, 2 or 3. */
  readonly version: number;
  /** Raw content of the INTEGER. */
  readonly serialNumber: Buffer;
  /** DER Name. */
  readonly issuer: Buffer;
  /** DER Name. */
  readonly subject: Buffer;
  /** UTC ms. */
  readonly notBefore: number;
  /** UTC ms, still inside. */
  readonly notAfter: number;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Buffer;
  /** DER AlgorithmIdentifier. */
  readonly signatureAlgorithm: Buffer;
  readonly signature: Buffer;
  readonly #extensions: Element | undefined;
  readonly #known = new Map<string, unknown>();

  /** @see parseCertificate */
  constructor(der: Buffer) {
    const [tbs, algorithm, signature, ...rest] = children(parse(der, Tag.sequence));
    if (tbs?.tag !== Tag.sequence || algorithm?.tag !== Tag.sequence || signature?.tag !== Tag.bitString || rest.length > 0)
      throw malformed('is not a Certificate');
    const outline = readOutline(tbs);
    // RFC 5280 §4.1.1.2: the field outside the signature must repeat the one inside.
    if (!outline.innerAlgorithm.equals(algorithm.raw)) throw malformed('names two different signature algorithms');
    const { bytes, unused } = readBitString(signature);
    if (unused !== 0) throw malformed('has a signature of odd bits');
    this.der = der;
    this.tbs = tbs.raw;
    this.version = outline.version;
    this.serialNumber = outline.serialNumber;
    this.issuer = outline.issuer;
    this.subject = outline.subject;
    this.notBefore = outline.notBefore;
    this.notAfter = outline.notAfter;
    this.spki = outline.spki;
    this.signatureAlgorithm = algorithm.raw;
    this.signature = bytes;
    this.#extensions = outline.extensions;
  }

  #once<T>(name: string, compute: () => T): T {
    if (this.#known.has(name)) return this.#known.get(name) as T;
    const value = compute();
    this.#known.set(name, value);
    return value;
  }

  #extension<T>(id: string, parseValue: (value: Buffer) => T): T | undefined {
    return this.#once(id, () => {
      const extension = this.extensions.get(id);
      return extension === undefined ? undefined : parseValue(extension.value);
    });
  }

  /** SHA-256 of the whole certificate. */
  get sha256(): Buffer {
    return this.#once('sha256', () => sha256(this.der));
  }

  /** @throws SealError SEAL-INPUT-INVALID when the key is malformed, or lacks parameters that its issuer's key has (DSA) */
  publicKey(): KeyObject {
    return this.#once('publicKey', () => readPublicKey(this.spki));
  }

  /** @throws SealError SEAL-INPUT-INVALID */
  keyType(): KeyType {
    return this.#once('keyType', () => keyTypeOf(this.publicKey()));
  }

  /** By dotted identifier. @throws SealError SEAL-INPUT-INVALID */
  get extensions(): ReadonlyMap<string, Extension> {
    return this.#once('extensions', () =>
      this.#extensions === undefined ? new Map<string, Extension>() : read.parseExtensions(this.#extensions),
    );
  }

  get keyUsage(): ReadonlySet<KeyUsage> | undefined {
    return this.#extension(oids.keyUsage, read.parseKeyUsage);
  }

  /** Dotted purposes. */
  get extendedKeyUsage(): readonly string[] | undefined {
    return this.#extension(oids.extKeyUsage, read.parseExtendedKeyUsage);
  }

  get basicConstraints(): BasicConstraints | undefined {
    return this.#extension(oids.basicConstraints, read.parseBasicConstraints);
  }

  get subjectKeyIdentifier(): Buffer | undefined {
    return this.#extension(oids.subjectKeyIdentifier, read.parseSubjectKeyIdentifier);
  }

  get authorityKeyIdentifier(): AuthorityKeyIdentifier | undefined {
    return this.#extension(oids.authorityKeyIdentifier, read.parseAuthorityKeyIdentifier);
  }

  get subjectAltNames(): readonly GeneralName[] {
    return this.#extension(oids.subjectAltName, read.parseAltNames) ?? [];
  }

  get crlDistributionPoints(): readonly DistributionPoint[] {
    return this.#extension(oids.cRLDistributionPoints, read.parseDistributionPoints) ?? [];
  }

  /** Where CRLs can be fetched: the URIs of the distribution points. */
  get crlUrls(): readonly string[] {
    const names = this.crlDistributionPoints.flatMap(({ name }) => (name !== undefined && 'fullName' in name ? name.fullName : []));
    return names.flatMap(uri);
  }

  get ocspUrls(): readonly string[] {
    return this.#accessUrls(oids.ocsp);
  }

  get caIssuersUrls(): readonly string[] {
    return this.#accessUrls(oids.caIssuers);
  }

  #accessUrls(method: string): readonly string[] {
    const list = this.#extension(oids.authorityInfoAccess, read.parseAuthorityInfoAccess) ?? [];
    return list.flatMap((item) => (item.method === method ? uri(item.location) : []));
  }

  /** Issuer and subject are the same bytes or the same name; says nothing about the signature. */
  get selfIssued(): boolean {
    return this.#once('selfIssued', () => this.issuer.equals(this.subject) || sameName(this.issuer, this.subject));
  }
}

function uri(name: GeneralName): string[] {
  return name.kind === 'uniformResourceIdentifier' ? [name.value] : [];
}

/**
 * Reads a certificate. Hostile input; costs microseconds, so it may be called for every document.
 * @param der exactly one Certificate (RFC 5280 §4.1); the object keeps views of this buffer
 * @throws SealError SEAL-INPUT-INVALID
 */
export function parseCertificate(der: Buffer): Certificate {
  return new Certificate(der);
}

function readOutline(tbs: Element): Outline {
  const items = children(tbs);
  const [first] = items;
  const explicit = first?.tag === context(0, true);
  const [serial, algorithm, issuer, validity, subject, spki, ...rest] = explicit ? items.slice(1) : items;
  if (
    serial?.tag !== Tag.integer ||
    algorithm?.tag !== Tag.sequence ||
    issuer?.tag !== Tag.sequence ||
    validity?.tag !== Tag.sequence ||
    subject?.tag !== Tag.sequence ||
    spki?.tag !== Tag.sequence
  )
    throw malformed('lacks a field');
  const [notBefore, notAfter, ...surplus] = children(validity);
  if (notBefore === undefined || notAfter === undefined || surplus.length > 0) throw malformed('has no validity');
  return {
    version: explicit ? readSmall(parse(first.content)) + 1 : 1,
    serialNumber: serial.content,
    innerAlgorithm: algorithm.raw,
    issuer: issuer.raw,
    notBefore: readTime(notBefore),
    notAfter: readTime(notAfter),
    subject: subject.raw,
    spki: spki.raw,
    extensions: readTail(rest),
  };
}

/** issuerUniqueID, subjectUniqueID and extensions. */
function readTail(rest: readonly Element[]): Element | undefined {
  const expected = [context(1), context(2), context(3, true)];
  let extensions: Element | undefined;
  for (const item of rest) {
    const at = expected.indexOf(item.tag);
    if (at < 0) throw malformed('has unknown fields');
    expected.splice(0, at + 1);
    if (item.tag === context(3, true)) extensions = parse(item.content, Tag.sequence);
  }
  return extensions;
}

function readPublicKey(spki: Buffer): KeyObject {
  try {
    return createPublicKey({ key: spki, format: 'der', type: 'spki' });
  } catch (cause) {
    throw new SealError('SEAL-INPUT-INVALID', 'certificate: the public key cannot be read', { cause });
  }
}

function malformed(what: string): SealError {
  return new SealError('SEAL-INPUT-INVALID', `certificate ${what}`, { hint: 'give an X.509 certificate in DER or PEM' });
}

const summaries = new WeakMap<Certificate, CertificateSummary>();

/** A certificate as reports name it; never throws. The same object every time, so that many reports share it: do not change it. */
export function summarize(certificate: Certificate, trustAnchor = false): CertificateSummary {
  const known = summaries.get(certificate);
  if (known?.trustAnchor === trustAnchor) return known;
  const summary = newSummary(certificate, trustAnchor);
  if (known === undefined) summaries.set(certificate, summary);
  return summary;
}

function newSummary(certificate: Certificate, trustAnchor: boolean): CertificateSummary {
  return {
    subject: distinguishedName(certificate.subject),
    issuer: distinguishedName(certificate.issuer),
    serialNumber: certificate.serialNumber.toString('hex'),
    sha256: certificate.sha256.toString('hex'),
    notBefore: new Date(certificate.notBefore).toISOString(),
    notAfter: new Date(certificate.notAfter).toISOString(),
    trustAnchor,
  };
}
