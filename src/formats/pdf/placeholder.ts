import { SealError } from '../../errors.ts';
import { appendRevision, type Tail } from './append.ts';
import { interactiveForm, readFields } from './fields.ts';
import type { Dictionary } from './objects.ts';
import { ArrayObject, isInteger, Reference, type IndirectObject } from './objects.ts';
import { firstPage } from './pages.ts';
import { admitNewSignature } from './permissions.ts';
import { damaged } from './refusals.ts';
import { Revision } from './revision.ts';
import { encodeDate, encodeText } from './strings.ts';
import type { PdfDocument } from './document.ts';
import type { SignParameters } from '../../model/signature.ts';
import type { ByteRange } from '../../ports/bytes.ts';

/** A revision that lacks nothing but the CMS between its angle brackets. */
export interface Placeholder {
  /** What is appended to the document; /Contents holds zeros. */
  readonly tail: Buffer;
  /** The hexadecimal digits of /Contents, in `tail`. */
  readonly contents: ByteRange;
}

/** What the signature dictionary says about the signature. */
export type Claims = Pick<SignParameters, 'signingTime' | 'reason' | 'location' | 'contact'>;

/**
 * Appends a signature field, its widget and an empty signature dictionary (ISO 32000-2 §12.7.5.5, §12.8.1; EN 319 142-1 §6.3) as an
 * incremental update. The widget is invisible: its rectangle is empty, so PDF/A asks for no appearance (ISO 19005-2 §6.3.3).
 * @param size room for the CMS, bytes
 * @throws SealError SEAL-DOC-* for what cannot be signed
 */
export function placeSignature(document: PdfDocument, claims: Claims, size: number): Placeholder {
  document.security();
  const name = admitNewSignature(document, readFields(document));
  const page = firstPage(document);
  const revision = new Revision(document);
  const field = revision.allocate();
  const signature = revision.allocate();
  const widget = `${field} 0 R`;
  registerField(revision, widget);
  registerAnnotation(revision, page, widget);
  const title = revision.string(field, encodeText(name));
  revision.add(
    field,
    `<< /Type /Annot /Subtype /Widget /FT /Sig /T ${title} /V ${signature} 0 R /Rect [0 0 0 0] /F 132 /P ${page.number} ${page.generation} R >>`,
  );
  revision.add(signature, signatureDictionary(revision, signature, claims, size));
  return fillRanges(document, appendRevision(revision, String(claims.signingTime)), signature, size);
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

function registerAnnotation(revision: Revision, page: IndirectObject & { readonly value: Dictionary }, widget: string): void {
  addToArray(revision, page, page.value, 'Annots', widget);
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
const noRanges = `/ByteRange [0 ${' '.repeat(rangeWidth)} ${' '.repeat(rangeWidth)} ${' '.repeat(rangeWidth)}]`;
const contentsKey = '/Contents <';

function signatureDictionary(revision: Revision, number: number, claims: Claims, size: number): string {
  const text = (key: string, value: string | undefined): string =>
    value === undefined || value === '' ? '' : ` /${key} ${revision.string(number, encodeText(value))}`;
  const said = text('Reason', claims.reason) + text('Location', claims.location) + text('ContactInfo', claims.contact);
  const time = text('M', encodeDate(claims.signingTime));
  // /Contents is never encrypted (§7.6.2); the two entries with fixed texts come first, so that nothing a caller gave can pose as them.
  return `<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /ETSI.CAdES.detached ${noRanges} ${contentsKey}${zeros(size)}>${time}${said} >>`;
}

let zeroDigits = '';

function zeros(size: number): string {
  if (zeroDigits.length !== 2 * size) zeroDigits = '0'.repeat(2 * size);
  return zeroDigits;
}

/** /ByteRange: everything but the string /Contents with its angle brackets (§12.8.1). */
function fillRanges(document: PdfDocument, { text, bodies }: Tail, signature: number, size: number): Placeholder {
  const body = bodies.get(signature) ?? text.length;
  const ranges = text.indexOf(noRanges, body);
  const open = text.indexOf(contentsKey, body) + contentsKey.length - 1;
  const close = open + 2 * size + 2;
  if (ranges < 0 || text[close - 1] !== '>') throw new SealError('SEAL-INTERNAL', 'PDF: the new signature dictionary was not found');
  const before = document.source.size + open;
  const after = document.source.size + close;
  const range = [before, after, text.length - close].map((number) => String(number).padEnd(rangeWidth)).join(' ');
  const tail = Buffer.from(text, 'latin1');
  const at = ranges + noRanges.length - range.length - 1;
  tail.write(`${range}]`, at, 'latin1');
  return { tail, contents: { offset: open + 1, length: 2 * size } };
}
