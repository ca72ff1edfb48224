import { test } from 'node:test';
import assert from 'node:assert/strict';
import { bufferSource } from '../../../src/formats/memory-source.ts';
import { PdfDocument } from '../../../src/formats/pdf/document.ts';
import { findSignatures, type PdfSignature } from '../../../src/formats/pdf/signatures.ts';
import { pades } from '../../../src/formats/pades.ts';
import { testAuthority } from '../../support/authority.ts';
import { appendObjects, makePdf, onePage, startxref, stream } from '../../support/pdfs.ts';
import { signDocument } from '../signing.ts';

const identity = testAuthority({ name: 'PDF signatures' }).issue();
const sign = (document: Buffer): Promise<Buffer> => signDocument(identity, document, { format: pades, packaging: 'embedded' });
const find = (bytes: Buffer): PdfSignature[] => findSignatures(new PdfDocument(bufferSource(bytes)));
const text = (bytes: Buffer): string => bytes.toString('latin1');

const document = makePdf();
const signed = await sign(document);
const [first] = find(signed);
assert.ok(first);
/** The gap of the signature: its /Contents with the angle brackets. */
const gap = { start: first.byteRange[0]?.length ?? 0, end: first.byteRange[1]?.offset ?? 0 };
const page = onePage[3] ?? '';

test('a signature of ours covers everything but its own /Contents', () => {
  assert.deepEqual(first.errors, []);
  assert.deepEqual([first.coversRevision, first.coversWholeFile, first.changes], [true, true, undefined]);
  assert.deepEqual([first.fieldName, first.kind, first.subFilter], ['Signature1', 'signature', 'ETSI.CAdES.detached']);
  assert.equal(text(signed)[gap.start], '<');
  assert.equal(text(signed)[gap.end - 1], '>');
  assert.equal(gap.end + (first.byteRange[1]?.length ?? 0), signed.length);
});

test('a second signature: the first covers its revision, and nothing else was changed', async () => {
  const [one, two] = find(await sign(signed));
  assert.ok(one && two);
  assert.deepEqual([one.coversRevision, one.coversWholeFile, one.revisionEnd], [true, false, signed.length]);
  assert.deepEqual([two.coversRevision, two.coversWholeFile], [true, true]);
  assert.deepEqual(one.changes, {
    signatureFields: [9, 10, 11],
    documentTimestamps: [],
    formFields: [],
    validationData: [],
    metadata: [],
    structure: [1, 3],
    visibleFields: [],
    signedFields: ['Signature2'],
    filledFields: [],
    other: [],
  });
});

/** A document with this signature dictionary in its only field. */
function forged(dictionary: string, xref: 'table' | 'stream' = 'table'): Buffer {
  const form = '<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R] >> >>';
  return makePdf({ ...onePage, 1: form, 6: '<< /T (S) /FT /Sig /V 7 0 R >>', 7: dictionary }, { xref });
}

const universal: readonly (readonly [string, string, RegExp])[] = [
  ['no /Contents', '/ByteRange [0 10 20 30]', /\/Contents .* missing/],
  ['/Contents null', '/Contents null /ByteRange [0 10 20 30]', /\/Contents .* missing/],
  ['/Contents empty', '/Contents <> /ByteRange [0 10 20 30]', /hexadecimal digits/],
  ['/Contents of zeros', '/Contents <0000> /ByteRange [0 10 20 30]', /other bytes|no CMS|leaves out/],
  ['/Contents a literal string', '/Contents (0) /ByteRange [0 10 20 30]', /hexadecimal string/],
  ['/Contents elsewhere', '/Contents 8 0 R /ByteRange [0 10 20 30]', /hexadecimal string/],
  ['white space in /Contents', '/Contents <30 00> /ByteRange [0 10 20 30]', /hexadecimal digits/],
  ['no /ByteRange', '/Contents <3000>', /\/ByteRange .* missing/],
  ['/ByteRange null', '/Contents <3000> /ByteRange null', /\/ByteRange .* missing/],
  ['/ByteRange empty', '/Contents <3000> /ByteRange []', /\/ByteRange .* missing/],
  ['/ByteRange of two numbers', '/Contents <3000> /ByteRange [0 10]', /four offsets/],
  ['/ByteRange with three ranges', '/Contents <3000> /ByteRange [0 10 20 30 60 10]', /four offsets/],
  ['/ByteRange with negative numbers', '/Contents <3000> /ByteRange [0 -1 -1 -1]', /four offsets/],
  ['/ByteRange with names', '/Contents <3000> /ByteRange [/a /b /c /d]', /four offsets/],
  ['/ByteRange not from the beginning', '/Contents <3000> /ByteRange [5 10 20 30]', /beginning/],
  ['/ByteRange that overlaps', '/Contents <3000> /ByteRange [0 500 20 30]', /overlaps/],
  ['/ByteRange beyond the end', '/Contents <3000> /ByteRange [0 10 20 99999999]', /beyond the end/],
  ['bytes behind the CMS', '/Contents <300011> /ByteRange [0 10 20 30]', /other bytes stand behind/],
];

