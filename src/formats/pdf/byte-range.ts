import { readElement } from '../der.ts';
import { ArrayObject, isInteger, StringObject, type Dictionary, type IndirectObject } from './objects.ts';
import type { ByteRange } from '../../ports/bytes.ts';

/** What a signature dictionary claims to cover, and what is wrong with the claim. */
export interface Coverage {
  /** The two ranges that were hashed, in their order; empty when they cannot be told. */
  readonly ranges: readonly ByteRange[];
  /** Offset behind the last covered byte: the end of the signed revision. */
  readonly end: number;
  /** CMS, BER, without the zeros that fill /Contents up. */
  readonly contents: Buffer;
  readonly errors: readonly string[];
}

const nothing = Buffer.alloc(0);

/**
 * Checks /ByteRange and /Contents against each other (ISO 32000-2 §12.8.1): the ranges begin at 0 and leave out exactly the hexadecimal
 * string with its angle brackets. Anything else is how signature wrapping and universal signature forgery work. Hostile input.
 * @param object that the signature dictionary is written in
 * @param size of the document
 */
export function readCoverage(object: IndirectObject, signature: Dictionary, size: number): Coverage {
  const errors: string[] = [];
  const contents = signature.get('Contents');
  const text = contents instanceof StringObject && contents.hexadecimal ? contents : undefined;
  if (!text) errors.push('/Contents of the signature is missing or no hexadecimal string');
  else if (object.base === undefined) errors.push('the signature dictionary is in an object stream');
  const numbers = fourOffsets(signature);
  if (!numbers) errors.push('/ByteRange of the signature is missing or not four offsets');
  const cms = text ? withoutPadding(text, errors) : nothing;
  if (!numbers || !text || object.base === undefined) return { ranges: [], end: 0, contents: cms, errors };
  const [start, before, after, rest] = numbers;
  const end = after + rest;
  if (start !== 0) errors.push('/ByteRange does not begin at the beginning of the document');
  if (before >= after || end > size) errors.push('/ByteRange overlaps or reaches beyond the end of the document');
  if (before !== object.base + text.start || after !== object.base + text.end)
    errors.push('/ByteRange leaves out something else than the string /Contents');
  const ranges = [
    { offset: start, length: before },
    { offset: after, length: rest },
  ];
  return { ranges: errors.length === 0 ? ranges : [], end, contents: cms, errors };
}

function fourOffsets(signature: Dictionary): readonly [number, number, number, number] | undefined {
  const value = signature.get('ByteRange');
  if (!(value instanceof ArrayObject) || value.items.length !== 4) return undefined;
  const [a, b, c, d] = value.items;
  const offset = (item: unknown): item is number => isInteger(item as number) && Number(item) >= 0;
  return offset(a) && offset(b) && offset(c) && offset(d) ? [a, b, c, d] : undefined;
}

function withoutPadding(text: StringObject, errors: string[]): Buffer {
  const digits = text.end - text.start - 2;
  const bytes = Buffer.from(text.raw.slice(1, -1), 'hex');
  // Decoding stops at the first character that is no digit.
  if (digits === 0 || 2 * bytes.length !== digits) {
    errors.push('/Contents of the signature holds other characters than pairs of hexadecimal digits');
    return nothing;
  }
  try {
    const { raw } = readElement(bytes, 0, true);
    if (!bytes.subarray(raw.length).equals(Buffer.alloc(bytes.length - raw.length)))
      errors.push('other bytes stand behind the CMS in /Contents');
    return raw;
  } catch {
    errors.push('/Contents of the signature holds no CMS');
    return nothing;
  }
}
