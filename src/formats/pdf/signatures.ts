import { SealError } from '../../errors.ts';
import { readCoverage, type Coverage } from './byte-range.ts';
import { compareRevisions, type RevisionChanges } from './changes.ts';
import type { PdfDocument } from './document.ts';
import { readFields, type Field } from './fields.ts';
import { Dictionary, Name, StringObject } from './objects.ts';
import { readRestrictions, type FieldLock } from './permissions.ts';
import { beyondLimit } from './refusals.ts';
import { decodeDate, decodeText } from './strings.ts';
import type { ByteRange } from '../../ports/bytes.ts';

/** Each one is compared with the end of the document, field by field. */
const maxSignatures = 200;
const maxComparedFields = 150_000;

/** A filled signature field of a PDF document (ISO 32000-2 §12.8). */
export interface PdfSignature {
  /** Fully qualified. */
  readonly fieldName: string;
  readonly kind: 'signature' | 'document-timestamp';
  /** `ETSI.CAdES.detached`, `adbe.pkcs7.detached`, `ETSI.RFC3161`…; empty when there is none. */
  readonly subFilter: string;
  /** CMS, BER, without the zeros that fill /Contents up. Hostile. */
  readonly contents: Buffer;
  /** What is hashed, in this order; empty when /ByteRange cannot be believed. */
  readonly byteRange: readonly ByteRange[];
  /** Offset behind the revision that it signs. */
  readonly revisionEnd: number;
  /** It covers everything of that revision but /Contents, and the revision is a complete document that holds this signature. */
  readonly coversRevision: boolean;
  /** Nothing was appended afterwards. */
  readonly coversWholeFile: boolean;
  /** What was changed afterwards; absent when nothing was appended or the signed revision cannot be read. */
  readonly changes?: RevisionChanges;
  /** DocMDP: 1 nothing may change afterwards, 2 forms and signatures, 3 annotations too. */
  readonly permittedChanges?: 1 | 2 | 3;
  readonly locks: readonly FieldLock[];
  /** /M; claimed; UTC ms. */
  readonly signingTime?: number;
  readonly reason?: string;
  readonly location?: string;
  readonly contact?: string;
  /** Why the structure of this signature cannot be believed, whatever its CMS says. Empty: sound. */
  readonly errors: readonly string[];
}

/**
 * Every filled signature field, in the order of the revisions they sign. Hostile input.
 * @throws SealError SEAL-DOC-* when the document itself cannot be read
 */
export function findSignatures(document: PdfDocument): PdfSignature[] {
  const all = readFields(document);
  const fields = all.filter((field) => field.type === 'Sig' && field.value !== null);
  if (fields.length > maxSignatures) throw beyondLimit(`more than ${maxSignatures} signatures`);
  if ((fields.length - 1) * all.length > maxComparedFields) throw beyondLimit(`${fields.length} signatures over ${all.length} fields`);
  const found = fields.map((field) => describe(document, field));
  for (const one of found) {
    const twin = found.find(
      (other) => other !== one && other.byteRange[0]?.length === one.byteRange[0]?.length && one.byteRange.length > 0,
    );
    if (twin) one.errors.push(`the fields ${one.fieldName} and ${twin.fieldName} share a signature`);
  }
  return found.sort((a, b) => a.revisionEnd - b.revisionEnd);
}

function describe(document: PdfDocument, field: Field): PdfSignature & { readonly errors: string[] } {
  const { value, valueObject, name } = field;
  if (!(value instanceof Dictionary)) return unreadable(name, 'the value of the signature field is no dictionary');
  const { size } = document.source;
  const coverage = readCoverage(valueObject, value, size);
  const errors = [...coverage.errors];
  const revision = errors.length > 0 ? undefined : signedRevision(document, field, coverage, errors);
  const changes = revision && coverage.end < size ? compareRevisions(revision, document) : undefined;
  const { changes: permittedChanges, locks } = readRestrictions(document, valueObject, value, field);
  const subFilter = nameOf(document, value, 'SubFilter');
  const timestamp = nameOf(document, value, 'Type') === 'DocTimeStamp' || subFilter === 'ETSI.RFC3161';
  return {
    fieldName: name,
    kind: timestamp ? 'document-timestamp' : 'signature',
    subFilter,
    contents: coverage.contents,
    byteRange: coverage.ranges,
    revisionEnd: coverage.end,
    coversRevision: revision !== undefined,
    coversWholeFile: revision !== undefined && coverage.end === size,
    ...(changes && { changes }),
    ...(permittedChanges && { permittedChanges }),
    locks,
    ...claims(document, field, value),
    errors,
  };
}

function unreadable(fieldName: string, error: string): PdfSignature & { readonly errors: string[] } {
  return {
    fieldName,
    kind: 'signature',
    subFilter: '',
    contents: Buffer.alloc(0),
    byteRange: [],
    revisionEnd: 0,
    coversRevision: false,
    coversWholeFile: false,
    locks: [],
    errors: [error],
  };
}

function nameOf(document: PdfDocument, dictionary: Dictionary, key: string): string {
  const value = document.resolve(dictionary.get(key));
  return value instanceof Name ? value.value : '';
}

/** The document as it was signed: what ends where the signature's ranges end, and shows this very signature. */
function signedRevision(document: PdfDocument, field: Field, { end }: Coverage, errors: string[]): PdfDocument | undefined {
  if (end === document.source.size) return document;
  try {
    const revision = document.revision(end);
    const same = readFields(revision).some((other) => {
      if (other.name !== field.name || other.valueObject.number !== field.valueObject.number) return false;
      return other.value instanceof Dictionary && readCoverage(other.valueObject, other.value, end).end === end;
    });
    if (same) return revision;
    errors.push('the signed revision does not show this signature');
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    errors.push(`the signed bytes are no complete document: ${error.message}`);
  }
  return undefined;
}

function claims(
  document: PdfDocument,
  field: Field,
  signature: Dictionary,
): Pick<PdfSignature, 'signingTime' | 'reason' | 'location' | 'contact'> {
  const text = (key: string): string | undefined => {
    const { value, object } = document.follow(signature.get(key), field.valueObject);
    const legible = document.readable || object.base === undefined;
    return legible && value instanceof StringObject ? decodeText(document.text(object, value)) : undefined;
  };
  const signingTime = decodeDate(text('M') ?? '');
  const [reason, location, contact] = [text('Reason'), text('Location'), text('ContactInfo')];
  return {
    ...(signingTime !== undefined && { signingTime }),
    ...(reason !== undefined && { reason }),
    ...(location !== undefined && { location }),
    ...(contact !== undefined && { contact }),
  };
}
