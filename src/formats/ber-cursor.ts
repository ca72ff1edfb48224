import { SealError } from '../errors.ts';
import type { ByteRange, ByteSource } from '../ports/bytes.ts';

/** Where an element's octets lie; `end` is undefined for indefinite length. */
export interface Header {
  readonly tag: number;
  readonly content: number;
  readonly end: number | undefined;
}

const windowSize = 65_536;
/** Segments of one content: 1 GiB in pieces of 1000 octets as stream encoders make them, with room. */
const maxSegments = 2_000_000;
const maxNesting = 8;

/** Reads BER headers out of a document of any size, holding one window of it in memory. Hostile input. */
export class BerCursor {
  readonly #source: ByteSource;
  #window: Buffer = Buffer.alloc(0);
  #from = 0;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** @throws SealError SEAL-INPUT-INVALID for what is no header, or an element longer than the document */
  header(at: number): Header {
    const octets = this.#octets(at, 9);
    const [tag, first] = octets;
    if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) throw malformed('no element where one belongs');
    if (first === 0x80) {
      if ((tag & 0x20) === 0) throw malformed('indefinite length of a primitive element');
      return { tag, content: at + 2, end: undefined };
    }
    const count = first & 0x80 ? first & 0x7f : 0;
    if (count > 6 || octets.length < 2 + count) throw malformed('length too large');
    const content = at + 2 + count;
    const end = content + (count === 0 ? first : octets.readUIntBE(2, count));
    if (end > this.#source.size) throw malformed('content is cut off');
    return { tag, content, end };
  }

  /** Whether end-of-contents octets stand here. */
  ended(at: number): boolean {
    const octets = this.#octets(at, 2);
    return octets.length >= 2 && octets[0] === 0 && octets[1] === 0;
  }

  /**
   * The ranges that hold the octets of an OCTET STRING, in one piece or in segments (X.690 §8.7).
   * @returns them, and the offset behind the element
   */
  octetString(at: number): { readonly ranges: readonly ByteRange[]; readonly end: number } {
    const ranges: ByteRange[] = [];
    const end = this.#segments(at, ranges, 0);
    return { ranges, end };
  }

  #segments(at: number, into: ByteRange[], depth: number): number {
    const { tag, content, end } = this.header(at);
    if (tag === 0x04 && end !== undefined) {
      if (end > content) into.push({ offset: content, length: end - content });
      if (into.length > maxSegments) throw tooMany();
      return end;
    }
    if (tag !== 0x24 || depth > maxNesting) throw malformed('OCTET STRING expected');
    let next = content;
    while (end === undefined ? !this.ended(next) : next < end) next = this.#segments(next, into, depth + 1);
    if (end !== undefined && next !== end) throw malformed('a segment reaches beyond its string');
    return end ?? next + 2;
  }

  #octets(at: number, length: number): Buffer {
    const start = at - this.#from;
    if (start < 0 || start + length > this.#window.length) {
      this.#window = this.#source.read(at, windowSize);
      this.#from = at;
      return this.#window.subarray(0, length);
    }
    return this.#window.subarray(start, start + length);
  }
}

function malformed(message: string): SealError {
  return new SealError('SEAL-INPUT-INVALID', `ASN.1: ${message}`);
}

function tooMany(): SealError {
  return new SealError('SEAL-DOC-LIMIT', `the content of the signature comes in more than ${maxSegments} pieces`, {
    hint: 'have the sender encode the signature with definite lengths (DER)',
  });
}
