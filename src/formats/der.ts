import { SealError } from '../errors.ts';
import { encode } from './der-write.ts';
import { Tag } from './der-tags.ts';

export { context, Tag } from './der-tags.ts';
export {
  encodeHeader,
  encode,
  sequence,
  setOf,
  octetString,
  bitString,
  integer,
  unsigned,
  boolean,
  nullValue,
  oid,
  time,
  generalizedTime,
} from './der-write.ts';

/**
 * A view of one DER or BER element (X.690). Nothing is copied: `raw` and `content` are sub-ranges of the bytes that were parsed,
 * so hashes and signatures are computed over exactly what came in.
 */
export interface Element {
  /** First identifier octet: class, constructed bit, number (numbers above 30 do not occur in what we read). */
  readonly tag: number;
  /** Identifier, length and content. */
  readonly raw: Buffer;
  readonly content: Buffer;
}

function malformed(message: string): SealError {
  return new SealError('SEAL-INPUT-INVALID', `ASN.1: ${message}`);
}

/** Deepest nesting that is followed anywhere: hostile input ends in an error, not in a stack overflow. */
export const maxDepth = 64;
/** Most elements directly inside another one that are turned into objects; lists that are longer (CRLs) are walked over. */
const maxChildren = 200_000;

/**
 * Reads the element at `offset`. Hostile input.
 * @param ber allow indefinite length; then `content` still holds the nested end-of-contents octets of inner elements.
 * @throws SealError SEAL-INPUT-INVALID
 */
export function readElement(bytes: Buffer, offset = 0, ber = false): Element {
  const tag = bytes[offset];
  const first = bytes[offset + 1];
  if (tag === undefined || first === undefined) throw malformed('truncated header');
  if ((tag & 0x1f) === 0x1f) throw malformed('long tag');
  if (first === 0x80) {
    if (!ber || (tag & 0x20) === 0) throw malformed('indefinite length');
    const end = endOfContents(bytes, offset + 2, 0);
    return { tag, raw: bytes.subarray(offset, end), content: bytes.subarray(offset + 2, end - 2) };
  }
  let start = offset + 2;
  let length = first;
  if (first & 0x80) {
    const count = first & 0x7f;
    if (count > 6 || start + count > bytes.length) throw malformed('length too large');
    length = bytes.readUIntBE(start, count);
    if (!ber && (length < 0x80 || bytes[start] === 0)) throw malformed('length is not minimal');
    start += count;
  }
  const end = start + length;
  if (end > bytes.length) throw malformed('content is cut off');
  return { tag, raw: bytes.subarray(offset, end), content: bytes.subarray(start, end) };
}

/** Offset behind the end-of-contents octets that close the indefinite element whose content starts at `offset`. */
function endOfContents(bytes: Buffer, offset: number, depth: number): number {
  if (depth > maxDepth) throw malformed('nested too deep');
  let at = offset;
  for (;;) {
    if (bytes[at] === 0 && bytes[at + 1] === 0) return at + 2;
    if (at + 1 >= bytes.length) throw malformed('end of contents is missing');
    at = bytes[at + 1] === 0x80 ? endOfContents(bytes, at + 2, depth + 1) : at + readElement(bytes, at, true).raw.length;
  }
}

/** The whole buffer as exactly one element; anything behind it is an error. */
export function parse(bytes: Buffer, tag?: number, ber = false): Element {
  const element = readElement(bytes, 0, ber);
  if (element.raw.length !== bytes.length) throw malformed('bytes behind the element');
  if (tag !== undefined && element.tag !== tag) throw malformed(`tag ${hex(element.tag)}, expected ${hex(tag)}`);
  return element;
}

/** The elements directly inside. */
export function children(element: Pick<Element, 'content'>, ber = false): Element[] {
  const found: Element[] = [];
  for (let at = 0; at < element.content.length;) {
    const child = readElement(element.content, at, ber);
    if (found.push(child) > maxChildren)
      throw new SealError('SEAL-DOC-LIMIT', `ASN.1: more than ${maxChildren} elements side by side`, {
        hint: 'nothing honest has as many',
      });
    at += child.raw.length;
  }
  return found;
}

/**
 * Walks through the fields of a SEQUENCE as its ASN.1 module lists them: `next` for what must be there, `optional` for what may.
 * Call `end` last: unknown trailing fields are an error.
 */
export class Fields {
  readonly #items: readonly Element[];
  readonly #what: string;
  #at = 0;

  constructor(element: Pick<Element, 'content'>, what: string, ber = false) {
    this.#items = children(element, ber);
    this.#what = what;
  }

  next(...tags: number[]): Element {
    const item = this.#items[this.#at];
    if (item === undefined) throw malformed(`${this.#what} ends too early`);
    if (tags.length > 0 && !tags.includes(item.tag))
      throw malformed(`${this.#what} has tag ${hex(item.tag)} where ${tags.map(hex).join(' or ')} belongs`);
    this.#at++;
    return item;
  }

