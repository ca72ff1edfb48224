import { parse, readElement, readSmall, readTime, Tag } from './der.ts';
import { SealError } from '../errors.ts';
import { parseGeneralNames } from './general-names.ts';
import { oids } from './oids.ts';
import { parseExtensions } from './x509-extensions.ts';
import type { GeneralName } from './general-names.ts';

/** CRLReason (RFC 5280 §5.3.1). */
export type RevocationReason =
  | 'unspecified'
  | 'keyCompromise'
  | 'cACompromise'
  | 'affiliationChanged'
  | 'superseded'
  | 'cessationOfOperation'
  | 'certificateHold'
  | 'removeFromCRL'
  | 'privilegeWithdrawn'
  | 'aACompromise';

const reasons: readonly (RevocationReason | undefined)[] = [
  'unspecified',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'certificateHold',
  undefined,
  'removeFromCRL',
  'privilegeWithdrawn',
  'aACompromise',
];

/** Reads a CRLReason, of a CRL entry or of an OCSP answer. @param value the number @throws SealError SEAL-INPUT-INVALID */
export function revocationReason(value: number): RevocationReason {
  const reason = reasons[value];
  if (reason === undefined) throw malformed('has an unknown reason');
  return reason;
}

export interface RevokedEntry {
  /** UTC ms. */
  readonly revocationDate: number;
  readonly reason?: RevocationReason;
  /** UTC ms: since when the key was not safe (RFC 5280 §5.3.2). */
  readonly invalidityDate?: number;
}

function malformed(what: string): SealError {
  return new SealError('SEAL-INPUT-INVALID', `CRL ${what}`, { hint: 'fetch the CRL again' });
}

/**
 * The revokedCertificates of a CRL, walked over and never turned into objects: a list of 100,000 entries is 4 MB of bytes and stays that.
 * Only an entry that was looked for is read.
 */
export class CrlEntries {
  readonly #bytes: Buffer;
  #checked = false;
  #criticalUnknown = false;

  /** @param bytes content of the SEQUENCE OF */
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /**
   * Whether an entry has a critical extension that is not understood: then the whole CRL must not be used (RFC 5280 §5.3).
   * @throws SealError SEAL-INPUT-INVALID when the entries are malformed
   */
  get hasUnknownCritical(): boolean {
    if (this.#checked) return this.#criticalUnknown;
    walk(this.#bytes, (_, extensions) => {
      if (extensions !== undefined && isUnknownCritical(extensions)) this.#criticalUnknown = true;
      return this.#criticalUnknown;
    });
    this.#checked = true;
    return this.#criticalUnknown;
  }

  /**
   * The entry of a certificate; the last one when it stands more than once.
   * @param serialNumber raw content of the INTEGER
   * @param issues whether an entry with these issuers (its certificateIssuer, or that of an entry before it; undefined: the CRL's own issuer)
   *   speaks about the certificate's issuer (RFC 5280 §5.3.3)
   * @throws SealError SEAL-INPUT-INVALID when the entries are malformed
   */
  find(serialNumber: Buffer, issues: (issuers: readonly GeneralName[] | undefined) => boolean): RevokedEntry | undefined {
    const wanted = significant(serialNumber);
    // One native search tells for nearly every certificate that it is not there.
    if (!this.#bytes.includes(wanted)) return undefined;
    let issuers: readonly GeneralName[] | undefined;
    let found: RevokedEntry | undefined;
    walk(this.#bytes, (entry, extensions) => {
      if (extensions !== undefined) issuers = readCertificateIssuer(extensions) ?? issuers;
      if (significant(entry.serialNumber).equals(wanted) && issues(issuers)) found = readEntry(entry.date, extensions);
      return false;
    });
    return found;
  }

  /** Number of entries; walks over all of them. */
  count(): number {
    let entries = 0;
    walk(this.#bytes, () => {
      entries++;
      return false;
    });
    return entries;
  }
}

/** Octets of an INTEGER without leading ones that say nothing, so that 00 05 and 05 are the same serial number, and 00 FF and FF are not. */
function significant(serialNumber: Buffer): Buffer {
  let start = 0;
  while (start < serialNumber.length - 1 && isRedundant(serialNumber[start] ?? 0, serialNumber[start + 1] ?? 0)) start++;
  return serialNumber.subarray(start);
}

function isRedundant(first: number, second: number): boolean {
  return (first === 0 && second < 0x80) || (first === 0xff && second >= 0x80);
}

interface RawEntry {
  readonly serialNumber: Buffer;
  /** The Time element begins here. */
  readonly date: Buffer;
}

/** Calls for every entry until the visitor returns true. Elements are measured in place; only the serial number becomes a view. */
function walk(bytes: Buffer, visit: (entry: RawEntry, extensions: Buffer | undefined) => boolean): void {
  for (let at = 0; at < bytes.length;) {
    if (bytes[at] !== Tag.sequence) throw malformed('has a malformed entry');
    const inside = contentStart(bytes, at);
    const end = inside + contentLength(bytes, at);
    if (end > bytes.length || bytes[inside] !== Tag.integer) throw malformed('has a malformed entry');
    const serial = contentStart(bytes, inside);
    const date = serial + contentLength(bytes, inside);
    const extensions = contentStart(bytes, date) + contentLength(bytes, date);
    if (extensions > end) throw malformed('has a malformed entry');
    const entry = { serialNumber: bytes.subarray(serial, date), date: bytes.subarray(date, extensions) };
    if (visit(entry, extensions < end ? bytes.subarray(extensions, end) : undefined)) return;
    at = end;
  }
}

function contentStart(bytes: Buffer, at: number): number {
  const first = bytes[at + 1] ?? 0;
  return at + 2 + (first & 0x80 ? first & 0x7f : 0);
}

function contentLength(bytes: Buffer, at: number): number {
  const first = bytes[at + 1];
  if (first === undefined) throw malformed('ends inside an entry');
  if (first < 0x80) return first;
  const count = first & 0x7f;
  if (count === 0 || count > 4 || at + 2 + count > bytes.length) throw malformed('has a malformed length');
  return bytes.readUIntBE(at + 2, count);
}

const understood: ReadonlySet<string> = new Set([oids.cRLReasons, oids.invalidityDate, oids.certificateIssuer]);

function isUnknownCritical(extensions: Buffer): boolean {
  for (const [id, { critical }] of parseExtensions(parse(extensions, Tag.sequence))) if (critical && !understood.has(id)) return true;
  return false;
}

function readCertificateIssuer(extensions: Buffer): readonly GeneralName[] | undefined {
  const issuer = parseExtensions(parse(extensions, Tag.sequence)).get(oids.certificateIssuer);
  return issuer === undefined ? undefined : parseGeneralNames(parse(issuer.value, Tag.sequence));
}

function readEntry(date: Buffer, extensions: Buffer | undefined): RevokedEntry {
  const known = extensions === undefined ? undefined : parseExtensions(parse(extensions, Tag.sequence));
  const reason = known?.get(oids.cRLReasons);
  const invalidity = known?.get(oids.invalidityDate);
  return {
    revocationDate: readTime(readElement(date)),
    ...(reason === undefined ? {} : { reason: revocationReason(readSmall(parse(reason.value, Tag.enumerated))) }),
    ...(invalidity === undefined ? {} : { invalidityDate: readTime(parse(invalidity.value, Tag.generalizedTime)) }),
  };
}