for (const [what, entries, message] of universal)
  test(`universal forgery is refused: ${what}`, () => {
    const [found, ...others] = find(forged(`<< /Type /Sig /SubFilter /ETSI.CAdES.detached ${entries} >>`));
    assert.ok(found && others.length === 0);
    assert.match(found.errors.join('\n'), message);
    assert.deepEqual([found.byteRange, found.coversRevision, found.coversWholeFile], [[], false, false]);
  });

test('a value that is no dictionary is named, an empty field is no signature', () => {
  assert.match(find(forged('(signed by me)'))[0]?.errors.join() ?? '', /no dictionary/);
  assert.deepEqual(find(forged('null')), []);
  assert.deepEqual(find(document), []);
});

/** A revision that is nothing but a table. */
function appendTable(bytes: Buffer, rows: string, previous = startxref(bytes)): Buffer {
  const trailer = `trailer\n<< /Size 9 /Root 1 0 R /Prev ${previous} >>\nstartxref\n${bytes.length}\n%%EOF\n`;
  return Buffer.concat([bytes, Buffer.from(`xref\n${rows}${trailer}`, 'latin1')]);
}

test('signature wrapping is refused: signed bytes are moved, other objects stand in the gap, the digest still fits', () => {
  const xref = startxref(signed);
  const rest = text(signed).slice(gap.end);
  const contents = text(signed).slice(gap.start, gap.end);
  const row = (number: number, offset: number): string => `${number} 1\n${String(offset).padStart(10, '0')} 00000 n \n`;
  const old = (number: number): number => text(signed).indexOf(`\n${number} 0 obj`, document.length - 1) + 1;
  const unchanged = [1, 3, 6].map((number) => row(number, old(number))).join('');
  // The table of the attacker stands where the signed startxref points.
  const table = (evil: number, signature: number): string =>
    `xref\n${unchanged}${row(4, evil)}${row(7, signature)}trailer\n<< /Size 9 /Root 1 0 R /Prev ${startxref(document)} >>\n`;
  const before = ' >>\nendobj\n%'.padEnd(xref - gap.end - 1, 'x') + '\n';
  const evil = `4 0 obj\n${stream('BT /F1 14 Tf 72 760 Td (Rechnung 9999) Tj ET')}\nendobj\n`;
  const evilAt = xref + table(0, 0).length;
  const dictionary = (moved: number): string =>
    `7 0 obj\n<< /Type /Sig /SubFilter /ETSI.CAdES.detached /ByteRange [0 ${gap.start} ${String(moved).padEnd(10)} ${rest.length}] /Contents ${contents} >>\nendobj\n`;
  const length = before.length + table(0, 0).length + evil.length + dictionary(0).length;
  const moved = gap.end + length;
  const inserted = before + table(evilAt, evilAt + evil.length) + evil + dictionary(moved);
  const wrapped = Buffer.from(text(signed).slice(0, gap.end) + inserted + rest, 'latin1');
  const ranges = (bytes: Buffer, start: number): Buffer => Buffer.concat([bytes.subarray(0, gap.start), bytes.subarray(start)]);
  assert.deepEqual(ranges(wrapped, moved), ranges(signed, gap.end), 'the attack is a good one');
  const [found] = find(wrapped);
  assert.ok(found);
  assert.match(found.errors.join('\n'), /leaves out something else/);
  assert.deepEqual([found.byteRange, found.coversRevision], [[], false]);
});

