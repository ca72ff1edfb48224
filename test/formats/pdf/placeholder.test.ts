import { test } from 'node:test';
import assert from 'node:assert/strict';
import { bufferSource } from '../../../src/formats/memory-source.ts';
import { PdfDocument } from '../../../src/formats/pdf/document.ts';
import { readFields } from '../../../src/formats/pdf/fields.ts';
import { placeSignature, type Claims } from '../../../src/formats/pdf/placeholder.ts';
import { findSignatures } from '../../../src/formats/pdf/signatures.ts';
import { makePdf, onePage, startxref, type PdfObjects, type PdfOptions } from '../../support/pdfs.ts';
import { qpdf, qpdfObjects, qpdfVariants } from '../../support/qpdf.ts';
import { needs } from '../../support/tools.ts';

const claims: Claims = { signingTime: Date.UTC(2026, 10, 22, 6, 0, 1), reason: 'Freigabe (geprüft)', location: 'Köln', contact: '' };
const cms = Buffer.from('3003020101', 'hex');

/** The document with a signature that is none: everything around the CMS is what is looked at here. */
function placed(document: Buffer, password = '', said = claims): Buffer {
  const { before, after } = placeSignature(new PdfDocument(bufferSource(document), Buffer.from(password)), said, 20);
  return Buffer.concat([document, before, Buffer.from(`<${cms.toString('hex').padEnd(40, '0')}>`), after]);
}

function tail(document: Buffer): string {
  return placed(document).toString('latin1', document.length);
}

const widget = String.raw`<< /Type /Annot /Subtype /Widget /FT /Sig /T \(Signature1\) /V 7 0 R /Rect \[0 0 0 0\] /F 132 /P 3 0 R /AP << /N 8 0 R >> >>`;
const note = '<< /Type /Annot /Subtype /Text /Rect [0 0 9 9] >>';
const page = onePage[3] ?? '';
const withForm = (form: string): string => `<< /Type /Catalog /Pages 2 0 R /AcroForm ${form} >>`;

test('a new field, its widget, form and page: everything else keeps its bytes', () => {
  const document = makePdf();
  const text = tail(document);
  assert.match(text, new RegExp(`6 0 obj\n${widget}\nendobj`));
  assert.match(text, /1 0 obj\n<< \/Type \/Catalog \/Pages 2 0 R {2}\/AcroForm << \/Fields \[6 0 R\] \/SigFlags 3 >> >>\nendobj/);
  assert.match(text, /3 0 obj\n<< \/Type \/Page .* \/Contents 4 0 R {2}\/Annots \[6 0 R\] >>\nendobj/);
  assert.match(text, /\/SubFilter \/ETSI\.CAdES\.detached \/ByteRange \[0 \d+ +\d+ +\d+ *\] \/Contents <3003020101/);
  assert.match(text, /\/M \(D:20261122060001Z\) \/Reason <feff[0-9a-f]+> \/Location <feff[0-9a-f]+> >>/);
  assert.match(text, new RegExp(`/Prev ${startxref(document)} `));
  assert.match(text, /\/ID \[<00112233445566778899aabbccddeeff> <[0-9a-f]{32}>\]/);
});

