import { SealError } from '../../errors.ts';
import { differingKeys, equal, type Place } from './equality.ts';
import { interactiveForm, readFields, type Field } from './fields.ts';
import { ArrayObject, asDictionary, Dictionary, Reference, Stream, type IndirectObject, type Value } from './objects.ts';
import type { PdfDocument } from './document.ts';

export type Kind = 'signature' | 'timestamp' | 'validation' | 'metadata' | 'structure';

const maxReachable = 100_000;
/** What filling a signature field writes into it. */
const filledIn = new Set(['V', 'AP', 'AS', 'M', 'F', 'MK', 'DA', 'Rect']);

/**
 * Explains changed objects as parts of further signatures, document timestamps or validation data (ISO 32000-2 §12.8.2.2.2, table 257;
 * EN 319 142-1 §5.4), starting from what a reader starts from: catalog, form, fields.
 */
export class Acceptance {
  readonly kinds = new Map<number, Kind>();
  readonly complaints = new Map<number, string>();
  readonly visibleFields: string[] = [];
  readonly #before: PdfDocument;
  readonly #after: PdfDocument;

  constructor(before: PdfDocument, after: PdfDocument) {
    this.#before = before;
    this.#after = after;
  }

  accept(number: number, kind: Kind): void {
    if (!this.kinds.has(number)) this.kinds.set(number, kind);
  }

  complain(number: number, what: string): void {
    const known = this.complaints.get(number);
    if (known !== what) this.complaints.set(number, known === undefined ? what : `${known}; ${what}`);
  }

  /** Everything that is explained by the catalog, the form and the pages. @param changed numbers */
  judge(changed: readonly number[]): void {
    try {
      this.#judgeTrailer();
      this.#judgeSignatureFields();
      this.#judgeCatalog();
      for (const number of changed) this.#judgeListing(number);
    } catch (error) {
      if (!(error instanceof SealError)) throw error;
      this.complain(0, `a later revision cannot be read: ${error.message}`);
    }
  }

