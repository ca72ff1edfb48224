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
    return toDer(bytes).equals(bytes);
  } catch {
    return false;
  }
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