const shapes: readonly (readonly [string, Record<number, string>, readonly number[]])[] = [
  ['annotations: a direct array', { 3: page.replace('/Contents', '/Annots [6 0 R] /Contents'), 6: note }, [1, 3]],
  ['annotations: an array of their own', { 3: page.replace('/Contents', '/Annots 6 0 R /Contents'), 6: `[7 0 R]`, 7: note }, [1, 6]],
  ['annotations: null', { 3: page.replace('/Contents', '/Annots null /Contents') }, [1, 3]],
  ['form: in the catalog', { 1: withForm('<< /Fields [6 0 R] >>'), 6: '<< /T (a) /FT /Tx >>' }, [1, 3]],
  ['form: an object of its own', { 1: withForm('6 0 R'), 6: '<< /Fields [] /DA (/Helv 0 Tf) >>' }, [3, 6]],
  ['form: fields in an array of their own, flags set', { 1: withForm('6 0 R'), 6: '<< /Fields 7 0 R /SigFlags 3 >>', 7: '[]' }, [3, 7]],
  [
    'form: fields in an array of their own, flags missing',
    { 1: withForm('6 0 R'), 6: '<< /Fields 7 0 R /SigFlags 1 >>', 7: '[]' },
    [3, 6, 7],
  ],
  ['form: without fields', { 1: withForm('<< >>') }, [1, 3]],
  ['form: null', { 1: withForm('null') }, [1, 3]],
  ['first page behind an empty branch', { 2: '<< /Type /Pages /Kids [6 0 R 3 0 R] >>', 6: '<< /Type /Pages /Kids [] >>' }, [1, 3]],
];

for (const xref of ['table', 'stream'] as const)
  for (const [what, objects, changed] of shapes)
    test(`${xref}, ${what}`, needs('qpdf'), () => {
      const document = makePdf({ ...onePage, ...objects }, { xref });
      const signed = placed(document);
      const [was, is] = [qpdfObjects(document), qpdfObjects(signed)];
      const differing = Object.keys(was).filter((key) => key !== 'trailer' && JSON.stringify(was[key]) !== JSON.stringify(is[key]));
      assert.deepEqual(
        differing,
        changed.map((number) => `obj:${number} 0 R`),
      );
      const [found] = findSignatures(new PdfDocument(bufferSource(signed)));
      assert.ok(found);
      assert.deepEqual([found.errors, found.coversWholeFile, found.contents.equals(cms)], [[], true, true]);
      assert.deepEqual(
        [found.reason, found.location, found.contact, found.signingTime],
        ['Freigabe (geprüft)', 'Köln', undefined, claims.signingTime],
      );
      const again = findSignatures(new PdfDocument(bufferSource(placed(signed))));
      assert.deepEqual(
        again.map(({ fieldName, errors, changes }) => [fieldName, errors, changes?.other ?? []]),
        [
          ['Signature1', [], []],
          ['Signature2', [], []],
        ],
      );
    });