  /** What nothing else has explained. */
  judgeAlone(number: number, old: IndirectObject | undefined, now: IndirectObject | undefined): void {
    if (this.complaints.has(number)) return;
    if (!old) this.complain(number, `${nameOf(now)} was added`);
    else if (!now) this.complain(number, `${nameOf(old)} was removed`);
    else if (equal(old.value, this.#old(old), now.value, this.#new(now))) this.accept(number, 'structure');
    else this.complain(number, `${nameOf(old)} was changed${this.#keys(old, now)}`);
  }

  #keys(old: IndirectObject, now: IndirectObject): string {
    if (!(old.value instanceof Dictionary && now.value instanceof Dictionary)) return '';
    return ` (${differingKeys(old.value, this.#old(old), now.value, this.#new(now))
      .map((key) => `/${key}`)
      .join(', ')})`;
  }

  #old(object: IndirectObject): Place {
    return { document: this.#before, object };
  }

  #new(object: IndirectObject): Place {
    return { document: this.#after, object };
  }

  #judgeTrailer(): void {
    const [before, after] = [this.#before, this.#after];
    for (const key of ['Root', 'Encrypt']) {
      const [old, now] = [before.trailer.get(key) ?? null, after.trailer.get(key) ?? null];
      if (!equal(old, this.#old(before.catalog), now, this.#new(after.catalog))) this.complain(0, `/${key} of the trailer was changed`);
    }
    const info = after.trailer.get('Info');
    if (info instanceof Reference) this.accept(info.number, 'metadata');
  }

  #judgeCatalog(): void {
    const [old, now] = [this.#before.catalog, this.#after.catalog];
    const keys = differingKeys(old.value, this.#old(old), now.value, this.#new(now));
    const unexplained = keys.filter((key) => !['AcroForm', 'DSS', 'Extensions', 'Version', 'Metadata'].includes(key));
    this.#spread(now.value.get('DSS') ?? null, 'validation', numbersFrom(this.#before, old.value.get('DSS') ?? null));
    this.#spread(now.value.get('Extensions') ?? null, 'structure', new Set());
    const metadata = now.value.get('Metadata');
    if (metadata instanceof Reference) this.accept(metadata.number, 'metadata');
    const formIsFine = this.#judgeForm();
    if (unexplained.length > 0) this.complain(now.number, `the catalog was changed (${unexplained.map((key) => `/${key}`).join(', ')})`);
    else if (formIsFine) this.accept(now.number, 'structure');
  }

  /** The form may list further signature fields and say that there are signatures. */
  #judgeForm(): boolean {
    const [old, now] = [interactiveForm(this.#before), interactiveForm(this.#after)];
    if (!now) return !old;
    const keys = old
      ? differingKeys(old.dictionary, this.#old(old.object), now.dictionary, this.#new(now.object))
      : [...now.dictionary.entries.keys()];
    const unexplained = keys.filter((key) => key !== 'SigFlags' && key !== 'Fields');
    if (unexplained.length > 0)
      this.complain(now.object.number, `the form was changed (${unexplained.map((key) => `/${key}`).join(', ')})`);
    const fields = this.#after.follow(now.dictionary.get('Fields'), now.object).object;
    const listed = this.#onlyAdds(old?.dictionary.get('Fields') ?? null, now.dictionary.get('Fields') ?? null);
    if (!listed) this.complain(fields.number, 'the form lists other fields than before and signature fields');
    const fine = unexplained.length === 0 && listed;
    if (fine) {
      this.accept(fields.number, 'structure');
      if (now.object.number !== this.#after.catalog.number) this.accept(now.object.number, 'structure');
    }
    return fine;
  }

  /** New signature fields, and empty ones that have been filled. */
  #judgeSignatureFields(): void {
    const old = new Map(readFields(this.#before).map((field) => [field.object.number, field]));
    for (const field of readFields(this.#after)) {
      if (field.type !== 'Sig') continue;
      const known = old.get(field.object.number);
      const isNew = !known && !exists(this.#before, field.object.number);
      if (isNew || (known && this.#filled(known, field))) this.#acceptField(field);
    }
  }

  #filled(known: Field, field: Field): boolean {
    if (known.value !== null || field.value === null) return false;
    const keys = differingKeys(known.dictionary, this.#old(known.object), field.dictionary, this.#new(field.object));
    return keys.every((key) => filledIn.has(key));
  }

  #acceptField(field: Field): void {
    const value = field.value instanceof Dictionary ? field.value : undefined;
    const timestamp = value?.name('Type') === 'DocTimeStamp' || value?.name('SubFilter') === 'ETSI.RFC3161';
    const kind = timestamp ? 'timestamp' : 'signature';
    this.accept(field.object.number, kind);
    this.#spread(field.dictionary, kind, new Set());
    if (isVisible(this.#after, field.dictionary)) this.visibleFields.push(field.name);
  }

  /** A page that lists new signature widgets among its annotations, or the array that does. */
  #judgeListing(number: number): void {
    if (this.kinds.has(number)) return;
    const [was, is] = [this.#before.current(number), this.#after.current(number)];
    if (!was || !is) return;
    if (was.value instanceof ArrayObject && is.value instanceof ArrayObject) {
      if (this.#onlyAdds(was.value, is.value)) this.accept(number, 'structure');
      return;
    }
    const [old, now] = [asDictionary(was), asDictionary(is)];
    if (!old || !now || old.value.name('Type') !== 'Page') return;
    const keys = differingKeys(old.value, this.#old(old), now.value, this.#new(now));
    const annotations = this.#onlyAdds(old.value.get('Annots') ?? null, now.value.get('Annots') ?? null);
    if (annotations && keys.every((key) => key === 'Annots')) this.accept(number, 'structure');
  }

  /** Whether a list of references keeps its items in their order and adds nothing but parts of new signature fields. */
  #onlyAdds(old: Value, now: Value): boolean {
    const [before, after] = [references(this.#before, old), references(this.#after, now)];
    if (!before || !after) return false;
    const known = new Set(before);
    const kept = after.filter((number) => known.has(number));
    const added = after.filter((number) => !known.has(number));
    const signed = (number: number): boolean => ['signature', 'timestamp'].includes(this.kinds.get(number) ?? '');
    return kept.length === before.length && kept.every((number, at) => number === before[at]) && added.every(signed);
  }

  /** Accepts what is reached from a value as far as it is new, or was reached in the same way before. */
  #spread(value: Value, kind: Kind, known: ReadonlySet<number>): void {
    for (const number of numbersFrom(this.#after, value)) if (known.has(number) || !exists(this.#before, number)) this.accept(number, kind);
  }
}

function exists(document: PdfDocument, number: number): boolean {
  const location = document.xref.locate(number);
  return location !== undefined && location.kind !== 'free';
}

/** Page, parent field, and what a signature reference is about. */
const upwards = new Set(['P', 'Parent', 'Data']);

/** Numbers of the objects that a value leads to, but not up again to pages and parents. */
function numbersFrom(document: PdfDocument, value: Value): Set<number> {
  const found = new Set<number>();
  const waiting: Value[] = [value];
  while (waiting.length > 0 && found.size < maxReachable) {
    const next = waiting.pop() ?? null;
    if (next instanceof Reference) {
      if (found.has(next.number)) continue;
      found.add(next.number);
      waiting.push(document.object(next)?.value ?? null);
    } else if (next instanceof ArrayObject) waiting.push(...next.items);
    else {
      const dictionary = next instanceof Stream ? next.dictionary : next;
      if (!(dictionary instanceof Dictionary)) continue;
      for (const [key, entry] of dictionary.entries) if (!upwards.has(key)) waiting.push(entry.value);
    }
  }
  return found;
}

/** Numbers of an array of references; empty for null; undefined for anything else. */
function references(document: PdfDocument, value: Value): number[] | undefined {
  const array = document.resolve(value);
  if (array === null) return [];
  if (!(array instanceof ArrayObject)) return undefined;
  const numbers = array.items.map((item) => (item instanceof Reference ? item.number : -1));
  return numbers.includes(-1) ? undefined : numbers;
}

function isVisible(document: PdfDocument, widget: Dictionary): boolean {
  const box = document.resolve(widget.get('Rect'));
  const [left, bottom, right, top] = box instanceof ArrayObject ? box.items.map((item) => document.resolve(item)) : [];
  return left !== right && bottom !== top && document.resolve(widget.get('AP')) !== null;
}

function nameOf(object: IndirectObject | undefined): string {
  const value = object?.value;
  if (value instanceof Stream) return `a stream${typeIn(value.dictionary)}`;
  return `an object${value instanceof Dictionary ? typeIn(value) : ''}`;
}

function typeIn(dictionary: Dictionary): string {
  const type = dictionary.name('Type') ?? dictionary.name('Subtype');
  return type === undefined ? '' : ` of type /${type}`;
}
