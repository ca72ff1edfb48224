import { ArrayObject, Dictionary, Name, Reference, StringObject, type IndirectObject, type Value } from './objects.ts';
import { beyondLimit, damaged } from './refusals.ts';
import { decodeText } from './strings.ts';
import type { PdfDocument } from './document.ts';

const maxDepth = 64;
const maxFields = 200_000;

/** A terminal field of the interactive form (ISO 32000-2 §12.7.4). */
export interface Field {
  /** Fully qualified, `.` between the parts. */
  readonly name: string;
  readonly object: IndirectObject;
  readonly dictionary: Dictionary;
  /** Inherited where it is not its own. */
  readonly type: string | undefined;
  /** /V, inherited where it is not its own, resolved; null when the field is empty. */
  readonly value: Value;
  /** The object that /V is written in. */
  readonly valueObject: IndirectObject;
}

interface Inherited {
  readonly name: string;
  readonly type: Value;
  readonly value: Value;
  readonly within: IndirectObject | undefined;
}

/** /AcroForm and the object it is in: itself when it is indirect, else the catalog. */
export function interactiveForm(document: PdfDocument): { readonly object: IndirectObject; readonly dictionary: Dictionary } | undefined {
  const { catalog } = document;
  const value = catalog.value.get('AcroForm') ?? null;
  const object = value instanceof Reference ? document.object(value) : catalog;
  const dictionary = document.resolve(value);
  if (dictionary === null || !object) return undefined;
  if (!(dictionary instanceof Dictionary)) throw damaged('/AcroForm is no dictionary');
  return { object, dictionary };
}

const known = new WeakMap<PdfDocument, readonly Field[]>();

/**
 * All terminal fields, in the order of the form. Hostile input; read once.
 * @throws SealError SEAL-DOC-DAMAGED (a loop, something that is no field), SEAL-DOC-LIMIT
 */
export function readFields(document: PdfDocument): readonly Field[] {
  const fields = known.get(document) ?? collectFields(document);
  known.set(document, fields);
  return fields;
}

const indexes = new WeakMap<PdfDocument, ReadonlyMap<number, Field>>();

/** The terminal field that an object is, or is a widget of. */
export function fieldAt(document: PdfDocument, number: number): Field | undefined {
  const index = indexes.get(document) ?? new Map(readFields(document).flatMap((field) => entriesOf(document, field)));
  indexes.set(document, index);
  return index.get(number);
}

function entriesOf(document: PdfDocument, field: Field): (readonly [number, Field])[] {
  return [field.object, ...widgetsOf(document, field)].map(({ number }) => [number, field]);
}

/** The widgets that show a field: itself, or its kids (§12.7.4.2). An annotation of another kind is none, whatever it hangs on. */
export function widgetsOf(document: PdfDocument, { dictionary, object }: Field): IndirectObject[] {
  const kids = document.resolve(dictionary.get('Kids'));
  const items = kids instanceof ArrayObject ? kids.items : [];
  return [object, ...items.flatMap((kid) => (kid instanceof Reference ? (document.object(kid) ?? []) : []))].filter(
    ({ value }) => value instanceof Dictionary && (value.name('Subtype') ?? 'Widget') === 'Widget',
  );
}

function collectFields(document: PdfDocument): Field[] {
  const form = interactiveForm(document);
  if (!form) return [];
  const found: Field[] = [];
  const seen = new Set<number>();
  const visit = (kid: Value, inherited: Inherited, depth: number): void => {
    const object = kid instanceof Reference ? document.object(kid) : undefined;
    if (!object || !(object.value instanceof Dictionary)) throw damaged('the form lists a field that does not exist');
    if (seen.has(object.number)) throw damaged(`field ${object.number} is listed twice or within itself`);
    if (seen.size >= maxFields || depth > maxDepth) throw beyondLimit('the form has too many fields or nests them too deep');
    seen.add(object.number);
    const dictionary = object.value;
    const own = describe(document, object, dictionary, inherited);
    const kids = list(document, dictionary.get('Kids'), '/Kids of a field').filter((one) => isField(document, one));
    for (const one of kids) visit(one, own, depth + 1);
    if (kids.length === 0) found.push(field(document, object, dictionary, own));
  };
  const root: Inherited = { name: '', type: null, value: null, within: undefined };
  for (const one of list(document, form.dictionary.get('Fields'), '/Fields of the form')) visit(one, root, 0);
  return found;
}

function list(document: PdfDocument, value: Value | undefined, what: string): readonly Value[] {
  const found = document.resolve(value);
  if (found === null) return [];
  if (!(found instanceof ArrayObject)) throw damaged(`${what} is no array`);
  return found.items;
}

/** Kids without a partial name are widgets of the same field (§12.7.4.2). */
function isField(document: PdfDocument, kid: Value): boolean {
  const found = document.resolve(kid);
  return found instanceof Dictionary && found.get('T') !== undefined;
}

function describe(document: PdfDocument, object: IndirectObject, dictionary: Dictionary, inherited: Inherited): Inherited {
  const partial = document.follow(dictionary.get('T'), object);
  const name = partial.value instanceof StringObject ? nameFrom(document, partial.object, partial.value) : '';
  return {
    name: inherited.name === '' || name === '' ? inherited.name + name : `${inherited.name}.${name}`,
    type: dictionary.get('FT') ?? inherited.type,
    value: dictionary.get('V') ?? inherited.value,
    within: dictionary.get('V') === undefined ? inherited.within : object,
  };
}

/** Without the password the name of a field is its number. */
function nameFrom(document: PdfDocument, object: IndirectObject, text: StringObject): string {
  return document.readable || object.base === undefined ? decodeText(document.text(object, text)) : `#${object.number}`;
}

function field(document: PdfDocument, object: IndirectObject, dictionary: Dictionary, { name, type, value, within }: Inherited): Field {
  const kind = document.resolve(type);
  const found = document.follow(value, within ?? object);
  return {
    name,
    object,
    dictionary,
    type: kind instanceof Name ? kind.value : undefined,
    value: found.value,
    valueObject: found.object,
  };
}