const incremental: readonly (readonly [string, Buffer, RegExp])[] = [
  ['other contents of the page', appendObjects(signed, { 4: stream('BT ET') }), /object 4: a stream was changed/],
  [
    'a page that shows another stream',
    appendObjects(signed, { 3: changed(page.replace('4 0 R', '9 0 R')), 9: stream('BT ET') }),
    /\/Contents/,
  ],
  [
    'an annotation',
    appendObjects(signed, { 3: changed(page.replace('/Contents', '/Annots [6 0 R 9 0 R] /Contents')), 9: note() }),
    /\/Annots/,
  ],
  ['another page', appendObjects(signed, { 2: '<< /Type /Pages /Kids [9 0 R 3 0 R] /Count 2 >>', 9: page }), /\/Kids, \/Count/],
  [
    'an action of the catalog',
    appendObjects(signed, { 1: changed(catalog(signed), '/OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >>') }),
    /\/OpenAction/,
  ],
  [
    'a field that is no signature',
    appendObjects(signed, { 1: catalog(signed).replace('[6 0 R]', '[6 0 R 9 0 R]'), 9: '<< /T (a) /FT /Tx >>' }),
    /lists other fields/,
  ],
  [
    'another value of the signature field',
    appendObjects(signed, { 6: '<< /T (Signature1) /FT /Sig /V 9 0 R >>', 9: '<< /Type /Sig >>' }),
    /./,
  ],
  [
    'a new object that nothing uses',
    appendObjects(signed, { 9: '<< /Type /Nothing >>' }),
    /object 9: an object of type \/Nothing was added/,
  ],
  ['a trailer with another catalog', appendObjects(signed, { 9: catalog(signed) }, { trailer: '' }), /./],
];

function changed(body: string, entry = ''): string {
  return body.replace(/>>$/, `${entry} >>`);
}

function note(): string {
  return '<< /Type /Annot /Subtype /FreeText /Rect [0 0 595 842] /Contents (Rechnung 9999) >>';
}

function catalog(bytes: Buffer): string {
  return /1 0 obj\n(.*)\nendobj/.exec(text(bytes).slice(document.length))?.[1] ?? '';
}

for (const [what, bytes, message] of incremental)
  test(`incremental saving is noticed: ${what}`, () => {
    const found = find(bytes);
    const all = found.flatMap(({ errors, changes }) => [
      ...errors,
      ...(changes?.other ?? []).map((one) => `object ${one.object}: ${one.what}`),
    ]);
    assert.match(all.join('\n'), message);
    assert.ok(found.every(({ coversWholeFile }) => !coversWholeFile));
  });

test('an object that is removed, or written again as it was', () => {
  const free = appendTable(signed, '5 1\n0000000000 00001 f \n');
  assert.deepEqual(find(free)[0]?.changes?.other, [{ object: 5, what: 'an object of type /Font was removed' }]);
  const same = appendObjects(signed, { 5: onePage[5] ?? '' });
  assert.deepEqual([find(same)[0]?.changes?.structure, find(same)[0]?.changes?.other], [[5], []]);
});

test('appended bytes that are no revision are damage, or are named', () => {
  assert.throws(() => find(Buffer.concat([signed, Buffer.from('4 0 obj << >> endobj')])), { code: 'SEAL-DOC-DAMAGED' });
  const [found] = find(Buffer.concat([signed, Buffer.from('\n\n')]));
  assert.deepEqual(found?.changes?.other, [{ object: 0, what: 'bytes that belong to no revision follow the signed one' }]);
  assert.equal(found.coversWholeFile, false);
});

test('a revision that goes back behind a signature hides it, as cutting the file would; what remains says that bytes follow', async () => {
  assert.deepEqual(find(appendTable(signed, '', startxref(document))), []);
  const twice = await sign(signed);
  const [one] = find(appendTable(twice, '', startxref(signed)));
  assert.ok(one);
  assert.equal(one.coversWholeFile, false);
  assert.deepEqual(one.errors, []);
  assert.deepEqual(one.changes?.other, []);
  const replaced = Buffer.from(text(twice).replace(/startxref\n\d+(?=\n%%EOF\n$)/, `startxref\n${startxref(signed)}`), 'latin1');
  const [other] = find(replaced);
  assert.match(JSON.stringify(other?.changes?.other), /no revision/);
});

