import { digestOf } from '../digests.ts';
import { ArrayObject, StringObject } from './objects.ts';
import { beyondLimit } from './refusals.ts';
import { hexadecimal } from './strings.ts';
import type { PdfDocument } from './document.ts';
import type { Revision, WrittenObject } from './revision.ts';

/** The bytes behind the old end of the file, one character a byte. */
export interface Tail {
  readonly text: string;
  /** Position of the body of each object in `text`, by object number. */
  readonly bodies: ReadonlyMap<number, number>;
}

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
  const { size } = document.source;
  let text = endsLine(document) ? '' : '\n';
  const bodies = new Map<number, number>();
  const placed: Placed[] = [];
  const place = ({ number, generation, body }: WrittenObject): void => {
    placed.push({ number, generation, offset: size + text.length });
    text += `${number} ${generation} obj\n`;
    bodies.set(number, text.length);
    text += `${body}\nendobj\n`;
  };
  const isTable = document.xref.sections[0].kind === 'table';
  const number = isTable ? 0 : revision.allocate();
  for (const object of revision.objects()) place(object);
  const start = size + text.length;
  const trailer = `${carriedOver(document)} /Size ${revision.size} /Prev ${document.xref.sections[0].offset} /ID ${identifiers(document, salt)}`;
  if (isTable) text += `${table(placed)}trailer\n<<${trailer} >>\n`;
  else text += crossReferenceStream(number, [...placed, { number, generation: 0, offset: start }], trailer);
  return { text: `${text}startxref\n${start}\n%%EOF\n`, bodies };
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
  const before = second instanceof StringObject ? second.value() : Buffer.alloc(0);
  const next = digestOf('sha256', before, Buffer.from(`${document.source.size} ${document.xref.sections[0].offset} ${salt}`)).subarray(
    0,
    16,
  );
  return `[${hexadecimal(first instanceof StringObject ? first.value() : next)} ${hexadecimal(next)}]`;
}

/** Consecutive numbers together. @param placed by number */
function* groups(placed: readonly Placed[]): Generator<readonly [Placed, ...Placed[]]> {
  let group: [Placed, ...Placed[]] | undefined;
  for (const object of placed) {
    if (group && object.number === group[0].number + group.length) {
      group.push(object);
      continue;
    }
    if (group) yield group;
    group = [object];
  }
  if (group) yield group;
}

function table(placed: readonly Placed[]): string {
  let text = 'xref\n';
  for (const group of groups(placed)) {
    text += `${group[0].number} ${group.length}\n`;
    for (const { offset, generation } of group) {
      if (offset > 9_999_999_999) throw beyondLimit('a cross-reference table cannot express offsets beyond 10 digits');
      text += `${String(offset).padStart(10, '0')} ${String(generation).padStart(5, '0')} n \n`;
    }
  }
  return text;
}

function crossReferenceStream(number: number, placed: readonly Placed[], trailer: string): string {
  const index: number[] = [];
  for (const group of groups(placed)) index.push(group[0].number, group.length);
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
