import { SealError } from '../errors.ts';
import { children, encode, maxDepth, readElement, Tag, type Element } from './der.ts';

const constructed = 0x20;
/** Universal types that BER may cut into segments and DER may not (X.690 §8.21, §10.2): bit, octet and character strings. */
const segmented = new Set([0x03, 0x04, 0x0c, 0x12, 0x13, 0x14, 0x15, 0x16, 0x19, 0x1a, 0x1b, 0x1c, 0x1e].map((tag) => tag | constructed));

/**
 * One BER element in DER: definite minimal lengths, strings in one piece, SETs in order (X.690 §10, §11). Values stay as they are.
 * An implicitly tagged SET OF looks like a SEQUENCE here: who knows better sorts it. Hostile input.
 * @throws SealError SEAL-INPUT-INVALID
 */
export function toDer(ber: Buffer): Buffer {
  return canonical(readElement(ber, 0, true), 0);
}

/** Whether the bytes are one element in DER, as far as `toDer` changes anything. Hostile input; never throws. */
export function isDer(bytes: Buffer): boolean {
  try {
    return endOfDer(bytes, 0, bytes.length, 0) === bytes.length;
  } catch {
    return false;
  }
}

/** Offset behind the element at `at` if `canonical` would leave it as it is; -1 else. Nothing is allocated: signatures are read by the thousand. */
function endOfDer(bytes: Buffer, at: number, limit: number, depth: number): number {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (depth > maxDepth || tag === undefined || first === undefined || (tag & 0x1f) === 0x1f || first === 0x80) return -1;
  const octets = first & 0x80 ? first & 0x7f : 0;
  const start = at + 2 + octets;
  if (octets > 6 || start > limit) return -1;
  const length = octets === 0 ? first : bytes.readUIntBE(at + 2, octets);
  const end = start + length;
  if (end > limit || (octets > 0 && (length < 0x80 || bytes[at + 2] === 0))) return -1;
  if ((tag & constructed) === 0) return tag === Tag.boolean && !isBoolean(bytes, start, length) ? -1 : end;
  if (segmented.has(tag)) return -1;
  let previous = -1;
  for (let next = start; next < end;) {
    const behind = endOfDer(bytes, next, end, depth + 1);
    if (behind < 0) return -1;
    if (tag === Tag.set && previous >= 0 && bytes.compare(bytes, next, behind, previous, next) > 0) return -1;
    previous = next;
    next = behind;
  }
  return end;
}

/** Whether `canonical` leaves the content of a BOOLEAN as it is. */
function isBoolean(bytes: Buffer, start: number, length: number): boolean {
  return length > 0 && (bytes[start] === 0 || (length === 1 && bytes[start] === 0xff));
}

/** The octets of an OCTET STRING that may come in segments (X.690 §8.7.3). */
export function joinOctetString(element: Element): Buffer {
  const der = canonical(element, 0);
  if (der[0] !== Tag.octetString) throw new SealError('SEAL-INPUT-INVALID', 'ASN.1: OCTET STRING expected');
  return readElement(der).content;
}

function canonical(element: Element, depth: number): Buffer {
  if (depth > maxDepth) throw new SealError('SEAL-INPUT-INVALID', 'ASN.1: nested too deep');
  const { tag, content } = element;
  if ((tag & constructed) === 0) return encode(tag, tag === Tag.boolean && content[0] !== 0 ? Buffer.from([0xff]) : content);
  const parts = children(element, true).map((child) => canonical(child, depth + 1));
  if (segmented.has(tag)) return join(tag & ~constructed, parts);
  return encode(tag, ...(tag === Tag.set ? parts.sort((one, other) => Buffer.compare(one, other)) : parts));
}

function join(tag: number, segments: readonly Buffer[]): Buffer {
  const contents = segments.map((segment) => {
    const { tag: own, content } = readElement(segment);
    if (own !== tag) throw new SealError('SEAL-INPUT-INVALID', 'ASN.1: a string has a segment of another type');
    return content;
  });
  if (tag !== Tag.bitString) return encode(tag, ...contents);
  // Only the last segment may leave bits unused (X.690 §8.6.4).
  const unused = contents.at(-1)?.subarray(0, 1) ?? Buffer.of(0);
  return encode(tag, unused, ...contents.map((content) => content.subarray(1)));
}
