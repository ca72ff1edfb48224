import { SealError } from '../errors.ts';
import { CrlEntries } from './crl-entries.ts';
import { children, context, Fields, parse, readBitString, readBoolean, readInteger, readTime, Tag } from './der.ts';
import { sha256 } from './digests.ts';
import { oids } from './oids.ts';
import {
  parseAuthorityKeyIdentifier,
  parseDistributionPointName,
  parseDistributionPoints,
  parseExtensions,
  parseReasonFlags,
} from './x509-extensions.ts';
import type { RevokedEntry } from './crl-entries.ts';
import type { Element } from './der.ts';
import type { GeneralName } from './general-names.ts';
import type { AuthorityKeyIdentifier, DistributionPoint, DistributionPointName, Extensions, ReasonFlag } from './x509-extensions.ts';

export type { RevocationReason, RevokedEntry } from './crl-entries.ts';

/** IssuingDistributionPoint (RFC 5280 §5.2.5): what the CRL covers. */
export interface IssuingDistributionPoint {
  readonly name?: DistributionPointName;
  readonly onlyContainsUserCerts: boolean;
  readonly onlyContainsCACerts: boolean;
  readonly onlySomeReasons?: ReadonlySet<ReasonFlag>;
  readonly indirectCRL: boolean;
  readonly onlyContainsAttributeCerts: boolean;
}

/** A certificate revocation list over its own bytes (RFC 5280 §5). Entries are only walked over. */
export class CertificateList {
  readonly der: Buffer;
  /** The signed bytes. */
  readonly tbs: Buffer;
  /** DER Name. */
  readonly issuer: Buffer;
  /** UTC ms. */
  readonly thisUpdate: number;
  /** UTC ms. */
  readonly nextUpdate: number | undefined;
  /** DER AlgorithmIdentifier. */
  readonly signatureAlgorithm: Buffer;
  readonly signature: Buffer;
  readonly extensions: Extensions;
  readonly cRLNumber: bigint | undefined;
  /** BaseCRLNumber: present in delta CRLs only (RFC 5280 §5.2.4). */
  readonly baseCRLNumber: bigint | undefined;
  readonly issuingDistributionPoint: IssuingDistributionPoint | undefined;
  readonly authorityKeyIdentifier: AuthorityKeyIdentifier | undefined;
  /** Where delta CRLs are. */
  readonly freshestCRL: readonly DistributionPoint[];
  /** UTC ms: certificates that expired after this stay on the list (X.509 expiredCertsOnCRL). */
  readonly expiredCertsOnCRL: number | undefined;
  readonly #entries: CrlEntries;
  #sha256: Buffer | undefined;

  /** @see parseCrl */
  constructor(der: Buffer) {
    const [tbs, algorithm, signature, ...rest] = children(parse(der, Tag.sequence));
    if (tbs?.tag !== Tag.sequence || algorithm?.tag !== Tag.sequence || signature?.tag !== Tag.bitString || rest.length > 0)
      throw malformed('is not a CertificateList');
    const fields = new Fields(tbs, 'TBSCertList');
    fields.optional(Tag.integer);
    const inner = fields.next(Tag.sequence);
    if (!inner.raw.equals(algorithm.raw)) throw malformed('names two different signature algorithms');
    const { bytes, unused } = readBitString(signature);
    if (unused !== 0) throw malformed('has a signature of odd bits');
    this.der = der;
    this.tbs = tbs.raw;
    this.signatureAlgorithm = algorithm.raw;
    this.signature = bytes;
    this.issuer = fields.next(Tag.sequence).raw;
    this.thisUpdate = readTime(fields.next(Tag.utcTime, Tag.generalizedTime));
    const next = fields.optional(Tag.utcTime, Tag.generalizedTime);
    this.nextUpdate = next === undefined ? undefined : readTime(next);
    this.#entries = new CrlEntries(fields.optional(Tag.sequence)?.content ?? Buffer.alloc(0));
    const wrapped = fields.optional(context(0, true));
    fields.end();
    this.extensions = wrapped === undefined ? new Map() : parseExtensions(parse(wrapped.content, Tag.sequence));
    this.cRLNumber = this.#value(oids.cRLNumber, (value) => readInteger(parse(value)));
    this.baseCRLNumber = this.#value(oids.deltaCRLIndicator, (value) => readInteger(parse(value)));
    this.issuingDistributionPoint = this.#value(oids.issuingDistributionPoint, parseIssuingDistributionPoint);
    this.authorityKeyIdentifier = this.#value(oids.authorityKeyIdentifier, parseAuthorityKeyIdentifier);
    this.freshestCRL = this.#value(oids.freshestCRL, parseDistributionPoints) ?? [];
    this.expiredCertsOnCRL = this.#value(oids.expiredCertsOnCRL, (value) => readTime(parse(value)));
  }

