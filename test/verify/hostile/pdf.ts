import { deflateSync } from 'node:zlib';
import { appendObjects, makePdf, onePage, startxref, stream, type PdfObjects } from '../../support/pdfs.ts';
import { signPdf, bodyOf, withItem } from '../attacks/forge-pdf.ts';
import type { TestIdentity } from '../../support/authority.ts';

/** Documents that try to keep a reader busy for ever, or to fill its memory. Each is small beside what it asks for. */

/** An update that is nothing but a cross-reference stream. @param entries of its dictionary @param data not yet compressed */
function withSection(document: Buffer, entries: string, data: Buffer, number = 9_000_000): Buffer {
  const packed = deflateSync(data, { level: 9 }).toString('latin1');
  const dictionary = `/Type /XRef ${entries} /Size 16000000 /Filter /FlateDecode /Root 1 0 R /Prev ${startxref(document)}`;
  const text = `${number} 0 obj\n${stream(packed, dictionary)}\nendobj\nstartxref\n${document.length}\n%%EOF\n`;
  return Buffer.concat([document, Buffer.from(text, 'latin1')]);
}

function repeated(document: Buffer, times: number, add: (before: Buffer) => Buffer): Buffer {
  let made = document;
  for (let at = 0; at < times; at++) made = add(made);
  return made;
}

/** Rows without width: sixteen million objects take no byte. */
export async function zeroWidthRows(signer: TestIdentity): Promise<Buffer> {
  const section = (before: Buffer): Buffer => withSection(before, '/W [0 0 0] /Index [100 15000000]', Buffer.alloc(0));
  return repeated(await signPdf(signer, makePdf()), 300, section);
}

/** Sixteen million free objects in a few kilobytes, again and again. */
export async function freeRows(signer: TestIdentity): Promise<Buffer> {
  const zeros = Buffer.alloc(15_000_000);
  const packed = deflateSync(zeros, { level: 9 }).toString('latin1');
  const section = (before: Buffer): Buffer => {
    const dictionary = `/Type /XRef /W [1 0 0] /Index [100 15000000] /Size 16000000 /Filter /FlateDecode /Root 1 0 R /Prev ${startxref(before)}`;
    const text = `9 0 obj\n${stream(packed, dictionary)}\nendobj\nstartxref\n${before.length}\n%%EOF\n`;
    return Buffer.concat([before, Buffer.from(text, 'latin1')]);
  };
  return repeated(await signPdf(signer, makePdf()), 60, section);
}

/** A table of 60,000 sections of one object each, and as many objects to look up. */
export async function manyRuns(signer: TestIdentity): Promise<Buffer> {
  const count = 60_000;
  const signed = await signPdf(signer, makePdf());
  const at = signed.length;
  const rows = Array.from({ length: count }, (_, row) => `${100 + 2 * row} 1\n${String(at).padStart(10, '0')} 00000 n \n`).join('');
  const tail = `xref\n${rows}trailer\n<< /Size 200000 /Root 1 0 R /Prev ${startxref(signed)} >>\nstartxref\n${at}\n%%EOF\n`;
  return Buffer.concat([signed, Buffer.from(tail, 'latin1')]);
}

/** Thousands of updates, each with a few objects. */
export async function manyRevisions(signer: TestIdentity): Promise<Buffer> {
  const pieces: Buffer[] = [await signPdf(signer, makePdf())];
  let size = pieces[0]?.length ?? 0;
  let previous = startxref(pieces[0] ?? Buffer.alloc(0));
  for (let at = 0; at < 4000; at++) {
    const body = `${100 + at} 0 obj\nnull\nendobj\n`;
    const text = `${body}xref\n${100 + at} 1\n${String(size).padStart(10, '0')} 00000 n \ntrailer\n<< /Size 5000 /Root 1 0 R /Prev ${previous} >>\nstartxref\n${size + body.length}\n%%EOF\n`;
    previous = size + body.length;
    size += text.length;
    pieces.push(Buffer.from(text, 'latin1'));
  }
  return Buffer.concat(pieces);
}

/** The trailers name each other. */
export function circle(document: Buffer): Buffer {
  const own = document.length;
  const tail = `xref\n0 0\ntrailer\n<< /Size 9 /Root 1 0 R /Prev ${own} >>\nstartxref\n${own}\n%%EOF\n`;
  return Buffer.concat([document, Buffer.from(tail, 'latin1')]);
}

/** Arrays in arrays in arrays. */
export async function nested(signer: TestIdentity): Promise<Buffer> {
  return appendObjects(await signPdf(signer, makePdf()), { 30: '['.repeat(1_000_000) + ']'.repeat(1_000_000) });
}

/** References that lead to references. */
export async function referenceChain(signer: TestIdentity): Promise<Buffer> {
  const chain: Record<number, string> = {};
  for (let number = 100; number < 50_100; number++) chain[number] = `${number + 1} 0 R`;
  return appendObjects(await signPdf(signer, makePdf()), { 1: '<< /Type /Catalog /Pages 100 0 R >>', ...chain });
}

/** Object streams of zeros: each unpacks to sixty megabytes. */
export async function bombs(signer: TestIdentity, count = 60): Promise<Buffer> {
  const signed = await signPdf(signer, makePdf());
  const packed = deflateSync(Buffer.alloc(60_000_000, 0x20), { level: 9 }).toString('latin1');
  const objects: Record<number, string> = {};
  for (let at = 0; at < count; at++) objects[1000 + at] = stream(packed, '/Type /ObjStm /N 0 /First 0 /Filter /FlateDecode');
  const before = appendObjects(signed, objects);
  const rows = Buffer.alloc(5 * count);
  for (let at = 0; at < count; at++) {
    rows[5 * at] = 2;
    rows.writeUInt16BE(1000 + at, 5 * at + 1);
  }
  return withSection(before, `/W [1 2 2] /Index [2000 ${count}]`, rows);
}

/** A form of many fields, signed over and over: each signature is compared with the end. */
export async function manySignatures(signer: TestIdentity, fields: number, signatures: number): Promise<Buffer> {
  const objects: Record<number, string> = { ...onePage };
  const numbers = Array.from({ length: fields }, (_, at) => 100 + at);
  for (const number of numbers) objects[number] = `<< /FT /Tx /T (f${number}) >>`;
  objects[1] = `<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [${numbers.map((number) => `${number} 0 R`).join(' ')}] >> >>`;
  let document = makePdf(objects satisfies PdfObjects);
  for (let at = 0; at < signatures; at++) document = await signPdf(signer, document);
  return document;
}

/** One field over and over in the list of the page, and objects that all name each other. */
export async function web(signer: TestIdentity, count: number): Promise<Buffer> {
  const signed = await signPdf(signer, makePdf());
  const all = Array.from({ length: count }, (_, at) => `${100 + at} 0 R`).join(' ');
  const objects: Record<number, string> = { 3: withItem(bodyOf(signed, 3), 'Annots', all) };
  for (let at = 0; at < count; at++) objects[100 + at] = `<< /FT /Sig /T (s${at}) /X [${all}] >>`;
  return appendObjects(signed, objects);
}
