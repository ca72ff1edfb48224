import { ArrayObject, Dictionary, Name, Reference, Stream, StringObject, type IndirectObject, type Value } from './objects.ts';
import type { PdfDocument } from './document.ts';

/** A value, and where it is written. */
export interface Place {
  readonly document: PdfDocument;
  readonly object: IndirectObject;
}

/** Whether two values say the same; references are the same when they name the same object. */
export function equal(one: Value | undefined, a: Place, other: Value | undefined, b: Place): boolean {
  if (one instanceof Name) return other instanceof Name && one.value === other.value;
  if (one instanceof Reference) return other instanceof Reference && one.number === other.number && one.generation === other.generation;
  if (one instanceof StringObject)
    return other instanceof StringObject && a.document.text(a.object, one).equals(b.document.text(b.object, other));
  if (one instanceof ArrayObject)
    return (
      other instanceof ArrayObject &&
      one.items.length === other.items.length &&
      one.items.every((item, at) => equal(item, a, other.items[at], b))
    );
  if (one instanceof Dictionary) return other instanceof Dictionary && differingKeys(one, a, other, b).length === 0;
  if (one instanceof Stream)
    return (
      other instanceof Stream &&
      differingKeys(one.dictionary, a, other.dictionary, b).length === 0 &&
      a.document.streamData(one).equals(b.document.streamData(other))
    );
  return one === other;
}

/** Keys whose values differ, or that only one of the dictionaries has. */
export function differingKeys(one: Dictionary, a: Place, other: Dictionary, b: Place): string[] {
  const keys = new Set([...one.entries.keys(), ...other.entries.keys()]);
  return [...keys].filter((key) => !equal(one.get(key) ?? null, a, other.get(key) ?? null, b));
}
