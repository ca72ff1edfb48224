import { appendRevision, type Tail } from './append.ts';
import { interactiveForm, readFields } from './fields.ts';
import { ArrayObject, Dictionary, isInteger, Reference, type DictionaryObject, type IndirectObject } from './objects.ts';
import { firstPage } from './pages.ts';
import { admitNewSignature } from './permissions.ts';
import { damaged } from './refusals.ts';
import { Revision } from './revision.ts';
import { encodeDate } from './strings.ts';
import type { PdfDocument } from './document.ts';
import type { SignParameters } from '../../model/signature.ts';

/** A revision without its string /Contents: what the signature covers beside the document. */
export interface Placeholder {
  /** Appended to the document, up to the angle bracket that opens /Contents. */
  readonly before: Buffer;
  /** From behind the angle bracket that closes it to the end of the file. */
  readonly after: Buffer;
}

/** What the signature dictionary says about the signature. */
export type Claims = Pick<SignParameters, 'signingTime' | 'reason' | 'location' | 'contact'>;

/**
 * Appends a signature field, its widget and an empty signature dictionary (ISO 32000-2 §12.7.5.5, §12.8.1; EN 319 142-1 §6.3) as an
 * incremental update. The widget is invisible: its rectangle is empty. PDF/A stays PDF/A, PDF/UA stays PDF/UA.
 * @param size room for the CMS, bytes
 * @throws SealError SEAL-DOC-* for what cannot be signed
 */
export function placeSignature(document: PdfDocument, claims: Claims, size: number): Placeholder {
  document.security();
  const fields = readFields(document);
  const name = admitNewSignature(document, fields);
  const page = firstPage(document);
  const revision = new Revision(document);
  const field = revision.allocate();
  const signature = revision.allocate();
  const appearance = document.encrypted ? undefined : revision.allocate();
  const widget = `${field} 0 R`;
  registerField(revision, widget);
  addToArray(revision, page, page.value, 'Annots', widget);
  if (!fields.some(({ type, value }) => type === 'Sig' && value !== null)) keepTabOrder(revision, page);
  const place = `/Rect [0 0 0 0] /F 132 /P ${page.number} ${page.generation} R${appearance === undefined ? '' : ` /AP << /N ${appearance} 0 R >>`}`;
  revision.add(field, `<< /Type /Annot /Subtype /Widget /FT /Sig /T ${revision.text(field, name)} /V ${signature} 0 R ${place} >>`);
  // Two digits a byte and the angle brackets.
  const length = 2 * size + 2;
  revision.add(signature, signatureHead, { length, after: signatureRest(revision, signature, claims) });
  if (appearance !== undefined) revision.add(appearance, emptyAppearance);
  return fillRanges(document.source.size, appendRevision(revision, String(claims.signingTime)), length);
}

/** PDF/A-1 wants an appearance even of what has no area (ISO 19005-1 §6.9); an encrypted document is no PDF/A. */
const emptyAppearance = '<< /Type /XObject /Subtype /Form /BBox [0 0 0 0] /Length 0 >>\nstream\n\nendstream';

/** PDF/UA wants the tab order on each page with annotations (ISO 14289-1 §7.18.3); a signed page is left alone. */
function keepTabOrder(revision: Revision, page: DictionaryObject): void {
  const { document } = revision;
  const marks = document.resolve(document.catalog.value.get('MarkInfo'));
  if (!(marks instanceof Dictionary) || document.resolve(marks.get('Marked')) !== true) return;
  if (page.value.get('Tabs') === undefined) revision.setEntry(page, page.value, 'Tabs', '/S');
}

/** The field into /AcroForm, which is made where there is none; /SigFlags SignaturesExist and AppendOnly (table 225). */
function registerField(revision: Revision, widget: string): void {
  const { document } = revision;
  const form = interactiveForm(document);
  if (!form) {
    revision.setEntry(document.catalog, document.catalog.value, 'AcroForm', `<< /Fields [${widget}] /SigFlags 3 >>`);
    return;
  }
  addToArray(revision, form.object, form.dictionary, 'Fields', widget);
  const flags = document.resolve(form.dictionary.get('SigFlags')) ?? 0;
  if (!isInteger(flags)) throw damaged('/SigFlags of the form is no integer');
  if ((flags & 3) !== 3) revision.setEntry(form.object, form.dictionary, 'SigFlags', String(flags | 3));
}

function addToArray(revision: Revision, object: IndirectObject, dictionary: Dictionary, key: string, item: string): void {
  const { document } = revision;
  const value = dictionary.get(key) ?? null;
  const array = document.resolve(value);
  if (array === null) revision.setEntry(object, dictionary, key, `[${item}]`);
  else if (!(array instanceof ArrayObject)) throw damaged(`/${key} is no array`);
  else revision.append((value instanceof Reference ? document.object(value) : undefined) ?? object, array, item);
}

// Enough for documents of a terabyte.
const rangeWidth = 12;
const rangesWidth = 3 * rangeWidth + 2;
const contentsKey = '] /Contents ';
/** /Contents is never encrypted (§7.6.2). */
const signatureHead = `<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /ETSI.CAdES.detached /ByteRange [0 ${' '.repeat(rangesWidth)}${contentsKey}`;

function signatureRest(revision: Revision, number: number, claims: Claims): string {
  const text = (key: string, value: string | undefined): string =>
    value === undefined || value === '' ? '' : ` /${key} ${revision.text(number, value)}`;
  const said = text('Reason', claims.reason) + text('Location', claims.location) + text('ContactInfo', claims.contact);
  return `${text('M', encodeDate(claims.signingTime))}${said} >>`;
}

/** /ByteRange: everything but the string /Contents with its angle brackets (§12.8.1). @param size of the document @param hole bytes */
function fillRanges(size: number, [before, after = '']: Tail, hole: number): Placeholder {
  const open = size + before.length;
  const ranges = [open, open + hole, after.length].map((number) => String(number).padEnd(rangeWidth)).join(' ');
  const start = before.length - contentsKey.length - rangesWidth;
  return {
    before: Buffer.from(before.slice(0, start) + ranges + contentsKey, 'latin1'),
    after: Buffer.from(after, 'latin1'),
  };
}
