import { SealError } from '../errors.ts';
import { encode, oid, sequence, setOf, Tag } from './der.ts';
import { shortNames } from './names-dn.ts';
import { oids } from './oids.ts';

const hint = 'write it as RFC 4514 does, the most particular part first: CN=Seal of Example,O=Example AG,C=DE';

/** Attributes whose values are not UTF8String (RFC 5280 §4.1.2.4, appendix A.1). */
const stringTags = new Map<string, number>([
  [oids.countryName, Tag.printableString],
  [oids.serialNumber, Tag.printableString],
  [oids.dnQualifier, Tag.printableString],
  [oids.domainComponent, Tag.ia5String],
  [oids.emailAddress, Tag.ia5String],
]);

const types = new Map([...shortNames].map(([type, short]) => [short.toLowerCase(), type]));

/**
 * A distinguished name out of the text that RFC 4514 defines: the counterpart of `distinguishedName`.
 * @param text such as `CN=Seal,O=Example AG,C=DE`; `\` escapes, `+` joins attributes of one RDN, dotted identifiers may stand for names
 * @returns DER Name
 * @throws SealError SEAL-USAGE
 */
export function encodeDistinguishedName(text: string): Buffer {
  const relative = split(text, ',').map((rdn) => setOf(...split(rdn, '+').map(encodeAttribute)));
  return sequence(...relative.reverse());
}

function encodeAttribute(text: string): Buffer {
  const at = text.indexOf('=');
  const name = text.slice(0, at).trim();
  const type = types.get(name.toLowerCase()) ?? (/^\d+(\.\d+)+$/.test(name) ? name : undefined);
  if (at < 0 || type === undefined)
    throw refused(at < 0 ? `“${text.trim()}” has no =` : `“${name}” is no attribute of a name that is known here`);
  const value = unescape(text.slice(at + 1));
  if (value === '') throw refused(`${name} has no value`);
  const tag = stringTags.get(type) ?? Tag.utf8String;
  if (type === oids.countryName && !/^[A-Za-z]{2}$/.test(value)) throw refused('a country has two letters (ISO 3166)');
  if (tag === Tag.printableString && !/^[A-Za-z0-9 '()+,./:=?-]*$/.test(value))
    throw refused(`${name}: “${value}” has characters that it may not have`);
  if (tag === Tag.ia5String && !/^[\u0000-\u007f]*$/.test(value)) throw refused(`${name}: “${value}” has characters that it may not have`);
  return sequence(oid(type), encode(tag, Buffer.from(type === oids.countryName ? value.toUpperCase() : value, 'utf8')));
}

/** Parts between separators that are not escaped. */
function split(text: string, separator: string): string[] {
  const parts = [''];
  for (let i = 0; i < text.length; i++) {
    const mark = text[i] ?? '';
    if (mark === separator) parts.push('');
    else parts.push(`${parts.pop() ?? ''}${mark}${mark === '\\' ? (text[++i] ?? '') : ''}`);
  }
  return parts;
}

/** A value without its escapes: `\,` and `\C3\BC` (octets of UTF-8); spaces around it do not count unless they are escaped. */
function unescape(text: string): string {
  const trimmed = text.replace(/^ +/, '').replace(/(^|[^\\]) +$/, '$1');
  const octets: Buffer[] = [];
  for (let i = 0; i < trimmed.length; i++) {
    const pair = /^\\([0-9A-Fa-f]{2})/.exec(trimmed.slice(i, i + 3))?.[1];
    if (pair !== undefined) {
      octets.push(Buffer.from(pair, 'hex'));
      i += 2;
      continue;
    }
    if (trimmed[i] === '\\') i++;
    const point = trimmed.codePointAt(i);
    if (point === undefined) throw refused('it ends with \\');
    octets.push(Buffer.from(String.fromCodePoint(point), 'utf8'));
    if (point > 0xffff) i++;
  }
  return Buffer.concat(octets).toString('utf8');
}

function refused(why: string): SealError {
  return new SealError('SEAL-USAGE', `the subject cannot be used: ${why}`, { hint });
}
