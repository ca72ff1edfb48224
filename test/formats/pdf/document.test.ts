import { test } from 'node:test';
import assert from 'node:assert/strict';
import { deflateSync } from 'node:zlib';
import { bufferSource } from '../../../src/formats/memory-source.ts';
import { PdfDocument } from '../../../src/formats/pdf/document.ts';
import { readFields } from '../../../src/formats/pdf/fields.ts';
import { Dictionary, Stream, StringObject } from '../../../src/formats/pdf/objects.ts';
import { firstPage } from '../../../src/formats/pdf/pages.ts';
import type { ErrorCode } from '../../../src/errors.ts';
import { appendObjects, makePdf, onePage, startxref, stream, type PdfObjects } from '../../support/pdfs.ts';

/** Everything a signature looks at. */
function look(bytes: Buffer): PdfDocument {
  const document = new PdfDocument(bufferSource(bytes));
  firstPage(document);
  readFields(document);
  return document;
}

const text = (bytes: Buffer): string => bytes.toString('latin1');
const replaced = (bytes: Buffer, from: string | RegExp, to: string): Buffer => Buffer.from(text(bytes).replace(from, to), 'latin1');
const table = makePdf();
const streamed = makePdf(onePage, { xref: 'stream' });

test('tables, streams, revisions of both kinds and a missing last end of line are read', () => {
  for (const document of [
    table,
    streamed,
    makePdf(onePage, { end: '' }),
    makePdf(onePage, { end: '\r\n' }),
    makePdf(onePage, { version: '2.0' }),
  ])
    assert.equal(look(document).catalog.number, 1);
  const page = `${onePage[3]?.slice(0, -2) ?? ''} /Rotate 90 >>`;
  for (const [first, second] of [
    ['table', 'table'],
    ['stream', 'stream'],
    ['table', 'stream'],
  ] as const) {
    const changed = appendObjects(makePdf(onePage, { xref: first, end: '' }), { 3: page }, { xref: second });
    assert.equal(firstPage(look(changed)).value.get('Rotate'), 90);
  }
});

test('objects in object streams are read, each from its place', () => {
  const [catalog = '', pages = ''] = [onePage[1], onePage[2]];
  const index = `1 0 2 ${catalog.length + 1} `;
  const packed = deflateSync(Buffer.from(`${index}${catalog} ${pages}`)).toString('latin1');
  const container = stream(packed, `/Type /ObjStm /N 2 /First ${index.length} /Filter /FlateDecode`);
  const others = { 3: onePage[3] ?? '', 4: onePage[4] ?? '', 5: onePage[5] ?? '', 6: container };
  const plain = makePdf(others, { xref: 'stream' });
  const at = startxref(plain);
  // Its cross-reference again by hand, with two packed entries.
  const rows = Buffer.from('02 00000006 0000 02 00000006 0001'.replaceAll(' ', ''), 'hex');
  const entries = `/Type /XRef /W [1 4 2] /Index [1 2] /Size 9 /Root 1 0 R /Prev ${at}`;
  const more = `8 0 obj\n${stream(rows.toString('latin1'), entries)}\nendobj\nstartxref\n${plain.length}\n%%EOF\n`;
  const document = look(Buffer.concat([plain, Buffer.from(more, 'latin1')]));
  assert.equal(document.catalog.base, undefined);
  assert.ok(document.catalog.value.get('Pages'));
});

