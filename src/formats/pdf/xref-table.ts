import { Dictionary } from './objects.ts';
import { beyondLimit, damaged, notSupported } from './refusals.ts';
import type { Input } from './input.ts';
import type { Parser } from './parser.ts';
import { runOf, type Location, type Run, type Section } from './xref-entries.ts';

/** Highest object number that is followed: Acrobat's limit (ISO 32000-1 Annex C.2) with room. */
export const maxObjects = 16_777_216;
const maxRuns = 65_536;
const entryLength = 20;

interface TableRun extends Run {
  /** Of the first entry in the file. */
  readonly at: number;
}

/**
 * A cross-reference table (ISO 32000-2 §7.5.4) and its trailer. Its entries are 20 bytes each, as the standard says, so they are read when
 * they are asked for: a table of a million objects costs nothing.
 * @throws SealError SEAL-DOC-DAMAGED, SEAL-DOC-FORMAT (hybrid file), SEAL-DOC-LIMIT
 */
export function readTable(input: Input, offset: number): Section {
  const runs: TableRun[] = [];
  let next = offset + 4;
  let trailer: Dictionary | undefined;
  while (trailer === undefined) {
    const found = input.parse(next, (parser, base) => readRun(parser, base));
    if (found instanceof Dictionary) trailer = found;
    else {
      runs.push(found);
      next = found.at + found.count * entryLength;
    }
    if (runs.length > maxRuns) throw beyondLimit('a cross-reference table has too many sections');
  }
  if (trailer.get('XRefStm') !== undefined)
    throw notSupported('the document is a hybrid of cross-reference table and stream, which readers understand in two ways');
  const sorted = sortRuns(runs, offset);
  return { kind: 'table', offset, trailer, runs, locate: (number) => locate(input, sorted, number) };
}

function readRun(parser: Parser, base: number): TableRun | Dictionary {
  parser.skip();
  if (parser.keyword('trailer')) {
    parser.skip();
    return parser.dictionary();
  }
  const first = parser.digits();
  while (parser.code(parser.at) === 0x20) parser.at++;
  const count = parser.digits();
  while (parser.code(parser.at) === 0x20) parser.at++;
  if (first === undefined || count === undefined) parser.fail('the cross-reference table is malformed');
  if (first + count > maxObjects) throw beyondLimit(`object numbers beyond ${maxObjects}`);
  const end = parser.code(parser.at++);
  if (end === 0x0d && parser.code(parser.at) === 0x0a) parser.at++;
  else if (end !== 0x0d && end !== 0x0a) parser.fail('the cross-reference table is malformed');
  return { first, count, at: base + parser.at };
}

/** Runs that are not empty, by number. @throws SealError SEAL-DOC-DAMAGED: of two entries for one object readers take either */
export function sortRuns<R extends Run>(runs: readonly R[], offset: number): readonly R[] {
  const sorted = runs.filter((run) => run.count > 0).sort((a, b) => a.first - b.first);
  sorted.forEach((run, at) => {
    const before = sorted[at - 1];
    if (before && before.first + before.count > run.first) throw damaged('a cross-reference section names an object twice', offset);
  });
  return sorted;
}

function locate(input: Input, runs: readonly TableRun[], number: number): Location | undefined {
  const run = runOf(runs, number);
  if (!run) return undefined;
  const at = run.at + (number - run.first) * entryLength;
  const entry = input.bytes(at, entryLength);
  const offset = decimal(entry, 0, 10);
  const generation = decimal(entry, 11, 16);
  const free = entry[17] === 0x66;
  if (offset < 0 || generation < 0 || entry[10] !== 0x20 || entry[16] !== 0x20 || !(free || entry[17] === 0x6e) || !endsEntry(entry))
    throw damaged(`the cross-reference entry of object ${number} is malformed`, at);
  return free ? { kind: 'free' } : { kind: 'plain', offset, generation };
}

/** -1 where there is anything but digits. */
function decimal(bytes: Buffer, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = (bytes[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** SP CR, SP LF or CR LF. */
function endsEntry(entry: Buffer): boolean {
  const [first, second] = [entry[18], entry[19]];
  return (first === 0x20 && (second === 0x0d || second === 0x0a)) || (first === 0x0d && second === 0x0a);
}
