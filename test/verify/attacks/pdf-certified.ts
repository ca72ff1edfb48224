import type { TestIdentity } from '../../support/authority.ts';
import { appendObjects, makePdf, onePage, stream, type PdfObjects } from '../../support/pdfs.ts';
import { bodyOf, signInto, signPdf, text, withEntry, withItem } from './forge-pdf.ts';
import { changed, field, form, note, otherText, signer, trust } from './pdf-world.ts';
import { collector, type Attack } from './attack.ts';
import { detachedCms } from './forge-cms.ts';

export const usual = '/Type /Sig /Filter /Adobe.PPKLite /SubFilter /ETSI.CAdES.detached';
const root = (more = ''): string => `<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R 9 0 R] /SigFlags 3 >> ${more} >>`;
const objects = (dictionary: string, perms: boolean): PdfObjects => ({
  ...onePage,
  1: root(perms ? '/Perms << /DocMDP 7 0 R >>' : ''),
  3: (onePage[3] ?? '').replace('/Contents', '/Annots [6 0 R 9 0 R] /Contents'),
  6: '<< /Type /Annot /Subtype /Widget /Rect [0 0 0 0] /FT /Sig /T (First) /V 7 0 R >>',
  7: dictionary,
  9: '<< /Type /Annot /Subtype /Widget /Rect [100 100 200 200] /FT /Tx /T (Text) /P 3 0 R >>',
});
/** Signed with a signature dictionary that has these entries; the catalog's /Perms names it. */
export const made = (entries: string, perms = true): Promise<Buffer> =>
  signInto((dictionary) => makePdf(objects(dictionary, perms)), `${usual} /M (D:20261122080000Z) ${entries}`, bareCms(signer));
export const docMdp = (level: number): string =>
  `/Reference [<< /Type /SigRef /TransformMethod /DocMDP /TransformParams << /Type /TransformParams /P ${level} /V /1.2 >> >>]`;
const fieldMdp = (action: string): string =>
  `/Reference [<< /Type /SigRef /TransformMethod /FieldMDP /Data 1 0 R /TransformParams << /Type /TransformParams /Action ${action} /V /1.2 >> >>]`;

/** What PAdES demands and nothing more. */
export function bareCms(identity: TestIdentity): (content: Buffer) => Promise<Buffer> {
  return (content) =>
    detachedCms(
      { signer: identity, content, attributes: (all) => [all.contentType, all.messageDigest, all.signingCertificate] },
      identity.chain,
    );
}

/** Certified documents (DocMDP), locked fields (FieldMDP), other kinds of signature. */
export async function certifiedAttacks(): Promise<readonly Attack[]> {
  const { attacks, add } = collector('pdf', trust);
  const certified = [await made(docMdp(1)), await made(docMdp(2)), await made(docMdp(3))] as const;
  const [one, two, three] = certified;
  const filled = (before: Buffer): Buffer =>
    appendObjects(before, {
      9: withEntry(bodyOf(before, 9), '/V (filled) /AP << /N 30 0 R >>'),
      30: stream('/Tx BMC EMC', '/Type /XObject /Subtype /Form /BBox [0 0 100 100]'),
    });
  const annotated = (before: Buffer): Buffer => appendObjects(before, { 3: withItem(bodyOf(before, 3), 'Annots', '30 0 R'), 30: note });
  const visible = (before: Buffer): Buffer =>
    appendObjects(before, {
      1: withItem(bodyOf(before, 1), 'Fields', '20 0 R'),
      3: withItem(bodyOf(before, 3), 'Annots', '20 0 R'),
      20: field('/Rect [0 0 595 842] /AP << /N 30 0 R >>'),
      30: form('1 g 0 0 595 842 re f'),
    });
  add('sound: certified, nothing changed', 'TOTAL-PASSED', one);
  add('sound: certified P 2, signed once more', 'TOTAL-PASSED', await signPdf(signer, two), {
    note: 'pdfsig (NSS) has an unknown issue with the second of two signatures',
  });
  const approval = await made('', false);
  add('sound: form filled in after an approval signature', 'TOTAL-PASSED', filled(approval));
  add('certified P 1, form filled in', changed, filled(one));
  add('sound: certified P 2, form filled in', 'TOTAL-PASSED', filled(two));
  add('certified P 2, annotation added', changed, annotated(two));
  add('certified P 3, annotation added', changed, annotated(three));
  add('certified P 3, contents replaced', changed, appendObjects(three, { 4: otherText }));
  add('certified P 2, visible field without a signature', changed, visible(two));
  add(
    'certified P 1, another signature field',
    changed,
    appendObjects(one, { 1: withItem(bodyOf(one, 1), 'Fields', '20 0 R'), 20: field('/Rect [0 0 0 0]') }),
  );
  add('certified P 2 without /Perms, annotation added', changed, annotated(await made(docMdp(2), false)));
  const unbound = Buffer.from(text(one).replace('/Perms << /DocMDP 7 0 R >>', '/Perms <<               >>'), 'latin1');
  add('certified, /Perms removed', 'TOTAL-FAILED HASH_FAILURE', unbound);
  const locked = await made(fieldMdp('/All'), false);
  add('all fields locked, form filled in', changed, filled(locked));
  add('one field locked, that one filled in', changed, filled(await made(fieldMdp('/Include /Fields [(Text)]'), false)));
  add('sound: one field locked, another one filled in', 'TOTAL-PASSED', filled(await made(fieldMdp('/Include /Fields [(Other)]'), false)));
  return attacks;
}
