import { appendObjects, makePdf, stream, type PdfObjects } from '../../support/pdfs.ts';
import { testAuthority } from '../../support/authority.ts';
import { bodyOf, signPdf, withItem } from './forge-pdf.ts';
import { trustIn } from './attack.ts';

export const authority = testAuthority({ name: 'Attacks PDF' });
export const signer = authority.issue({ subject: 'PDF signer' });
export const trust = trustIn(authority);

export const document = makePdf();
export const signed = await signPdf(signer, document);
export const otherText = stream('BT /F1 14 Tf 72 760 Td (Rechnung 9999) Tj ET');
export const note = '<< /Type /Annot /Subtype /FreeText /Rect [0 0 595 842] /DA (/F1 20 Tf) /Contents (Rechnung 9999) >>';
export const form = (data: string): string => stream(data, '/Type /XObject /Subtype /Form /BBox [0 0 595 842]');

/** Signed as the product does it, then updated. @param update gets bodies of the signed document's objects */
export async function updated(
  objects: PdfObjects,
  update: (body: (number: number) => string) => PdfObjects,
  trailer = '',
): Promise<Buffer> {
  const before = await signPdf(signer, makePdf(objects));
  return appendObjects(
    before,
    update((number) => bodyOf(before, number)),
    { trailer },
  );
}

/** An update of the usual document. */
export const update = (objects: PdfObjects, trailer = ''): Buffer => appendObjects(signed, objects, { trailer });
export const body = (number: number): string => bodyOf(signed, number);
/** Catalog and page with one more signature field, number 20. */
export const withField = (page = true): PdfObjects => ({
  1: withItem(body(1), 'Fields', '20 0 R'),
  ...(page ? { 3: withItem(body(3), 'Annots', '20 0 R') } : {}),
});
export const field = (entries: string): string => `<< /Type /Annot /Subtype /Widget /FT /Sig /T (Later) /P 3 0 R ${entries} >>`;

export const changed = 'INDETERMINATE SIG_CONSTRAINTS_FAILURE';
export const failed = 'TOTAL-FAILED FORMAT_FAILURE';
