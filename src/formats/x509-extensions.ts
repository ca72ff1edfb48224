import { children, context, Fields, parse, readBitString, readBoolean, readElement, readOid, readSmall, Tag } from './der.ts';
import { SealError } from '../errors.ts';
import { parseGeneralName, parseGeneralNames } from './general-names.ts';
import type { GeneralName } from './general-names.ts';
import type { Element } from './der.ts';

/** Values of the extensions of RFC 5280 §4.2.1. Everything here is hostile input; errors are SealError SEAL-INPUT-INVALID. */

export interface Extension {
  readonly critical: boolean;
  /** DER inside the OCTET STRING. */
  readonly value: Buffer;
}

export type Extensions = ReadonlyMap<string, Extension>;

/**
 * Extensions by dotted identifier.
 * @param list SEQUENCE OF Extension
 * @throws SealError SEAL-INPUT-INVALID, also when one stands twice (RFC 5280 §4.2)
 */
export function parseExtensions(list: Element): Extensions {
  const found = new Map<string, Extension>();
  for (const item of children(list)) {
    const fields = new Fields(item, 'Extension');
    const id = readOid(fields.next(Tag.oid));
    const critical = fields.optional(Tag.boolean);
    const value = fields.next(Tag.octetString).content;
    fields.end();
    if (found.has(id)) throw new SealError('SEAL-INPUT-INVALID', `certificate or CRL: extension ${id} stands twice`);
    found.set(id, { critical: critical !== undefined && readBoolean(critical), value });
  }
  return found;
}