test('the same input gives the same bytes, another time another identifier', () => {
  for (const document of [makePdf(), makePdf(onePage, { xref: 'stream' })]) {
    assert.deepEqual(placed(document), placed(document));
    const other = placed(document, '', { ...claims, signingTime: claims.signingTime + 1000 });
    const id = (bytes: Buffer): string | undefined => /.*\/ID \[<\w+> <(\w+)>/s.exec(bytes.toString('latin1'))?.[1];
    assert.notEqual(id(other), id(placed(document)));
  }
});

test('what a caller says cannot pose as another entry', () => {
  const document = makePdf();
  const evil = placed(document, '', { ...claims, reason: ') /Contents <00> /ByteRange [0 1 2 3] (', location: '\\' });
  const [found] = findSignatures(new PdfDocument(bufferSource(evil)));
  assert.deepEqual([found?.errors, found?.reason, found?.location], [[], ') /Contents <00> /ByteRange [0 1 2 3] (', '\\']);
});

test('the name is free: others of the form and names in locks are passed over', () => {
  const document = makePdf({
    ...onePage,
    1: withForm('<< /Fields [6 0 R 7 0 R] >>'),
    6: '<< /T (Signature1) /FT /Tx >>',
    7: `<< /T (x) /FT /Sig /V << /Type /Sig /Reference [<< /TransformMethod /FieldMDP /TransformParams
      << /Action /Include /Fields [(Signature2)] >> >>] >> >>`,
  });
  const names = readFields(new PdfDocument(bufferSource(placed(document)))).map(({ name }) => name);
  assert.deepEqual(names, ['Signature1', 'x', 'Signature3']);
});

const reference = (method: string, parameters: string): string =>
  `<< /T (x) /FT /Sig /V << /Type /Sig /Reference [<< /TransformMethod /${method} /TransformParams << ${parameters} >> >>] >> >>`;
const forbidding: readonly (readonly [string, string, string])[] = [
  ['DocMDP 1', reference('DocMDP', '/P 1'), ''],
  [
    'DocMDP 1 named by the catalog',
    reference('DocMDP', '/P 2'),
    '/Perms << /DocMDP << /Reference [<< /TransformMethod /DocMDP /TransformParams << /P 1 >> >>] >> >>',
  ],
  ['FieldMDP, all fields', reference('FieldMDP', '/Action /All'), ''],
  ['FieldMDP, all but some', reference('FieldMDP', '/Action /Exclude /Fields [(a)]'), ''],
  ['FieldMDP of an unknown kind', reference('FieldMDP', '/Action /Other'), ''],
  ['a lock of all fields', '<< /T (x) /FT /Sig /V << /Type /Sig >> /Lock << /Action /All >> >>', ''],
  ['a lock with P 1', '<< /T (x) /FT /Sig /V << /Type /Sig >> /Lock << /Action /Include /Fields [(a)] /P 1 >> >>', ''],
];

for (const [what, field, catalog] of forbidding)
  test(`refused before a key is used: ${what}`, () => {
    const document = makePdf({ ...onePage, 1: withForm('<< /Fields [6 0 R] >>').replace(' >>', ` >> ${catalog}`), 6: field });
    assert.throws(() => placed(document), { code: 'SEAL-DOC-FORBIDS', hint: /./ });
  });

test('DocMDP 2 and 3 and a lock of an empty field allow a signature', () => {
  for (const field of [
    reference('DocMDP', '/P 2'),
    reference('DocMDP', '/P 3'),
    reference('DocMDP', ''),
    '<< /T (x) /FT /Sig /Lock << /Action /All >> >>',
  ])
    assert.ok(placed(makePdf({ ...onePage, 1: withForm('<< /Fields [6 0 R] >>'), 6: field })));
});

test('a tagged page gets its tab order with the first annotation, a signed one is left alone', () => {
  const tagged: [PdfObjects, PdfOptions] = [{ ...onePage, 1: '<< /Type /Catalog /Pages 2 0 R /MarkInfo << /Marked true >> >>' }, {}];
  const document = makePdf(...tagged);
  const signed = placed(document);
  assert.match(signed.toString('latin1', document.length), /\/Tabs \/S/);
  assert.equal(
    placed(signed)
      .toString('latin1', signed.length)
      .match(/\/Tabs \/S/g)?.length,
    1,
  );
});

for (const [name, options] of Object.entries(qpdfVariants))
  test(`${name}: qpdf sees what was there before, and the new field`, needs('qpdf'), () => {
    const info = { 6: '<< /Title (Angebot \\(neu\\)) >>', 7: '<< /Type /OutputIntent /Info (Köln) >>' };
    const dated = page.replace('/Contents', '/LastModified (D:20260101) /Contents');
    const catalog = '<< /Type /Catalog /Pages 2 0 R /Lang (de-DE) /OutputIntents [7 0 R] >>';
    const document = qpdf(makePdf({ ...onePage, 1: catalog, 3: dated, ...info }, { trailer: '/Info 6 0 R' }), options);
    const password = name.endsWith('user') ? 'user' : '';
    // A string in an object that the signature rewrites: in an object stream it was not encrypted by itself.
    const signed = placed(document, password);
    const is = qpdfObjects(signed, password);
    assert.match(JSON.stringify(Object.values(is).find((object) => JSON.stringify(object).includes('/Catalog'))), /u:de-DE/);
    assert.match(JSON.stringify(is), /u:Signature1/);
    assert.match(JSON.stringify(is), /u:Freigabe \(geprüft\)/);
    assert.match(JSON.stringify(is), /u:Angebot \(neu\)/);
    assert.match(JSON.stringify(Object.values(is).find((object) => JSON.stringify(object).includes('"/Page"'))), /u:D:20260101/);
  });