  #value<T>(id: string, read: (value: Buffer) => T): T | undefined {
    const extension = this.extensions.get(id);
    return extension === undefined ? undefined : read(extension.value);
  }

  /** SHA-256 of the whole list. */
  get sha256(): Buffer {
    return (this.#sha256 ??= sha256(this.der));
  }

  get isDelta(): boolean {
    return this.baseCRLNumber !== undefined;
  }

  /** Whether the list or one of its entries has a critical extension that is not understood: then it must not be used (RFC 5280 §5.2). */
  get hasUnknownCritical(): boolean {
    for (const [id, { critical }] of this.extensions) if (critical && !understood.has(id)) return true;
    return this.#entries.hasUnknownCritical;
  }

  /**
   * The entry of a certificate.
   * @param serialNumber raw content of the INTEGER
   * @param issues whether an entry's issuers (undefined: the CRL's own issuer) stand for the certificate's issuer
   * @throws SealError SEAL-INPUT-INVALID when the entries are malformed
   */
  find(serialNumber: Buffer, issues: (issuers: readonly GeneralName[] | undefined) => boolean): RevokedEntry | undefined {
    return this.#entries.find(serialNumber, issues);
  }

  /** Number of entries; walks over all of them. */
  count(): number {
    return this.#entries.count();
  }
}

const understood: ReadonlySet<string> = new Set([
  oids.authorityKeyIdentifier,
  oids.cRLNumber,
  oids.deltaCRLIndicator,
  oids.issuingDistributionPoint,
  oids.freshestCRL,
  oids.expiredCertsOnCRL,
  oids.issuerAltName,
  oids.authorityInfoAccess,
]);

/**
 * Reads a CRL. Hostile input; time and memory do not grow with the number of entries.
 * @param der exactly one CertificateList; the object keeps views of this buffer
 * @throws SealError SEAL-INPUT-INVALID
 */
export function parseCrl(der: Buffer): CertificateList {
  return new CertificateList(der);
}

function parseIssuingDistributionPoint(value: Buffer): IssuingDistributionPoint {
  const fields = new Fields(parse(value, Tag.sequence), 'IssuingDistributionPoint');
  const flag = (number: number) => {
    const field = fields.optional(context(number));
    return field !== undefined && asBoolean(field);
  };
  const name = fields.optional(context(0, true));
  const onlyContainsUserCerts = flag(1);
  const onlyContainsCACerts = flag(2);
  const reasons = fields.optional(context(3));
  const indirectCRL = flag(4);
  const onlyContainsAttributeCerts = flag(5);
  fields.end();
  return {
    ...(name === undefined ? {} : { name: parseDistributionPointName(name) }),
    onlyContainsUserCerts,
    onlyContainsCACerts,
    ...(reasons === undefined ? {} : { onlySomeReasons: parseReasonFlags(reasons) }),
    indirectCRL,
    onlyContainsAttributeCerts,
  };
}

function asBoolean(element: Element): boolean {
  return readBoolean({ ...element, tag: Tag.boolean });
}

function malformed(what: string): SealError {
  return new SealError('SEAL-INPUT-INVALID', `CRL ${what}`, { hint: 'give a certificate revocation list in DER or PEM' });
}
