import { hash } from 'node:crypto';
import { ArrayObject, StringObject } from './objects.ts';
import { beyondLimit } from './refusals.ts';
import type { PdfDocument } from './document.ts';
import type { Revision } from './revision.ts';

/** The bytes behind the old end of the file, one character a byte: one piece, or one before and one behind each hole. */
export type Tail = readonly [string, ...string[]];

interface Placed {
  readonly number: number;
  readonly generation: number;
  /** In the file. */
  readonly offset: number;
}

/**
 * Writes a revision as an incremental update (ISO 32000-2 §7.5.6): objects, cross-reference of the same kind as the one before, trailer.
 * @param salt makes the second element of /ID differ between updates (§14.4)
 * @throws SealError SEAL-DOC-LIMIT when a table cannot express the offset
 */
export function appendRevision(revision: Revision, salt: string): Tail {
  const { document } = revision;
  const pieces: string[] = [];
  let text = endsLine(document) ? '' : '\n';
  let offset = document.source.size;
  const placed: Placed[] = [];
  const isTable = document.xref.sections[0].kind === 'table';
  const number = isTable ? 0 : revision.allocate();
  for (const { number, generation, body, hole } of revision.objects()) {
    placed.push({ number, generation, offset: offset + text.length });
    text += `${number} ${generation} obj\n${body}`;
    if (hole) {
      offset += text.length + hole.length;
      pieces.push(text);
      text = hole.after;
    }
    text += '\nendobj\n';
  }
  const start = offset + text.length;
  const trailer = `${carriedOver(document)} /Size ${revision.size} /Prev ${document.xref.sections[0].offset} /ID ${identifiers(document, salt)}`;
  if (isTable) text += `${table(placed)}trailer\n<<${trailer} >>\n`;
  else text += crossReferenceStream(number, [...placed, { number, generation: 0, offset: start }], trailer);
  const last = `${text}startxref\n${start}\n%%EOF\n`;
  const [first, ...others] = pieces;
  return first === undefined ? [last] : [first, ...others, last];
}

function endsLine({ source }: PdfDocument): boolean {
  const last = source.read(source.size - 1, 1)[0];
  return last === 0x0a || last === 0x0d;
}

// What describes the section itself, or is written anew.
const ownEntries = new Set('Type W Index Length Filter DecodeParms DL F FFilter FDecodeParms Size Prev XRefStm ID'.split(' '));

/** The entries of the old trailer that stay, as they were written (§7.5.6). */
function carriedOver({ trailer }: PdfDocument): string {
  let text = '';
  for (const [key, entry] of trailer.entries) {
    if (ownEntries.has(key)) continue;
    text += ` /${escapedName(key)} ${trailer.bytes.toString('latin1', entry.start, entry.end)}`;
  }
  return text;
}

function escapedName(name: string): string {
  return name.replace(/[^!"$&'*-.0-;=?-Z\\^-z|~]/g, (mark) => `#${mark.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** /ID: the first stays, the second says that this is another state of the same document. */
function identifiers(document: PdfDocument, salt: string): string {
  const known = document.resolve(document.trailer.get('ID'));
  const [first, second] = known instanceof ArrayObject ? known.items.map((item) => document.resolve(item)) : [];
  const before = second instanceof StringObject ? second.raw : '';
  const state = `${before} ${document.source.size} ${document.xref.sections[0].offset} ${salt}`;
  const next = `<${hash('sha256', Buffer.from(state, 'latin1'), 'hex').slice(0, 32)}>`;
  return `[${first instanceof StringObject ? first.raw : next} ${next}]`;
}

/** How many objects from `at` on have consecutive numbers. @param placed by number */
function runLength(placed: readonly Placed[], at: number): number {
  const first = placed[at]?.number ?? 0;
  let length = 1;
  while (placed[at + length]?.number === first + length) length++;
  return length;
}

function table(placed: readonly Placed[]): string {
  let text = 'xref\n';
  let rest = 0;
  placed.forEach(({ number, offset, generation }, at) => {
    if (rest === 0) {
      rest = runLength(placed, at);
      text += `${number} ${rest}\n`;
    }
    rest--;
    if (offset > 9_999_999_999) throw beyondLimit('a cross-reference table cannot express offsets beyond 10 digits');
    text += `${digits(offset, '0000000000')} ${digits(generation, '00000')} n \n`;
  });
  return text;
}

function digits(number: number, zeros: string): string {
  const text = String(number);
  return zeros.slice(text.length) + text;
}

function crossReferenceStream(number: number, placed: readonly Placed[], trailer: string): string {
  const index: number[] = [];
  for (let at = 0; at < placed.length; at += index.at(-1) ?? 1) index.push(placed[at]?.number ?? 0, runLength(placed, at));
  const offsetWidth = placed.every(({ offset }) => offset < 2 ** 32) ? 4 : 6;
  const width = 1 + offsetWidth + 2;
  const data = Buffer.alloc(placed.length * width, 1);
  placed.forEach(({ offset, generation }, at) => {
    data.writeUIntBE(offset, at * width + 1, offsetWidth);
    data.writeUInt16BE(generation, at * width + 1 + offsetWidth);
  });
  const dictionary = `<< /Type /XRef /W [1 ${offsetWidth} 2] /Index [${index.join(' ')}] /Length ${data.length}${trailer} >>`;
  return `${number} 0 obj\n${dictionary}\nstream\n${data.toString('latin1')}\nendstream\nendobj\n`;
}
