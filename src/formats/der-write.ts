import { SealError } from '../errors.ts';
import { Tag } from './der-tags.ts';

/** Octets that identifier and length of an element take. */
function headerLength(length: number): number {
  let octets = 2;
  if (length >= 0x80) for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets++;
  return octets;
}

function writeHeader(target: Buffer, tag: number, length: number, octets: number): void {
  target[0] = tag;
  if (octets === 2) target[1] = length;
  else {
    target[1] = 0x80 | (octets - 2);
    target.writeUIntBE(length, 2, octets - 2);
  }
}

/** Identifier and length octets for content that is written elsewhere (streamed). */
export function encodeHeader(tag: number, length: number): Buffer {
  const octets = headerLength(length);
  const header = Buffer.allocUnsafe(octets);
  writeHeader(header, tag, length, octets);
  return header;
}

/** One DER element. */
export function encode(tag: number, ...content: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const part of content) length += part.length;
  let at = headerLength(length);
  const element = Buffer.allocUnsafe(at + length);
  writeHeader(element, tag, length, at);
  for (const part of content) {
    element.set(part, at);
    at += part.length;
  }
  return element;
}

export function sequence(...content: readonly Uint8Array[]): Buffer {
  return encode(Tag.sequence, ...content);
}

/** SET OF in DER: elements sorted by their encoding (X.690 §11.6). */
export function setOf(...elements: readonly Uint8Array[]): Buffer {
  return encode(Tag.set, ...[...elements].sort((a, b) => Buffer.compare(a, b)));
}

export function octetString(bytes: Uint8Array): Buffer {
  return encode(Tag.octetString, bytes);
}

export function bitString(bytes: Uint8Array, unused = 0): Buffer {
  return encode(Tag.bitString, Buffer.from([unused]), bytes);
}

export function integer(value: bigint | number): Buffer {
  let rest = BigInt(value);
  const octets: number[] = [];
  do {
    octets.unshift(Number(rest & 0xffn));
    rest >>= 8n;
  } while (!((rest === 0n && (octets[0] ?? 0) < 0x80) || (rest === -1n && (octets[0] ?? 0) >= 0x80)));
  return encode(Tag.integer, Buffer.from(octets));
}

/** INTEGER from unsigned big-endian bytes (r, s, serial numbers). */
export function unsigned(bytes: Uint8Array): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const value = bytes.subarray(start);
  return (value[0] ?? 0) & 0x80 || value.length === 0 ? encode(Tag.integer, Buffer.from([0]), value) : encode(Tag.integer, value);
}

export function boolean(value: boolean): Buffer {
  return encode(Tag.boolean, Buffer.from([value ? 0xff : 0]));
}

export const nullValue: Buffer = Buffer.from([Tag.null, 0]);

const oidCache = new Map<string, Buffer>();

/** OBJECT IDENTIFIER from its dotted form. The result is shared: do not change it. */
export function oid(dotted: string): Buffer {
  const known = oidCache.get(dotted);
  if (known) return known;
  const [first = 0n, second = 0n, ...rest] = dotted.split('.').map(BigInt);
  const octets = [first * 40n + second, ...rest].flatMap((value) => {
    const digits = [Number(value & 0x7fn)];
    for (let left = value >> 7n; left > 0n; left >>= 7n) digits.unshift(Number(left & 0x7fn) | 0x80);
    return digits;
  });
  const encoded = encode(Tag.oid, Buffer.from(octets));
  if (oidCache.size < 1024) oidCache.set(dotted, encoded);
  return encoded;
}

/**
 * UTCTime from 1950 until 2049, GeneralizedTime otherwise (RFC 5280 §4.1.2.5), in whole seconds.
 * @param time UTC, ms since the epoch, years 0 to 9999
 */
export function time(time: number): Buffer {
  const digits = timeDigits(time);
  const short = digits >= '1950' && digits < '2050';
  return short ? encode(Tag.utcTime, Buffer.from(`${digits.slice(2)}Z`)) : encode(Tag.generalizedTime, Buffer.from(`${digits}Z`));
}

/** GeneralizedTime in whole seconds. @param time UTC, ms since the epoch, years 0 to 9999 */
export function generalizedTime(time: number): Buffer {
  return encode(Tag.generalizedTime, Buffer.from(`${timeDigits(time)}Z`));
}

function timeDigits(time: number): string {
  const digits = new Date(time).toISOString().replace(/[-:T]|\.\d+Z/g, '');
  if (digits.length !== 14) throw new SealError('SEAL-INPUT-INVALID', 'ASN.1: a time before the year 0 or after 9999');
  return digits;
}