  optional(...tags: number[]): Element | undefined {
    const item = this.#items[this.#at];
    if (item === undefined || !tags.includes(item.tag)) return undefined;
    this.#at++;
    return item;
  }

  get more(): boolean {
    return this.#at < this.#items.length;
  }

  end(): void {
    if (this.more) throw malformed(`${this.#what} has unknown fields`);
  }
}

function hex(tag: number): string {
  return `0x${tag.toString(16).padStart(2, '0')}`;
}

/** Dotted form of an OBJECT IDENTIFIER. */
export function readOid(element: Element): string {
  if (element.tag !== Tag.oid) throw malformed(`tag ${hex(element.tag)} where an object identifier belongs`);
  return decodeOid(element.content);
}

/** Dotted form of the content octets of an OBJECT IDENTIFIER (X.690 §8.19). */
export function decodeOid(content: Buffer): string {
  const last = content.at(-1);
  if (last === undefined || last & 0x80 || content.length > 64) throw malformed('object identifier');
  let dotted = '';
  let value: number | bigint = 0;
  let begins = true;
  for (const octet of content) {
    if (begins && octet === 0x80) throw malformed('object identifier is not minimal');
    begins = (octet & 0x80) === 0;
    // Numbers until they could lose a bit: identifiers are read in every signature, large arcs hardly ever.
    value = typeof value === 'number' && value < 2 ** 45 ? value * 128 + (octet & 0x7f) : BigInt(value) * 128n + BigInt(octet & 0x7f);
    if (!begins) continue;
    dotted += dotted === '' ? firstArcs(value) : `.${value}`;
    value = 0;
  }
  return dotted;
}

// The first two arcs share one number (X.690 §8.19.4).
function firstArcs(value: number | bigint): string {
  if (value < 40) return `0.${value}`;
  return value < 80 ? `1.${BigInt(value) - 40n}` : `2.${BigInt(value) - 80n}`;
}

export function readInteger(element: Element): bigint {
  if (element.tag !== Tag.integer && element.tag !== Tag.enumerated) throw malformed('INTEGER expected');
  if (element.content.length === 0 || element.content.length > 4096) throw malformed('INTEGER length');
  return BigInt.asIntN(element.content.length * 8, BigInt(`0x${element.content.toString('hex')}`));
}

/** A small INTEGER or ENUMERATED. */
export function readSmall(element: Element): number {
  const value = readInteger(element);
  if (value > 0x7fffffffn || value < -0x80000000n) throw malformed('INTEGER is too large');
  return Number(value);
}

export function readBoolean(element: Element): boolean {
  if (element.tag !== Tag.boolean || element.content.length !== 1) throw malformed('BOOLEAN expected');
  return element.content[0] !== 0;
}

/** The bits of a BIT STRING without unused ones at its end counted; `bytes` is what keys and signatures need. */
export function readBitString(element: Element): { readonly bytes: Buffer; readonly unused: number } {
  const unused = element.content[0];
  if (unused === undefined || unused > 7 || (unused > 0 && element.content.length === 1)) throw malformed('BIT STRING expected');
  return { bytes: element.content.subarray(1), unused };
}

/**
 * UTCTime or GeneralizedTime in UTC as RFC 5280 §4.1.2.5 wants them; fractions of a second as RFC 3161 §2.4.2 allows.
 * @returns UTC, ms since the epoch
 */
export function readTime(element: Element): number {
  const text = element.content.toString('latin1');
  const match =
    element.tag === Tag.utcTime
      ? /^(?<year>\d\d)(?<month>\d\d)(?<day>\d\d)(?<hour>\d\d)(?<minute>\d\d)(?<second>\d\d)Z$/.exec(text)
      : element.tag === Tag.generalizedTime
        ? /^(?<year>\d{4})(?<month>\d\d)(?<day>\d\d)(?<hour>\d\d)(?<minute>\d\d)(?<second>\d\d)(?:\.(?<fraction>\d{1,9}))?Z$/.exec(text)
        : null;
  if (!match?.groups) throw malformed('time is not in UTC or malformed');
  const { year, month, day, hour, minute, second, fraction } = match.groups;
  const short = Number(year);
  const full = element.tag === Tag.utcTime ? (short < 50 ? 2000 + short : 1900 + short) : short;
  const date = new Date(0);
  // Not Date.UTC: it takes the years 0 to 99 for 1900 to 1999.
  date.setUTCFullYear(full, Number(month) - 1, Number(day));
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) throw malformed('no such date');
  const [hours, minutes, seconds] = [Number(hour), Number(minute), Number(second)];
  const leap = seconds === 60 && hours === 23 && minutes === 59;
  if (hours > 23 || minutes > 59 || (seconds > 59 && !leap)) throw malformed('no such time');
  date.setUTCHours(hours, minutes, seconds);
  return date.getTime() + (fraction === undefined ? 0 : Math.floor(Number(`0.${fraction}`) * 1000));
}

/** The same content under another tag: IMPLICIT tagging. */
export function retag(tag: number, element: Buffer): Buffer {
  const { content } = readElement(element);
  return encode(tag, content);
}