/** RFC 5280 §4.2.1.3, in the order of its bits. */
export const keyUsages = [
  'digitalSignature',
  'contentCommitment',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;
export type KeyUsage = (typeof keyUsages)[number];

/** RFC 5280 §4.2.1.13, in the order of the bits; bit 0 is unused. */
export const revocationReasons = [
  'unused',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'certificateHold',
  'privilegeWithdrawn',
  'aACompromise',
] as const;
export type ReasonFlag = Exclude<(typeof revocationReasons)[number], 'unused'>;

/** Names of the bits that are set. */
function namedBits<T extends string>(element: Pick<Element, 'content'>, names: readonly T[]): Set<T> {
  const { bytes } = readBitString({ tag: Tag.bitString, raw: element.content, content: element.content });
  return new Set(names.filter((_, bit) => ((bytes[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0));
}

export function parseKeyUsage(value: Buffer): ReadonlySet<KeyUsage> {
  return namedBits(parse(value, Tag.bitString), keyUsages);
}

/** ReasonFlags; `element` may carry an implicit tag. */
export function parseReasonFlags(element: Pick<Element, 'content'>): ReadonlySet<ReasonFlag> {
  const set = namedBits(element, revocationReasons);
  set.delete('unused');
  return set as Set<ReasonFlag>;
}

/** Dotted purposes. */
export function parseExtendedKeyUsage(value: Buffer): readonly string[] {
  return children(parse(value, Tag.sequence)).map(readOid);
}

export interface BasicConstraints {
  readonly ca: boolean;
  readonly pathLength?: number;
}

export function parseBasicConstraints(value: Buffer): BasicConstraints {
  const fields = new Fields(parse(value, Tag.sequence), 'BasicConstraints');
  const ca = fields.optional(Tag.boolean);
  const length = fields.optional(Tag.integer);
  fields.end();
  return { ca: ca !== undefined && readBoolean(ca), ...(length === undefined ? {} : { pathLength: readSmall(length) }) };
}

export function parseSubjectKeyIdentifier(value: Buffer): Buffer {
  return parse(value, Tag.octetString).content;
}

export interface AuthorityKeyIdentifier {
  readonly keyIdentifier?: Buffer;
  readonly authorityCertIssuer?: readonly GeneralName[];
  /** Raw INTEGER content. */
  readonly authorityCertSerialNumber?: Buffer;
}

export function parseAuthorityKeyIdentifier(value: Buffer): AuthorityKeyIdentifier {
  const fields = new Fields(parse(value, Tag.sequence), 'AuthorityKeyIdentifier');
  const key = fields.optional(context(0));
  const issuer = fields.optional(context(1, true));
  const serial = fields.optional(context(2));
  fields.end();
  return {
    ...(key === undefined ? {} : { keyIdentifier: key.content }),
    ...(issuer === undefined ? {} : { authorityCertIssuer: parseGeneralNames(issuer) }),
    ...(serial === undefined ? {} : { authorityCertSerialNumber: serial.content }),
  };
}

/** Subject or issuer alternative names. */
export function parseAltNames(value: Buffer): readonly GeneralName[] {
  return parseGeneralNames(parse(value, Tag.sequence));
}

/** DistributionPointName (RFC 5280 §4.2.1.13): full names, or an RDN below the CRL issuer's name. */
export type DistributionPointName = { readonly fullName: readonly GeneralName[] } | { readonly relativeName: Buffer };

export interface DistributionPoint {
  readonly name?: DistributionPointName;
  readonly reasons?: ReadonlySet<ReasonFlag>;
  readonly crlIssuer?: readonly GeneralName[];
}

/** Content of the [0] that holds a DistributionPointName. */
export function parseDistributionPointName(element: Pick<Element, 'content'>): DistributionPointName {
  const choice = parse(element.content);
  if (choice.tag === context(0, true)) return { fullName: parseGeneralNames(choice) };
  if (choice.tag === context(1, true)) return { relativeName: choice.content };
  throw new SealError('SEAL-INPUT-INVALID', 'ASN.1: DistributionPointName is malformed');
}

export function parseDistributionPoints(value: Buffer): readonly DistributionPoint[] {
  return children(parse(value, Tag.sequence)).map((point) => {
    const fields = new Fields(point, 'DistributionPoint');
    const name = fields.optional(context(0, true));
    const reasons = fields.optional(context(1));
    const issuer = fields.optional(context(2, true));
    fields.end();
    return {
      ...(name === undefined ? {} : { name: parseDistributionPointName(name) }),
      ...(reasons === undefined ? {} : { reasons: parseReasonFlags(reasons) }),
      ...(issuer === undefined ? {} : { crlIssuer: parseGeneralNames(issuer) }),
    };
  });
}

export interface AccessDescription {
  /** Dotted. */
  readonly method: string;
  readonly location: GeneralName;
}

export function parseAuthorityInfoAccess(value: Buffer): readonly AccessDescription[] {
  return children(parse(value, Tag.sequence)).map((item) => {
    const fields = new Fields(item, 'AccessDescription');
    const method = readOid(fields.next(Tag.oid));
    return { method, location: parseGeneralName(fields.next()) };
  });
}

export interface NameConstraints {
  readonly permitted?: readonly GeneralName[];
  readonly excluded?: readonly GeneralName[];
}

export function parseNameConstraints(value: Buffer): NameConstraints {
  const fields = new Fields(parse(value, Tag.sequence), 'NameConstraints');
  const permitted = fields.optional(context(0, true));
  const excluded = fields.optional(context(1, true));
  fields.end();
  return {
    ...(permitted === undefined ? {} : { permitted: children(permitted).map(parseSubtree) }),
    ...(excluded === undefined ? {} : { excluded: children(excluded).map(parseSubtree) }),
  };
}

/** GeneralSubtree; minimum other than 0 and any maximum are refused (RFC 5280 §4.2.1.10: not used). */
function parseSubtree(element: Element): GeneralName {
  const fields = new Fields(element, 'GeneralSubtree');
  const base = parseGeneralName(fields.next());
  const minimum = fields.optional(context(0));
  if (fields.more || (minimum !== undefined && !minimum.content.equals(Buffer.from([0]))))
    throw new SealError('SEAL-INPUT-INVALID', 'certificate: name constraints with minimum or maximum');
  return base;
}

/** Dotted policies; the qualifiers are for people. */
export function parseCertificatePolicies(value: Buffer): readonly string[] {
  const policies = children(parse(value, Tag.sequence)).map((item) => readOid(readElement(item.content)));
  if (new Set(policies).size !== policies.length)
    throw new SealError('SEAL-INPUT-INVALID', 'certificate: a policy stands twice in certificatePolicies');
  return policies;
}

export interface PolicyMapping {
  readonly issuerDomainPolicy: string;
  readonly subjectDomainPolicy: string;
}

export function parsePolicyMappings(value: Buffer): readonly PolicyMapping[] {
  return children(parse(value, Tag.sequence)).map((item) => {
    const fields = new Fields(item, 'PolicyMapping');
    const mapping = { issuerDomainPolicy: readOid(fields.next()), subjectDomainPolicy: readOid(fields.next()) };
    fields.end();
    return mapping;
  });
}

export interface PolicyConstraints {
  readonly requireExplicitPolicy?: number;
  readonly inhibitPolicyMapping?: number;
}

export function parsePolicyConstraints(value: Buffer): PolicyConstraints {
  const fields = new Fields(parse(value, Tag.sequence), 'PolicyConstraints');
  const explicit = fields.optional(context(0));
  const inhibit = fields.optional(context(1));
  fields.end();
  const small = (element: Element) => readSmall({ ...element, tag: Tag.integer });
  return {
    ...(explicit === undefined ? {} : { requireExplicitPolicy: small(explicit) }),
    ...(inhibit === undefined ? {} : { inhibitPolicyMapping: small(inhibit) }),
  };
}

export function parseInhibitAnyPolicy(value: Buffer): number {
  return readSmall(parse(value, Tag.integer));
}