test('two fields that share a signature are refused', () => {
  const doubled = appendObjects(signed, { 1: catalog(signed).replace('[6 0 R]', '[6 0 R 9 0 R]'), 9: '<< /T (B) /FT /Sig /V 7 0 R >>' });
  const found = find(doubled);
  assert.equal(found.length, 2);
  assert.ok(
    found.every(({ errors }) => errors.length > 0),
    JSON.stringify(found.map(({ errors }) => errors)),
  );
});

test('later signatures that show something are named', () => {
  const widget = '<< /Type /Annot /Subtype /Widget /T (B) /FT /Sig /V 11 0 R /Rect [50 700 400 800] /AP << /N 10 0 R >> >>';
  const bytes = appendObjects(signed, {
    1: catalog(signed).replace('[6 0 R]', '[6 0 R 9 0 R]'),
    3: page.replace('/Contents', '/Annots [6 0 R 9 0 R] /Contents'),
    9: widget,
    10: stream('BT /F1 14 Tf (Rechnung 9999) Tj ET', '/Type /XObject /Subtype /Form /BBox [0 0 350 100]'),
    11: '<< /Type /Sig /SubFilter /ETSI.CAdES.detached /ByteRange [0 1 2 3] /Contents <3000> >>',
  });
  const found = find(bytes).find(({ fieldName }) => fieldName === 'Signature1');
  assert.deepEqual(found?.changes?.visibleFields, ['B']);
  assert.deepEqual(found.changes.other, []);
});

test('validation data and document timestamps are what a signed document is for', () => {
  const bytes = appendObjects(signed, {
    1: changed(catalog(signed).replace('[6 0 R]', '[6 0 R 9 0 R]'), '/DSS << /Certs [11 0 R] /VRI << /AB 12 0 R >> >>'),
    3: page.replace('/Contents', '/Annots [6 0 R 9 0 R] /Contents'),
    9: '<< /T (B) /FT /Sig /V 10 0 R >>',
    10: '<< /Type /DocTimeStamp /SubFilter /ETSI.RFC3161 /ByteRange [0 1 2 3] /Contents <3000> >>',
    11: stream('certificate'),
    12: '<< /Cert [11 0 R] >>',
  });
  const [found, stamp] = find(bytes).sort((a, b) => b.revisionEnd - a.revisionEnd);
  assert.deepEqual(found?.changes, {
    signatureFields: [],
    documentTimestamps: [9, 10],
    formFields: [],
    validationData: [11, 12],
    metadata: [],
    structure: [1, 3],
    visibleFields: [],
    signedFields: [],
    filledFields: [],
    other: [],
  });
  assert.equal(stamp?.kind, 'document-timestamp');
});

test('validation data that replaces a signed object is a change', () => {
  const bytes = appendObjects(signed, { 1: changed(catalog(signed), '/DSS << /Certs [4 0 R] >>'), 4: stream('evil') });
  assert.deepEqual(
    find(bytes)[0]?.changes?.other.map(({ object }) => object),
    [4],
  );
});

test('a signature dictionary in an object stream is refused', () => {
  const dictionary = '<< /Type /Sig /Contents <3000> /ByteRange [0 1 2 3] >>';
  const packed = stream(`7 0 ${dictionary}`, '/Type /ObjStm /N 1 /First 4');
  const plain = forged('null', 'stream');
  const base = appendObjects(plain, { 20: packed }, { xref: 'stream' });
  const entries = `/Type /XRef /W [1 4 2] /Index [7 1] /Size 30 /Root 1 0 R /Prev ${startxref(base)}`;
  const rows = Buffer.from('02000000140000', 'hex').toString('latin1');
  const more = `29 0 obj\n${stream(rows, entries)}\nendobj\nstartxref\n${base.length}\n%%EOF\n`;
  const [found] = find(Buffer.concat([base, Buffer.from(more, 'latin1')]));
  assert.match(found?.errors.join('\n') ?? '', /in an object stream/);
});
