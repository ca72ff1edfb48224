import { appendObjects, type PdfObjects } from '../../support/pdfs.ts';
import { testAuthority, type TestIdentity } from '../../support/authority.ts';
import { collector, type Attack } from './attack.ts';
import { bodyOf, signInto, withEntry, withItem } from './forge-pdf.ts';
import { bareCms, docMdp, made, usual } from './pdf-certified.ts';
import { authority, changed, field, form, trust } from './pdf-world.ts';

/**
 * Evil annotation (EAA) and sneaky signature (SSA): a certified document may be annotated or signed once more, and the annotation or the
 * signature field covers what was certified.
 */
export async function certificationAttacks(): Promise<readonly Attack[]> {
  const { attacks, add } = collector('pdf', trust);
  const certified = { 2: await made(docMdp(2)), 3: await made(docMdp(3)) };
  const white = form('1 g 0 0 595 842 re f');
  for (const level of [2, 3] as const)
    for (const [subtype, entries] of Object.entries(annotations)) {
      const body = `<< /Type /Annot /Subtype /${subtype} /Rect [0 0 595 842] /AP << /N 31 0 R >> ${entries} >>`;
      add(
        `certified P ${level}, ${subtype} over the page`,
        changed,
        appendObjects(certified[level], { ...annots(certified[level], '30 0 R'), 30: body, 31: white }),
      );
    }
  const others = { 'the same authority': authority, 'a stranger': testAuthority({ name: 'Sneaky' }) };
  for (const level of [2, 3] as const)
    for (const [by, other] of Object.entries(others))
      add(
        `certified P ${level}, signed visibly over the page by ${by}`,
        changed,
        await signVisibly(certified[level], other.issue({ subject: 'Sneaky' }), white),
      );
  const own = (before: Buffer, widget: string): Buffer => appendObjects(before, { 6: widget, 30: white });
  for (const level of [2, 3] as const) {
    const widget = bodyOf(certified[level], 6);
    add(
      `certified P ${level}, its own field shown over the page`,
      changed,
      own(certified[level], withEntry(widget.replace('[0 0 0 0]', '[0 0 595 842]'), '/AP << /N 30 0 R >>')),
    );
    add(
      `certified P ${level}, its own field gets a script`,
      changed,
      own(certified[level], withEntry(widget, '/AA << /PO << /S /JavaScript /JS (x) >> >>')),
    );
  }
  return attacks;
}

const annotations: Readonly<Record<string, string>> = {
  FreeText: '/DA (/F1 20 Tf) /Contents (Rechnung 9999)',
  Stamp: '/Name /Approved',
  Ink: '/InkList [[0 0 595 842]]',
  Square: '/IC [1 1 1]',
  Redact: '/QuadPoints [0 0 595 0 0 842 595 842]',
  Highlight: '/QuadPoints [0 0 595 0 0 842 595 842] /C [1 1 1]',
  Text: '/Contents (Rechnung 9999)',
  Link: '/A << /S /URI /URI (http://evil.example/) >>',
  Widget: '/FT /Btn /T (Button) /MK << /BG [1 1 1] >>',
  FileAttachment: '/FS << /Type /Filespec /F (a.pdf) >>',
};

function annots(before: Buffer, item: string): PdfObjects {
  return { 3: withItem(bodyOf(before, 3), 'Annots', item) };
}

/** A second signature, rightly made, in a field that shows something. */
function signVisibly(before: Buffer, signer: TestIdentity, appearance: string): Promise<Buffer> {
  return signInto(
    (dictionary) =>
      appendObjects(before, {
        ...annots(before, '30 0 R'),
        1: withItem(bodyOf(before, 1), 'Fields', '30 0 R'),
        30: field('/Rect [0 0 595 842] /V 31 0 R /AP << /N 32 0 R >>'),
        31: dictionary,
        32: appearance,
      }),
    usual,
    bareCms(signer),
  );
}
