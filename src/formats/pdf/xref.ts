import { isInteger } from './objects.ts';
import { beyondLimit, damaged } from './refusals.ts';
import { readXrefStream } from './xref-stream.ts';
import { readTable } from './xref-table.ts';
import type { Input } from './input.ts';
import type { Location, Section } from './xref-entries.ts';

/** Where readers look for the end of the file (ISO 32000-2 Annex J.3.4), and some white space behind it. */
const tailLength = 2048;
/** An update a day for more than ten years. */
const maxSections = 4096;
/** Of all sections together; a document of a million objects that was rewritten ten times has as many. */
const maxRows = 10_000_000;
/** Up to here each section is asked in turn; beyond, up to so many entries, an index tells. */
const fewSections = 8;
const indexedRows = 500_000;

/** All cross-reference sections of a document, newest first. */
export interface CrossReference {
  readonly sections: readonly [Section, ...Section[]];
  /** Number behind the highest that any section speaks of. */
  readonly size: number;
  locate(number: number): Location | undefined;
}

/**
 * Follows startxref and /Prev (ISO 32000-2 §7.5.4 to §7.5.8). Hostile input.
 * @throws SealError SEAL-DOC-DAMAGED, SEAL-DOC-FORMAT (hybrid file), SEAL-DOC-LIMIT
 */
export function readCrossReference(input: Input): CrossReference {
  const newest = readSection(input, readStartxref(input));
  const sections: [Section, ...Section[]] = [newest];
  const offsets = new Set([newest.offset]);
  let rows = rowsOf(newest);
  for (let section = newest; ;) {
    const previous = section.trailer.get('Prev');
    if (previous === undefined) break;
    if (!isInteger(previous) || previous < 0) throw damaged('/Prev of a trailer is no offset', section.offset);
    if (offsets.has(previous)) throw damaged('the /Prev entries of the trailers run in a circle', section.offset);
    if (sections.length >= maxSections) throw beyondLimit(`the document has more than ${maxSections} revisions`);
    section = readSection(input, previous);
    sections.push(section);
    offsets.add(previous);
    rows += rowsOf(section);
    if (rows > maxRows) throw beyondLimit(`the cross-references of all revisions have more than ${maxRows} entries`);
  }
  let size = 0;
  for (const section of sections) {
    for (const run of section.runs) size = Math.max(size, run.first + run.count);
  }
  return {
    sections,
    size,
    locate: sections.length > fewSections && rows <= indexedRows ? indexed(sections) : (number) => locate(sections, number),
  };
}

function rowsOf({ runs }: Section): number {
  return runs.reduce((sum, { count }) => sum + count, 0);
}

/** Which section speaks of an object, remembered for all of them: hundreds of signatures make hundreds of sections. */
function indexed(sections: readonly Section[]): CrossReference['locate'] {
  let index: Map<number, Section> | undefined;
  return (number) => {
    index ??= newestSections(sections);
    return index.get(number)?.locate(number);
  };
}

function newestSections(sections: readonly Section[]): Map<number, Section> {
  const index = new Map<number, Section>();
  for (const section of sections.toReversed())
    for (const { first, count } of section.runs) for (let number = first; number < first + count; number++) index.set(number, section);
  return index;
}

function locate(sections: readonly Section[], number: number): Location | undefined {
  for (const section of sections) {
    const found = section.locate(number);
    if (found) return found;
  }
  return undefined;
}

/** The offset at the end of the file. Only white space may follow %%EOF: what else stands there no reader shows and all disagree about. */
function readStartxref(input: Input): number {
  const start = Math.max(0, input.size - tailLength);
  const tail = input.bytes(start, tailLength);
  const at = tail.lastIndexOf('startxref');
  if (at < 0) throw damaged('the end of the document is missing (no startxref)', input.size);
  const match = /^startxref[\0\t\n\f\r ]+(\d{1,15})[\0\t\n\f\r ]+%%EOF[\0\t\n\f\r \x1a]*$/.exec(tail.toString('latin1', at));
  if (!match) throw damaged('something else than startxref, its offset and %%EOF stands at the end', start + at);
  return Number(match[1]);
}

function readSection(input: Input, offset: number): Section {
  if (offset >= input.size) throw damaged('startxref or /Prev points behind the end', offset);
  return input.bytes(offset, 4).toString('latin1') === 'xref' ? readTable(input, offset) : readXrefStream(input, offset);
}
