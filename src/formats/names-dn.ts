import { children, parse, readElement, readOid, Tag } from './der.ts';
import { SealError } from '../errors.ts';
import { oids } from './oids.ts';
import type { Element } from './der.ts';

/** One AttributeTypeAndValue of a distinguished name (RFC 5280 §4.1.2.4). */
export interface NameAttribute {
  /** Dotted. */
  readonly type: string;
  readonly value: Element;
}

/**
 * The relative distinguished names of a Name, each a set of attributes. Hostile input.
 * @param name DER Name
 * @throws SealError SEAL-INPUT-INVALID
 */
function parseName(name: Buffer): NameAttribute[][] {
  return children(parse(name, Tag.sequence)).map(parseRelativeName);
}

/** The attributes of one RelativeDistinguishedName; `element` may carry an implicit tag. */
function parseRelativeName(element: Pick<Element, 'content'>): NameAttribute[] {
  return children(element).map((attribute) => {
    const [type, value, ...rest] = children(attribute);
    if (type === undefined || value === undefined || rest.length > 0)
      throw new SealError('SEAL-INPUT-INVALID', 'ASN.1: AttributeTypeAndValue is malformed');
    return { type: readOid(type), value };
  });
}

/** Text of a DirectoryString or one of its kin; undefined for anything that is not a character string. */
function directoryText(value: Element): string | undefined {
  const { content } = value;
  switch (value.tag) {
    case Tag.utf8String:
      return content.toString('utf8');
    case Tag.printableString:
    case Tag.ia5String:
    case Tag.teletexString:
    case numericString:
    case visibleString:
      return content.toString('latin1');
    case Tag.bmpString:
      return content.length % 2 === 0 ? Buffer.from(content).swap16().toString('utf16le') : undefined;
    case Tag.universalString:
      return universalText(content);
    default:
      return undefined;
  }
}

const numericString = 0x12;
const visibleString = 0x1a;

function universalText(content: Buffer): string | undefined {
  if (content.length % 4 !== 0) return undefined;
  let text = '';
  for (let at = 0; at < content.length; at += 4) {
    const code = content.readUInt32BE(at);
    if (code > 0x10ffff) return undefined;
    text += String.fromCodePoint(code);
  }
  return text;
}

/** Short names of RFC 4514 §3, and those that every directory knows besides. */
export const shortNames: ReadonlyMap<string, string> = new Map<string, string>([
  [oids.commonName, 'CN'],
  [oids.localityName, 'L'],
  [oids.stateOrProvinceName, 'ST'],
  [oids.organizationName, 'O'],
  [oids.organizationalUnitName, 'OU'],
  [oids.countryName, 'C'],
  [oids.streetAddress, 'STREET'],
  [oids.domainComponent, 'DC'],
  [oids.userId, 'UID'],
  [oids.surname, 'SN'],
  [oids.givenName, 'GN'],
  [oids.serialNumber, 'serialNumber'],
  [oids.title, 'title'],
  [oids.description, 'description'],
  [oids.postalCode, 'postalCode'],
  [oids.initials, 'initials'],
  [oids.generationQualifier, 'generationQualifier'],
  [oids.dnQualifier, 'dnQualifier'],
  [oids.pseudonym, 'pseudonym'],
  [oids.organizationIdentifier, 'organizationIdentifier'],
  [oids.emailAddress, 'emailAddress'],
]);

// Control characters and marks that turn the direction of writing: a name in a certificate must not redraw a terminal or a report.
const unsafe = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/** A value as RFC 4514 §2.4 writes it. */
function escapeValue(text: string): string {
  return text
    .replace(/[\\",+<>;]/g, String.raw`\$&`)
    .replace(/^[ #]/, String.raw`\$&`)
    .replace(/ $/, String.raw`\ `)
    .replace(unsafe, (mark) => [...Buffer.from(mark, 'utf8')].map((octet) => `\\${octet.toString(16).padStart(2, '0')}`).join(''));
}

function attributeText({ type, value }: NameAttribute): string {
  const short = shortNames.get(type);
  const text = directoryText(value);
  return short === undefined || text === undefined ? `${short ?? type}=#${value.raw.toString('hex')}` : `${short}=${escapeValue(text)}`;
}

/**
 * A distinguished name as RFC 4514 writes it: last RDN first. Safe to print. A name that is malformed is given as `#` and its bytes.
 * @param name DER Name
 */
export function distinguishedName(name: Buffer): string {
  try {
    return parseName(name)
      .map((attributes) => attributes.map(attributeText).reverse().join('+'))
      .reverse()
      .join(',');
  } catch {
    return `#${name.subarray(0, 256).toString('hex')}`;
  }
}

/** The values of one attribute type, in order, as text. @param type dotted */
export function nameValues(name: Buffer, type: string): string[] {
  return parseName(name)
    .flat()
    .filter((attribute) => attribute.type === type)
    .flatMap(({ value }) => directoryText(value) ?? []);
}

/**
 * A form of one RDN in which equal ones are equal strings (RFC 5280 §7.1 with the preparation of RFC 4518: compatibility
 * normalisation, case folding, white space trimmed and compressed), whatever string type they were written in.
 */
function canonicalRelativeName(attributes: readonly NameAttribute[]): string {
  return attributes
    .map(({ type, value }) => {
      const text = directoryText(value);
      return text === undefined ? `${type}=#${value.raw.toString('hex')}` : `${type}=${JSON.stringify(prepare(text))}`;
    })
    .sort()
    .join('+');
}

function prepare(text: string): string {
  return text.normalize('NFKC').toLowerCase().normalize('NFKC').trim().replace(/\s+/gu, ' ');
}

/** The canonical RDNs of a name, in order. @param name DER Name @throws SealError SEAL-INPUT-INVALID */
export function canonicalName(name: Buffer): string[] {
  return parseName(name).map(canonicalRelativeName);
}

/** Whether two distinguished names match (RFC 5280 §7.1). A malformed name matches only itself. @param a DER Name @param b DER Name */
export function sameName(a: Buffer, b: Buffer): boolean {
  if (a.equals(b)) return true;
  try {
    return canonicalName(a).join(',') === canonicalName(b).join(',');
  } catch {
    return false;
  }
}

/** True for a name without any RDN. */
export function isEmptyName(name: Buffer): boolean {
  return readElement(name).content.length === 0;
}
