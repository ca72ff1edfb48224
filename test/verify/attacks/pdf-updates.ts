import { testAuthority } from '../../support/authority.ts';
import { appendObjects, onePage, startxref } from '../../support/pdfs.ts';
import { body, changed, document, field, form, note, otherText, signed, signer, trust, update, withField, failed } from './pdf-world.ts';
import { collector, type Attack } from './attack.ts';
import { signPdf, text, withEntry, withItem } from './forge-pdf.ts';

/** Updates that show something else. */
export async function updateAttacks(): Promise<readonly Attack[]> {
  const { attacks, add } = collector('pdf', trust);
  add('sound: a second signature', 'TOTAL-PASSED', await signPdf(signer, signed), {
    note: 'pdfsig (NSS) has an unknown issue with the second of two signatures',
  });
  add('sound: an object written again as it was', 'TOTAL-PASSED', update({ 5: onePage[5] ?? '' }));
  add('sound: /Info added', 'TOTAL-PASSED', update({ 30: '<< /Title (Invoice) >>' }, '/Info 30 0 R'));
  add('contents of the page replaced', changed, update({ 4: otherText }));
  add('the page shows another stream', changed, update({ 3: body(3).replace('/Contents 4 0 R', '/Contents 30 0 R'), 30: otherText }));
  add('font replaced', changed, update({ 5: '<< /Type /Font /Subtype /Type1 /BaseFont /Symbol >>' }));
  add('page turned', changed, update({ 3: withEntry(body(3), '/Rotate 180') }));
  add(
    'page added',
    changed,
    update({ 2: '<< /Type /Pages /Kids [30 0 R 3 0 R] /Count 2 >>', 30: (onePage[3] ?? '').replace('4 0 R', '31 0 R'), 31: otherText }),
  );
  add('page removed', changed, update({ 2: '<< /Type /Pages /Kids [] /Count 0 >>' }));
  add('annotation added', changed, update({ 3: withItem(body(3), 'Annots', '30 0 R'), 30: note }));
  add(
    'script that runs when the document opens',
    changed,
    update({ 1: withEntry(body(1), '/OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >>') }),
  );
  add('another catalog', changed, rooted());
  add('/Info names the contents of the page', changed, update({ 4: otherText }, '/Info 4 0 R'));
  add('/Metadata names the contents of the page', changed, update({ 1: withEntry(body(1), '/Metadata 4 0 R'), 4: otherText }));
  add(
    '/AcroForm names the page',
    changed,
    update({ 1: body(1).replace(/\/AcroForm <<.*?>>/, '/AcroForm 3 0 R'), 3: '<< /Fields [6 0 R] /SigFlags 3 >>' }),
  );
  add(
    '/Fields names the contents of the page',
    changed,
    update({ 1: body(1).replace(/\/Fields \[[^\]]*\]/, '/Fields 4 0 R'), 4: '[6 0 R]' }),
  );
  add('/DSS names the contents of the page', changed, update({ 1: withEntry(body(1), '/DSS << /Certs [4 0 R] >>'), 4: otherText }));
  add('/Extensions names the contents of the page', changed, update({ 1: withEntry(body(1), '/Extensions 4 0 R'), 4: otherText }));
  add(
    'note that hangs on a new empty signature field',
    changed,
    update({ ...withField(false), 3: withItem(body(3), 'Annots', '30 0 R'), 20: field('/Rect [0 0 0 0] /X 30 0 R'), 30: note }),
  );
  add(
    'text field that hangs on a new empty signature field',
    changed,
    update({
      1: withItem(body(1), 'Fields', '20 0 R 30 0 R'),
      3: withItem(body(3), 'Annots', '20 0 R 30 0 R'),
      20: field('/Rect [0 0 0 0] /X 30 0 R'),
      30: '<< /Type /Annot /Subtype /Widget /FT /Tx /T (t) /V (Rechnung 9999) /Rect [0 0 595 842] /AP << /N 31 0 R >> >>',
      31: form('BT ET'),
    }),
  );
  add(
    'visible field without a signature covers the page',
    changed,
    update({ ...withField(), 20: field('/Rect [0 0 595 842] /AP << /N 30 0 R >>'), 30: form('1 g 0 0 595 842 re f') }),
  );
  add(
    'the same as a widget of its own',
    changed,
    update({
      1: withItem(body(1), 'Fields', '20 0 R'),
      3: withItem(body(3), 'Annots', '31 0 R'),
      20: '<< /FT /Sig /T (Later) /Kids [31 0 R] >>',
      30: form('1 g 0 0 595 842 re f'),
      31: '<< /Type /Annot /Subtype /Widget /Parent 20 0 R /Rect [0 0 595 842] /AP << /N 30 0 R >> >>',
    }),
  );
  add(
    'script in a new signature field',
    changed,
    update({ ...withField(), 20: field('/Rect [0 0 0 0] /AA << /PO << /S /JavaScript /JS (app.alert\\(1\\)) >> >>') }),
  );
  add('appearance of the signature itself replaced', changed, update({ 8: form('1 g 0 0 595 842 re f') }));
  add('object removed', changed, withTable('5 1\n0000000000 00001 f \n'));
  add('other generation of the contents', changed, withTable(`4 1\n${String(signed.length).padStart(10, '0')} 00001 n \n`));
  add(
    'cross-reference moved into the signed bytes',
    changed,
    withTable(`4 1\n${String(text(signed).indexOf('5 0 obj')).padStart(10, '0')} 00000 n \n`),
  );
  add('earlier revisions cut out by /Prev', 'INDETERMINATE SIGNED_DATA_NOT_FOUND', withTable('', startxref(document)));
  add('encryption added', failed, update({}, '/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <00> /U <00> >>'));
  const object = `4 0 obj\n${otherText}\nendobj\n`;
  const appended = (tail: string): Buffer => Buffer.concat([signed, Buffer.from(tail, 'latin1')]);
  const trailer = `trailer\n<< /Size 40 /Root 1 0 R /Prev ${startxref(signed)} >>\n`;
  add('objects without table and trailer', failed, appended(object));
  add('objects and trailer without a table', changed, appended(`${object}${trailer}startxref\n${startxref(signed)}\n%%EOF\n`));
  add('objects, startxref and no end', failed, appended(`${object}startxref\n${startxref(signed)}\n`));
  add('objects and an end, startxref names nothing', failed, appended(`${object}${trailer}startxref\n0\n%%EOF\n`));
  add('contents replaced by way of a cross-reference stream', changed, appendObjects(signed, { 4: otherText }, { xref: 'stream' }));
  add('contents replaced, no line end behind the end', changed, appendObjects(signed, { 4: otherText }, { end: '' }));
  add('contents replaced, table in /XRefStm (hybrid)', failed, hybrid());
  add('contents and the signature written again', failed, update({ 4: otherText, 7: body(7) }));
  add('the signature moved to another object', failed, update({ 6: body(6).replace('/V 7 0 R', '/V 30 0 R'), 30: body(7), 4: otherText }));
  add(
    'contents replaced and signed by a stranger',
    changed,
    await signPdf(stranger.issue({ subject: 'Stranger' }), update({ 4: otherText })),
  );
  add('contents replaced and signed by the same signer', changed, await signPdf(signer, update({ 4: otherText })));
  add('white space behind the signature', changed, Buffer.concat([signed, Buffer.from('\n\n')]));
  return attacks;
}

