import { deflateSync } from 'node:zlib';

/** Bodies of objects by number, one character a byte; `stream` wraps data into a stream object. */
export type PdfObjects = Readonly<Record<number, string>>;

export interface PdfOptions {
  /** Default 1.7. */
  readonly version?: string;
  /** Default `table`. */
  readonly xref?: 'table' | 'stream';
  /** More entries of the trailer. */
  readonly trailer?: string;
  /** End of line behind %%EOF; default a line feed. */
  readonly end?: string;
}

export function stream(data: string, entries = ''): string {
  return `<< /Length ${data.length} ${entries} >>\nstream\n${data}\nendstream`;
}

const drawing = stream('BT /F1 14 Tf 72 760 Td (Rechnung 4711) Tj ET');

/** Catalog 1, pages 2, page 3 with contents 4 and font 5: the objects of a one-page document. */
export const onePage: PdfObjects = {
  1: '<< /Type /Catalog /Pages 2 0 R >>',
  2: '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
  3: '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 5 0 R >> >> /Contents 4 0 R >>',
  4: drawing,
  5: '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
};

const identifiers = '/ID [<00112233445566778899aabbccddeeff> <00112233445566778899aabbccddeeff>]';

/** A PDF of these objects; object 1 is the catalog. */
export function makePdf(objects: PdfObjects = onePage, options: PdfOptions = {}): Buffer {
  const { version = '1.7', xref = 'table', trailer = '', end = '\n' } = options;
  const head = `%PDF-${version}\n%\xe2\xe3\xcf\xd3\n`;
  return Buffer.from(head + body(head.length, objects, xref, `/Root 1 0 R ${identifiers} ${trailer}`, end), 'latin1');
}

/** The document with a revision appended as any program could. */
export function appendObjects(document: Buffer, objects: PdfObjects, options: PdfOptions = {}): Buffer {
  const { xref = 'table', trailer = '', end = '\n' } = options;
  const previous = startxref(document);
  const sizes = [...document.toString('latin1').matchAll(/\/Size (\d+)/g)].map((match) => Number(match[1]));
  const entries = `/Root 1 0 R ${identifiers} /Prev ${previous} ${trailer}`;
  const text = body(document.length, objects, xref, entries, end, Math.max(...sizes));
  return Buffer.concat([document, Buffer.from(text, 'latin1')]);
}

/** Offset that the last startxref names. */
export function startxref(document: Buffer): number {
  return Number(/startxref\s+(\d+)\s+%%EOF\s*$/.exec(document.toString('latin1'))?.[1]);
}

function body(start: number, objects: PdfObjects, kind: 'table' | 'stream', trailer: string, end: string, least = 0): string {
  let text = '';
  const offsets = new Map<number, number>();
  for (const [number, content] of Object.entries(objects)) {
    offsets.set(Number(number), start + text.length);
    text += `${number} 0 obj\n${content}\nendobj\n`;
  }
  const size = Math.max(...offsets.keys(), least - 1, 0) + 1;
  const at = start + text.length;
  text += kind === 'table' ? table(offsets, `<< /Size ${size} ${trailer} >>`) : xrefStream(offsets, size, at, trailer);
  return `${text}startxref\n${at}\n%%EOF${end}`;
}

function table(offsets: ReadonlyMap<number, number>, trailer: string): string {
  const entries = [...offsets].map(([number, offset]) => `${number} 1\n${String(offset).padStart(10, '0')} 00000 n \n`);
  return `xref\n0 1\n0000000000 65535 f \n${entries.join('')}trailer\n${trailer}\n`;
}

function xrefStream(offsets: Map<number, number>, number: number, at: number, trailer: string): string {
  offsets.set(number, at);
  const data = Buffer.alloc(7 * offsets.size, 0);
  [...offsets.values()].forEach((offset, row) => {
    data[7 * row] = 1;
    data.writeUInt32BE(offset, 7 * row + 1);
  });
  const index = [...offsets.keys()].map((one) => `${one} 1`).join(' ');
  const entries = `/Type /XRef /W [1 4 2] /Index [${index}] /Size ${number + 1} /Filter /FlateDecode ${trailer}`;
  return `${number} 0 obj\n${stream(deflateSync(data).toString('latin1'), entries)}\nendobj\n`;
}