const hostile: readonly (readonly [string, Buffer, ErrorCode, RegExp])[] = [
  ['an empty file', Buffer.alloc(0), 'SEAL-DOC-FORMAT', /no PDF header/],
  ['bytes before the header', Buffer.concat([Buffer.from('MIME\r\n'), table]), 'SEAL-DOC-DAMAGED', /6 bytes stand before the header/],
  ['an unknown version', replaced(table, '%PDF-1.7', '%PDF-3.1'), 'SEAL-DOC-FORMAT', /version 3.1/],
  ['a cut off end', table.subarray(0, table.length - 40), 'SEAL-DOC-DAMAGED', /no startxref/],
  ['junk behind the end', Buffer.concat([table, Buffer.from('<html>')]), 'SEAL-DOC-DAMAGED', /stands at the end/],
  ['a startxref that points elsewhere', replaced(table, /startxref\n\d+/, 'startxref\n20'), 'SEAL-DOC-DAMAGED', /startxref|object/],
  ['a startxref behind the end', replaced(table, /startxref\n\d+/, 'startxref\n99999999'), 'SEAL-DOC-DAMAGED', /behind the end/],
  ['white space before the table', replaced(table, /startxref\n(\d+)/, `startxref\n${startxref(table) - 1}`), 'SEAL-DOC-DAMAGED', /object/],
  ['a hybrid file', makePdf(onePage, { trailer: '/XRefStm 20' }), 'SEAL-DOC-FORMAT', /hybrid/],
  ['a /Prev to itself', makePdf(onePage, { trailer: `/Prev ${startxref(table)}` }), 'SEAL-DOC-DAMAGED', /circle|Prev/],
  ['a /Prev that is no offset', makePdf(onePage, { trailer: '/Prev 1 0 R' }), 'SEAL-DOC-DAMAGED', /no offset/],
  ['entries of 19 bytes', replaced(table, / n \n/g, ' n\n'), 'SEAL-DOC-DAMAGED', /cross-reference/],
  [
    'an entry that points into another object',
    replaced(table, /\n(\d{9})(\d) 00000 n/, '\n0000000003 00000 n'),
    'SEAL-DOC-DAMAGED',
    /no object begins/,
  ],
  ['a table that names an object twice', replaced(table, /\n2 1\n/, '\n1 1\n'), 'SEAL-DOC-DAMAGED', /twice/],
  ['a table of a billion objects', replaced(table, /\n2 1\n/, '\n2 999999999\n'), 'SEAL-DOC-LIMIT', /object numbers/],
  ['no catalog', makePdf({ ...onePage, 1: '[]' }), 'SEAL-DOC-DAMAGED', /catalog/],
  ['no page', makePdf({ ...onePage, 2: '<< /Type /Pages /Kids [] /Count 0 >>' }), 'SEAL-DOC-DAMAGED', /no page/],
  ['a missing page', makePdf({ ...onePage, 2: '<< /Type /Pages /Kids [9 0 R] >>' }), 'SEAL-DOC-DAMAGED', /does not exist/],
  ['a page tree in a circle', makePdf({ ...onePage, 2: '<< /Type /Pages /Kids [2 0 R] >>' }), 'SEAL-DOC-DAMAGED', /circle/],
  ['a wrong generation', makePdf({ ...onePage, 2: '<< /Type /Pages /Kids [3 7 R] >>' }), 'SEAL-DOC-DAMAGED', /generation/],
  [
    'references in a circle',
    makePdf({ ...onePage, 1: '<< /Pages 2 0 R /AcroForm 6 0 R >>', 6: '7 0 R', 7: '6 0 R' }),
    'SEAL-DOC-DAMAGED',
    /circle/,
  ],
  ['a field within itself', form('<< /T (a) /Kids [7 0 R] >>'), 'SEAL-DOC-DAMAGED', /within itself/],
  ['a form that is none', makePdf({ ...onePage, 1: '<< /Pages 2 0 R /AcroForm 42 >>' }), 'SEAL-DOC-DAMAGED', /AcroForm/],
  ['an xref stream with another filter', replaced(streamed, '/FlateDecode', '/LZWDecode  '), 'SEAL-DOC-FORMAT', /LZWDecode/],
  ['an xref stream that does not unpack', replaced(streamed, 'stream\nx', 'stream\ny'), 'SEAL-DOC-DAMAGED', /unpacked/],
  ['an xref stream with huge numbers', replaced(streamed, '/W [1 4 2]', '/W [1 9 2]'), 'SEAL-DOC-DAMAGED', /\/W/],
  ['a bomb as object stream', bomb(), 'SEAL-DOC-LIMIT', /unpacks to more/],
];

function form(field: string): Buffer {
  return makePdf({ ...onePage, 1: '<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [7 0 R] >> >>', 7: field });
}

