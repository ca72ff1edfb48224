import { inflateSync } from 'node:zlib';
import { ArrayObject, Dictionary, isInteger, Name, type Value } from './objects.ts';
import { beyondLimit, damaged, notSupported } from './refusals.ts';

/** Longest stream that is decoded: cross-reference and object streams of very large documents stay below. */
export const longestStream = 67_108_864;

/**
 * Decodes the data of a stream (ISO 32000-2 §7.4): FlateDecode with predictors, or no filter; those are what cross-reference and object
 * streams are written with. Hostile input: the output is limited, a bomb is not unpacked.
 * @param limit bytes of output
 * @throws SealError SEAL-DOC-DAMAGED, SEAL-DOC-FORMAT (another filter), SEAL-DOC-LIMIT
 */
export function decode(dictionary: Dictionary, data: Buffer, limit: number = longestStream): Buffer {
  const filters = list(dictionary.get('Filter'));
  const parameters = list(dictionary.get('DecodeParms'));
  if (filters.length > 2) throw notSupported('a stream has more than two filters');
  return filters.reduce<Buffer>((bytes, filter, at) => {
    if (!(filter instanceof Name) || filter.value !== 'FlateDecode')
      throw notSupported(`a cross-reference or object stream uses the filter ${filter instanceof Name ? filter.value : '?'}`);
    const parms = parameters[at] ?? null;
    if (parms !== null && !(parms instanceof Dictionary)) throw damaged('/DecodeParms of a stream is no dictionary');
    return unpredict(inflate(bytes, limit), parms);
  }, data);
}

function list(value: Value | undefined): readonly Value[] {
  if (value === undefined || value === null) return [];
  return value instanceof ArrayObject ? value.items : [value];
}

function inflate(data: Buffer, limit: number): Buffer {
  try {
    return inflateSync(data, { maxOutputLength: limit });
  } catch (error) {
    if (error instanceof RangeError) throw beyondLimit(`a stream unpacks to more than ${limit} bytes`);
    throw damaged('a compressed stream cannot be unpacked');
  }
}

function unpredict(data: Buffer, parms: Dictionary | null): Buffer {
  const number = (key: string, otherwise: number): number => {
    const value = parms?.get(key) ?? otherwise;
    if (!isInteger(value) || value < 1 || value > 65_536) throw damaged(`/${key} of a stream is out of range`);
    return value;
  };
  const predictor = number('Predictor', 1);
  if (predictor === 1) return data;
  if (predictor < 10) throw notSupported(`a cross-reference or object stream uses the predictor ${predictor}`);
  const bits = number('Colors', 1) * number('BitsPerComponent', 8);
  return unfilterRows(data, Math.ceil((bits * number('Columns', 1)) / 8), Math.ceil(bits / 8));
}

/** Undoes the PNG filters (ISO/IEC 15948 §9). @param width bytes in a row @param step bytes in a pixel */
function unfilterRows(data: Buffer, width: number, step: number): Buffer {
  if (data.length % (width + 1) !== 0) throw damaged('a predicted stream ends within a row');
  const rows = data.length / (width + 1);
  const out = Buffer.alloc(rows * width);
  for (let row = 0; row < rows; row++) {
    const source = row * (width + 1);
    const target = row * width;
    const filter = data[source] ?? 0;
    if (filter > 4) throw damaged('a predicted stream has an unknown row filter');
    for (let i = 0; i < width; i++) {
      const left = i >= step ? (out[target + i - step] ?? 0) : 0;
      const up = row > 0 ? (out[target + i - width] ?? 0) : 0;
      const corner = row > 0 && i >= step ? (out[target + i - width - step] ?? 0) : 0;
      out[target + i] = (data[source + 1 + i] ?? 0) + prediction(filter, left, up, corner);
    }
  }
  return out;
}

function prediction(filter: number, left: number, up: number, corner: number): number {
  if (filter === 0) return 0;
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return (left + up) >> 1;
  const guess = left + up - corner;
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)];
  return a <= b && a <= c ? left : b <= c ? up : corner;
}