function rooted(): Buffer {
  const objects = {
    30: body(1).replace('/Pages 2 0 R', '/Pages 31 0 R'),
    31: '<< /Type /Pages /Kids [32 0 R] /Count 1 >>',
    32: (onePage[3] ?? '').replace('4 0 R', '33 0 R'),
    33: otherText,
  };
  return Buffer.from(text(update(objects)).replace(/\/Root 1 0 R(?=[^]*$)(?![^]*\/Root)/, '/Root 30 0 R'), 'latin1');
}

const stranger = testAuthority({ name: 'Stranger' });

/** What old readers see is the signed document; the table that new ones read names other contents. */
function hybrid(): Buffer {
  const streamed = appendObjects(signed, { 4: otherText }, { xref: 'stream' });
  const at = streamed.length;
  const table = `xref\n0 0\ntrailer\n<< /Size 40 /Root 1 0 R /Prev ${startxref(signed)} /XRefStm ${startxref(streamed)} >>\n`;
  return Buffer.concat([streamed, Buffer.from(`${table}startxref\n${at}\n%%EOF\n`, 'latin1')]);
}

/** A revision that is nothing but a table. */
function withTable(rows: string, previous = startxref(signed)): Buffer {
  const tail = `xref\n${rows === '' ? '0 0\n' : rows}trailer\n<< /Size 40 /Root 1 0 R /Prev ${previous} >>\nstartxref\n${signed.length}\n%%EOF\n`;
  return Buffer.concat([signed, Buffer.from(tail, 'latin1')]);
}
