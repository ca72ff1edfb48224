import { ArrayObject, Dictionary, isInteger, Reference, Stream, type IndirectObject, type Value } from './objects.ts';
import { beyondLimit } from './refusals.ts';
import { SealError } from '../../errors.ts';
import type { PdfDocument } from './document.ts';

/** Objects that are walked through in one document; a document of ten thousand tagged pages has some. */
const mostObjects = 400_000;
/** References between them. */
const mostUses = 2_000_000;

/** One place that refers to an object. */
export interface Use {
  /** Number of the object that the reference is written in; 0 is the trailer. */
  readonly holder: number;
  /** The keys above it inside that object, `AP/N`; empty directly in an array. */
  readonly path: string;
}

/** Everything that a reader can come to in a document: who refers to whom, and where streams lie. */
export interface Uses {
  /** By the number of the object that is referred to. */
  readonly of: ReadonlyMap<number, readonly Use[]>;
  /** Objects that cannot be read: nobody knows what they refer to. */
  readonly unreadable: readonly number[];
  /** Of each stream: offset in the file where its object begins, and behind its data. */
  readonly streams: readonly { readonly number: number; readonly start: number; readonly end: number }[];
}

const known = new WeakMap<PdfDocument, Uses>();

/**
 * Walks through a document from its trailer. Hostile input; once for each document.
 * @throws SealError SEAL-DOC-LIMIT
 */
export function usesIn(document: PdfDocument): Uses {
  const uses = known.get(document) ?? walk(document);
  known.set(document, uses);
  return uses;
}

function walk(document: PdfDocument): Uses {
  const of = new Map<number, Use[]>();
  const unreadable: number[] = [];
  const streams: { number: number; start: number; end: number }[] = [];
  const waiting: Reference[] = [];
  let count = 0;
  const note = (value: Value, holder: number): void => {
    for (const [reference, path] of referencesIn(value)) {
      if (++count > mostUses) throw beyondLimit(`a document with later revisions has more than ${mostUses} references`);
      const uses = of.get(reference.number);
      if (uses) uses.push({ holder, path });
      else {
        of.set(reference.number, [{ holder, path }]);
        if (of.size > mostObjects) throw beyondLimit(`a document with later revisions has more than ${mostObjects} objects`);
        waiting.push(reference);
      }
    }
  };
  for (const key of ['Root', 'Info', 'Encrypt']) note(document.trailer.get(key) ?? null, 0);
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const object = glance(document, next.number, unreadable);
    if (!object) continue;
    if (object.value instanceof Stream) streams.push({ number: object.number, ...extent(document, object.number, object.value) });
    note(object.value, object.number);
  }
  return { of, unreadable, streams };
}

function glance(document: PdfDocument, number: number, unreadable: number[]): IndirectObject | undefined {
  try {
    return document.current(number);
  } catch (error) {
    if (!(error instanceof SealError) || error.code !== 'SEAL-DOC-DAMAGED') throw error;
    unreadable.push(number);
    return undefined;
  }
}

function extent(document: PdfDocument, number: number, stream: Stream): { readonly start: number; readonly end: number } {
  const location = document.xref.locate(number);
  const length = document.resolve(stream.dictionary.get('Length'));
  const end = isInteger(length) && length >= 0 ? stream.offset + length : Infinity;
  return { start: location?.kind === 'plain' ? location.offset : 0, end };
}

/** All references inside a value, each with the keys above it. @param path of the value itself */
export function* referencesIn(value: Value, path = ''): Generator<readonly [Reference, string]> {
  if (value instanceof Reference) yield [value, path];
  else if (value instanceof ArrayObject) for (const item of value.items) yield* referencesIn(item, path);
  else {
    const dictionary = value instanceof Stream ? value.dictionary : value;
    if (!(dictionary instanceof Dictionary)) return;
    for (const [key, entry] of dictionary.entries) yield* referencesIn(entry.value, path === '' ? key : `${path}/${key}`);
  }
}
