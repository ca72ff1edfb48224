import { decode, longestStream } from './filters.ts';
import { isInteger, Stream, type Dictionary, type Value } from './objects.ts';
import { Parser } from './parser.ts';
import { damaged } from './refusals.ts';
import { maxObjects } from './xref-table.ts';

/** An unpacked object stream (ISO 32000-2 §7.5.7). */
export interface ObjectStream {
  /** Bytes unpacked. */
  readonly length: number;
  /** @throws SealError SEAL-DOC-DAMAGED when another object stands at this index */
  read(number: number, index: number): Value;
}

/**
 * @param data decrypted
 * @param limit bytes that may still be unpacked
 * @throws SealError SEAL-DOC-DAMAGED, SEAL-DOC-FORMAT, SEAL-DOC-LIMIT
 */
export function readObjectStream(dictionary: Dictionary, data: Buffer, limit: number): ObjectStream {
  const count = dictionary.get('N');
  const first = dictionary.get('First');
  if (!isInteger(count) || !isInteger(first) || count < 0 || first < 0 || count > maxObjects)
    throw damaged('an object stream has no /N or /First');
  const bytes = decode(dictionary, data, Math.min(limit, longestStream));
  const header = new Parser(bytes.subarray(0, first), 0, 0, true);
  const places: (readonly [number, number])[] = [];
  while (places.length < count) {
    header.skip();
    const number = header.digits();
    header.skip();
    const offset = header.digits();
    if (number === undefined || offset === undefined) throw damaged('the index of an object stream is malformed');
    places.push([number, first + offset]);
  }
  return {
    length: bytes.length,
    read(number, index) {
      const place = places[index];
      if (place?.[0] !== number) throw damaged(`object ${number} is not where the cross-reference announces it in an object stream`);
      const value = new Parser(bytes, place[1], 0, true).value();
      if (value instanceof Stream) throw damaged('an object stream holds a stream');
      return value;
    },
  };
}
