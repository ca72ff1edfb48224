import { ArrayObject, Dictionary, isInteger, StringObject, type IndirectObject, type Value } from './objects.ts';
import { beyondLimit, damaged } from './refusals.ts';
import { maxObjects } from './xref-table.ts';
import { encodeText, hexadecimal, textString } from './strings.ts';
import type { PdfDocument } from './document.ts';

/** A piece of an object's bytes that is replaced; inserted where `start` is `end`. Positions are those of the object's `bytes`. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** One object of an appended revision: everything between `obj` and `endobj`, one character a byte. */
export interface WrittenObject {
  readonly number: number;
  readonly generation: number;
  readonly body: string;
  /** Bytes that come later (the string /Contents of a signature) and the rest of the body behind them. */
  readonly hole?: { readonly length: number; readonly after: string };
}

interface Changed {
  readonly object: IndirectObject;
  readonly edits: Edit[];
}

/**
 * Collects what an incremental update writes (ISO 32000-2 §7.5.6): new objects, and edits of old ones that leave every other byte of them as
 * it was written. Re-encoding a page would change what an earlier signature is compared with.
 */
export class Revision {
  readonly document: PdfDocument;
  readonly #added: WrittenObject[] = [];
  readonly #changed = new Map<number, Changed>();
  #next: number;

  constructor(document: PdfDocument) {
    this.document = document;
    const size = document.trailer.get('Size');
    if (!isInteger(size)) throw damaged('/Size of the trailer is missing');
    if (size > maxObjects) throw beyondLimit(`object numbers beyond ${maxObjects}`);
    this.#next = Math.max(size, document.xref.size, 1);
  }

  /** A number that no object has. */
  allocate(): number {
    return this.#next++;
  }

  /** Number behind the highest one. */
  get size(): number {
    return this.#next;
  }

  /** New objects, in the order of their numbers. */
  add(number: number, body: string, hole?: WrittenObject['hole']): void {
    this.#added.push({ number, generation: 0, body, ...(hole && { hole }) });
  }

  /** A text string (§7.9.2.2) of a new object, encrypted where the document is. */
  text(number: number, text: string): string {
    const security = this.document.security();
    return security ? hexadecimal(security.encryptString(number, 0, encodeText(text))) : textString(text);
  }

  /** Adds or replaces an entry of a dictionary that is, or is inside, `object`. @param text the new value */
  setEntry(object: IndirectObject, dictionary: Dictionary, key: string, text: string): void {
    const entry = dictionary.entries.get(key);
    if (entry) this.#edit(object, { start: entry.start, end: entry.end, text });
    else this.#edit(object, { start: dictionary.end - 2, end: dictionary.end - 2, text: ` /${key} ${text} ` });
  }

  /** Appends to an array that is, or is inside, `object`. */
  append(object: IndirectObject, array: ArrayObject, text: string): void {
    this.#edit(object, { start: array.end - 1, end: array.end - 1, text: ` ${text} ` });
  }

  /** All objects of the revision, by number: those that were changed, then the new ones. */
  objects(): WrittenObject[] {
    const objects: WrittenObject[] = [];
    for (const { object, edits } of this.#changed.values()) {
      const written = { number: object.number, generation: object.generation, body: rewritten(this.document, object, edits) };
      const after = objects.findIndex(({ number }) => number > written.number);
      objects.splice(after < 0 ? objects.length : after, 0, written);
    }
    objects.push(...this.#added);
    return objects;
  }

  #edit(object: IndirectObject, edit: Edit): void {
    const known = this.#changed.get(object.number);
    if (known) known.edits.push(edit);
    else this.#changed.set(object.number, { object, edits: [edit] });
  }
}

function rewritten(document: PdfDocument, object: IndirectObject, edits: readonly Edit[]): string {
  const { value } = object;
  if (!(value instanceof Dictionary || value instanceof ArrayObject))
    throw damaged(`object ${object.number} is neither dictionary nor array`);
  const all = [...edits];
  // Strings of an object stream are encrypted with the stream; on their own they have to be encrypted by themselves.
  const security = object.base === undefined ? document.security() : undefined;
  if (security)
    for (const string of strings(value))
      all.push({
        start: string.start,
        end: string.end,
        text: hexadecimal(security.encryptString(object.number, object.generation, string.value())),
      });
  if (all.length > 1) all.sort((a, b) => a.start - b.start);
  let text = '';
  let at = value.start;
  for (const edit of all) {
    text += value.bytes.toString('latin1', at, edit.start) + edit.text;
    at = edit.end;
  }
  return text + value.bytes.toString('latin1', at, value.end);
}

function* strings(value: Value): Generator<StringObject> {
  if (value instanceof StringObject) yield value;
  else if (value instanceof ArrayObject) for (const item of value.items) yield* strings(item);
  else if (value instanceof Dictionary) for (const { value: inner } of value.entries.values()) yield* strings(inner);
}
