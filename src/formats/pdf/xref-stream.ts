import { decode, longestStream } from './filters.ts';
import type { Dictionary } from './objects.ts';
import { ArrayObject, isInteger, type Value } from './objects.ts';
import { beyondLimit, damaged } from './refusals.ts';
import { maxObjects, sortRuns } from './xref-table.ts';
import type { Input } from './input.ts';
import { runOf, type Location, type Run, type Section } from './xref-entries.ts';

/**
 * A cross-reference stream (ISO 32000-2 §7.5.8).
 * @throws SealError SEAL-DOC-DAMAGED, SEAL-DOC-FORMAT, SEAL-DOC-LIMIT
 */
export function readXrefStream(input: Input, offset: number): Section {
  const { number, dictionary, data } = input.parse(offset, (parser, base) => {
    const { number } = parser.head();
    parser.skip();
    const dictionary = parser.dictionary();
    parser.skip();
    if (!parser.keyword('stream')) parser.fail('the cross-reference is neither a table nor a stream');
    return { number, dictionary, data: base + dataStart(parser.code(parser.at), parser.code(parser.at + 1), parser.at) };
  });
  if (dictionary.name('Type') !== 'XRef') throw damaged('startxref or /Prev points to another object', offset);
  const length = dictionary.get('Length');
  if (!isInteger(length) || length < 0 || data + length > input.size) throw damaged('the cross-reference stream is cut off', offset);
  if (length > longestStream) throw beyondLimit('the cross-reference stream is too long');
  const widths = integers(dictionary.get('W'), 'W');
  const [kind = 0, second = 0, third = 0] = widths;
  if (widths.length !== 3 || widths.some((width) => width > 8)) throw damaged('/W of a cross-reference stream is malformed', offset);
  const runs = readRuns(dictionary, offset);
  const count = runs.reduce((sum, run) => sum + run.count, 0);
  const width = kind + second + third;
  // The standard has no use for them, and they would cost nothing however many there are.
  if (width === 0 && count > 0) throw damaged('a cross-reference stream has entries of no width', offset);
  // A row filter adds one byte to each row.
  const table = decode(dictionary, input.bytes(data, length), Math.min(longestStream, count * (width + 1) + 65_536));
  if (table.length < count * width) throw damaged('the cross-reference stream is too short', offset);
  const sorted = sortRuns(runs, offset);
  return { kind: 'stream', offset, trailer: dictionary, runs, number, locate: (wanted) => locate(table, widths, sorted, wanted) };
}

/** Position behind the end of line that follows `stream` (§7.3.8.1): CR LF or LF, never CR alone. */
export function dataStart(first: number, second: number, at: number): number {
  if (first === 0x0a) return at + 1;
  if (first === 0x0d && second === 0x0a) return at + 2;
  throw damaged('the keyword stream is not followed by an end of line');
}

function integers(value: Value | undefined, key: string): number[] {
  if (!(value instanceof ArrayObject)) throw damaged(`/${key} of a cross-reference stream is missing`);
  return value.items.map((item) => {
    if (!isInteger(item) || item < 0) throw damaged(`/${key} of a cross-reference stream is malformed`);
    return item;
  });
}

/** With the row of its first object in the stream. */
interface StreamRun extends Run {
  readonly row: number;
}

function readRuns(dictionary: Dictionary, offset: number): StreamRun[] {
  const size = dictionary.get('Size');
  if (!isInteger(size) || size < 0) throw damaged('/Size of a cross-reference stream is missing', offset);
  const numbers = dictionary.get('Index') === undefined ? [0, size] : integers(dictionary.get('Index'), 'Index');
  if (numbers.length % 2 !== 0) throw damaged('/Index of a cross-reference stream is malformed', offset);
  const runs: StreamRun[] = [];
  let row = 0;
  for (let at = 0; at < numbers.length; at += 2) {
    const [first = 0, count = 0] = numbers.slice(at, at + 2);
    if (first + count > maxObjects) throw beyondLimit(`object numbers beyond ${maxObjects}`);
    runs.push({ first, count, row });
    row += count;
  }
  return runs;
}

function locate(table: Buffer, widths: readonly number[], runs: readonly StreamRun[], number: number): Location | undefined {
  const run = runOf(runs, number);
  return run && entry(table, widths, run.row + number - run.first);
}

function entry(table: Buffer, [kindWidth = 0, secondWidth = 0, thirdWidth = 0]: readonly number[], row: number): Location | undefined {
  const at = row * (kindWidth + secondWidth + thirdWidth);
  const field = (offset: number, width: number): number => {
    const low = Math.min(width, 4);
    const high = width > low ? table.readUIntBE(offset, width - low) : 0;
    return high * 2 ** 32 + (low === 0 ? 0 : table.readUIntBE(offset + width - low, low));
  };
  // Table 18: without a type field, type 1.
  const kind = kindWidth === 0 ? 1 : field(at, kindWidth);
  const second = field(at + kindWidth, secondWidth);
  const third = field(at + kindWidth + secondWidth, thirdWidth);
  if (kind === 0) return { kind: 'free' };
  if (kind === 1) return { kind: 'plain', offset: second, generation: third };
  if (kind === 2) return { kind: 'packed', container: second, index: third };
  throw damaged(`a cross-reference stream has an entry of unknown type ${kind}`);
}