function bomb(): Buffer {
  const zeros = deflateSync(Buffer.alloc(80 << 20), { level: 9 }).toString('latin1');
  const plain = makePdf({ ...onePage, 6: stream(zeros, '/Type /ObjStm /N 1 /First 4 /Filter /FlateDecode') }, { xref: 'stream' });
  const rows = Buffer.from('02000000060000', 'hex').toString('latin1');
  const entries = `/Type /XRef /W [1 4 2] /Index [1 1] /Size 9 /Root 1 0 R /Prev ${startxref(plain)}`;
  const more = `8 0 obj\n${stream(rows, entries)}\nendobj\nstartxref\n${plain.length}\n%%EOF\n`;
  return Buffer.concat([plain, Buffer.from(more, 'latin1')]);
}

for (const [what, bytes, code, message] of hostile)
  test(`refused with a clear error: ${what}`, () => {
    assert.throws(() => look(bytes), { code, message, hint: /./ });
  });

test('loops and heaps end in an error: page tree, kids, revisions', () => {
  const deep: Record<number, string> = { ...onePage, 2: '<< /Type /Pages /Kids [100 0 R] >>' };
  for (let number = 100; number < 300; number++) deep[number] = `<< /Type /Pages /Kids [${number + 1} 0 R] >>`;
  assert.throws(() => look(makePdf(deep)), { code: 'SEAL-DOC-LIMIT' });
  let many = makePdf(onePage);
  const tail = text(many).slice(startxref(many));
  const pieces = [text(many)];
  let length = many.length;
  for (let at = startxref(many), revision = 0; revision < 4200; revision++) {
    const piece = tail.replace('/Root', `/Prev ${at} /Root`).replace(/startxref\n\d+/, `startxref\n${length}`);
    at = length;
    length += piece.length;
    pieces.push(piece);
  }
  many = Buffer.from(pieces.join(''), 'latin1');
  assert.throws(() => look(many), { code: 'SEAL-DOC-LIMIT', message: /revisions/ });
});

test('of a large document only what is needed is read', () => {
  const objects: Record<number, string> = { ...onePage, 6: stream('\xaa'.repeat(3_000_000)) };
  for (let number = 7; number < 20_000; number++) objects[number] = '<< /Type /Nothing >>';
  const bytes = makePdf(objects satisfies PdfObjects);
  let read = 0;
  const source = bufferSource(bytes);
  const document = new PdfDocument({
    ...source,
    read(offset, length) {
      read += Math.min(length, bytes.length - offset);
      return source.read(offset, length);
    },
  });
  firstPage(document);
  assert.ok(read < 1_500_000, `${read} of ${bytes.length} bytes`);
});

test('data of a stream is found by its length, and a wrong length is noticed', () => {
  const document = look(makePdf({ ...onePage, 6: '44', 4: '<< /Length 6 0 R >>\nstream\n'.concat('x'.repeat(44), '\nendstream') }));
  const content = document.current(4)?.value;
  assert.ok(content instanceof Stream);
  assert.equal(document.streamData(content).length, 44);
  const wrong = look(makePdf({ ...onePage, 4: '<< /Length 7 >>\nstream\n12345\nendstream' }));
  const other = wrong.current(4)?.value;
  assert.ok(other instanceof Stream);
  assert.throws(() => wrong.streamData(other), { code: 'SEAL-DOC-DAMAGED' });
});

test('fields have qualified names, inherit type and value, and widgets are no fields', () => {
  const document = look(
    makePdf({
      ...onePage,
      1: '<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R 9 0 R] >> >>',
      6: '<< /T (a) /FT /Sig /Kids [7 0 R 8 0 R] >>',
      7: '<< /T (b) /Parent 6 0 R /V << /Type /Sig >> >>',
      8: '<< /T (c) /Parent 6 0 R /FT /Tx /V (text) >>',
      9: '<< /T (d) /FT /Tx /Kids [10 0 R] >>',
      10: '<< /Subtype /Widget /Parent 9 0 R >>',
    }),
  );
  const fields = readFields(document);
  assert.deepEqual(
    fields.map(({ name, type }) => [name, type]),
    [
      ['a.b', 'Sig'],
      ['a.c', 'Tx'],
      ['d', 'Tx'],
    ],
  );
  assert.ok(fields[0]?.value instanceof Dictionary);
  assert.ok(fields[1]?.value instanceof StringObject);
  assert.equal(fields[2]?.value, null);
});
