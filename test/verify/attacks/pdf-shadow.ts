import { appendObjects, makePdf, onePage, startxref, type PdfObjects } from '../../support/pdfs.ts';
import { changed, field, form, note, otherText, signer, trust, updated } from './pdf-world.ts';
import { collector, type Attack } from './attack.ts';
import { detachedCms } from './forge-cms.ts';
import { signInto, signPdf, text, withEntry, withItem } from './forge-pdf.ts';

/** Documents that were prepared before they were signed, so that a later update shows something else. */
export async function shadowAttacks(): Promise<readonly Attack[]> {
  const { attacks, add } = collector('pdf', trust);
  const page = onePage[3] ?? '';
  const later = (root: string, more: PdfObjects): PdfObjects => ({
    1: withItem(root, 'Fields', '40 0 R'),
    40: '<< /FT /Sig /T (Later) /X 41 0 R >>',
    ...more,
  });
  add(
    'contents in an array of their own, an item added',
    changed,
    await updated({ ...onePage, 3: page.replace('4 0 R', '10 0 R'), 10: '[4 0 R]' }, (body) =>
      later(body(1), { 10: '[4 0 R 41 0 R]', 41: otherText }),
    ),
  );
  add(
    'pages in an array of their own, an item added',
    changed,
    await updated({ ...onePage, 2: '<< /Type /Pages /Kids 10 0 R /Count 1 >>', 10: '[3 0 R]' }, (body) =>
      later(body(1), { 10: '[41 0 R 3 0 R]', 41: page }),
    ),
  );
  add(
    'contents name an object that does not exist yet',
    changed,
    await updated({ ...onePage, 3: page.replace('4 0 R', '[4 0 R 41 0 R]') }, (body) => later(body(1), { 41: otherText })),
  );
  add(
    'an annotation that does not exist yet',
    changed,
    await updated({ ...onePage, 3: page.replace('/Contents', '/Annots [41 0 R] /Contents') }, (body) => later(body(1), { 41: note })),
  );
  add(
    '/DSS and the page share an object',
    changed,
    await updated({ ...onePage, 1: '<< /Type /Catalog /Pages 2 0 R /DSS << /Certs [4 0 R] >> >>' }, () => ({ 4: otherText })),
  );
  add('/Info and the page share an object', changed, await updatedWithInfo());
  add(
    '/Metadata and the page share an object',
    changed,
    await updated({ ...onePage, 1: '<< /Type /Catalog /Pages 2 0 R /Metadata 4 0 R >>' }, () => ({ 4: otherText })),
  );
  add(
    '/Annots and /Contents share an array',
    changed,
    await updated({ ...onePage, 3: page.replace('/Contents 4 0 R', '/Contents 10 0 R /Annots 10 0 R'), 10: '[4 0 R]' }, (body) => ({
      1: withItem(body(1), 'Fields', '40 0 R'),
      10: body(10).replace(/\]$/, ' 40 0 R ]'),
      40: field('/Rect [0 0 0 0] ').replace('/P 3 0 R', ''),
    })),
  );
  add(
    '/Certs and /Contents share an array',
    changed,
    await updated(
      { ...onePage, 1: '<< /Type /Catalog /Pages 2 0 R /DSS << /Certs 10 0 R >> >>', 3: page.replace('4 0 R', '10 0 R'), 10: '[4 0 R]' },
      () => ({ 10: '[4 0 R 41 0 R]', 41: otherText }),
    ),
  );
  add('a stream that runs on behind the signed bytes', changed, await running());
  add(
    'an empty field over the whole page is filled in',
    'TOTAL-PASSED',
    await updated(
      {
        ...onePage,
        1: '<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [10 0 R] >> >>',
        3: page.replace('/Contents', '/Annots [10 0 R] /Contents'),
        10: '<< /Type /Annot /Subtype /Widget /FT /Tx /T (t) /Rect [0 0 595 842] >>',
      },
      (body) => ({ 10: withEntry(body(10), '/V (x) /AP << /N 41 0 R >>'), 41: form('1 g 0 0 595 842 re f') }),
    ),
    { note: 'whoever signs a form leaves its empty fields to be filled in; the report names the field (warning)' },
  );
  return attacks;
}

async function updatedWithInfo(): Promise<Buffer> {
  const before = await signPdf(signer, makePdf(onePage, { trailer: '/Info 4 0 R' }));
  return appendObjects(before, { 4: otherText }, { trailer: '/Info 4 0 R' });
}

/** The contents stand last in the signed file, and their /Length reaches beyond it. */
async function running(): Promise<Buffer> {
  const tail = 'BT /F1 14 Tf 72 700 Td (Rechnung 9999) Tj ET\nendstream\nendobj\n';
  const build = (dictionary: string, length: number): Buffer => {
    const objects: PdfObjects = {
      ...onePage,
      1: '<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R] /SigFlags 3 >> >>',
      6: '<< /FT /Sig /T (S) /V 7 0 R >>',
      7: dictionary,
    };
    const plain = text(makePdf(objects));
    const open = `<< /Length ${String(length).padStart(6, '0')} >>\nstream\nBT /F1 14 Tf 72 760 Td (Rechnung 4711) Tj ET\n%`;
    const at = plain.lastIndexOf('startxref');
    const head = plain.slice(0, at).replace(/(4 1\n)\d{10}/, (_, row: string) => row + String(at).padStart(10, '0'));
    const stated = /startxref\n(\d+)/.exec(plain)?.[1] ?? '';
    return Buffer.from(`${head}4 0 obj\n${open}\nstartxref\n${stated}\n%%EOF\n`, 'latin1');
  };
  const probe = build('', 0);
  const from = text(probe).lastIndexOf('stream\nBT') + 7;
  const entries = '/Type /Sig /Filter /Adobe.PPKLite /SubFilter /ETSI.CAdES.detached';
  const made = await signInto(
    (dictionary) => build(dictionary, probe.length - from + tail.length - 'endstream\nendobj\n'.length),
    entries,
    (content) => detachedCms({ signer, content }, signer.chain),
  );
  const appended = `${tail}xref\n0 0\ntrailer\n<< /Size 9 /Root 1 0 R /Prev ${startxref(made)} >>\n`;
  const table = made.length + tail.length;
  return Buffer.concat([made, Buffer.from(`${appended}startxref\n${table}\n%%EOF\n`, 'latin1')]);
}
