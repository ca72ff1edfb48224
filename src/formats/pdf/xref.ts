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
  for (let section = newest; ;) {
    const previous = section.trailer.get('Prev');
    if (previous === undefined) break;
    if (!isInteger(previous) || previous < 0) throw damaged('/Prev of a trailer is no offset', section.offset);
    if (sections.some(({ offset }) => offset === previous))
      throw damaged('the /Prev entries of the trailers run in a circle', section.offset);
    if (sections.length >= maxSections) throw beyondLimit(`the document has more than ${maxSections} revisions`);
    section = readSection(input, previous);
    sections.push(section);
  }
  let size = 0;
  for (const section of sections) {
    for (const run of section.runs) size = Math.max(size, run.first + run.count);
  }
  return { sections, size, locate: (number) => locate(sections, number) };
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
