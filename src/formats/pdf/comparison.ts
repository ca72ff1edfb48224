import { differingKeys, equal, type Place } from './equality.ts';
import { ArrayObject, Dictionary, Reference, Stream, type IndirectObject, type Value } from './objects.ts';
import { referencesIn, usesIn, type Use } from './uses.ts';
import type { PdfDocument } from './document.ts';

export type Kind = 'signature' | 'timestamp' | 'form' | 'validation' | 'metadata' | 'structure';

const maxReachable = 100_000;

/**
 * A signed revision beside the document as it is now, and what has been found out about the objects that differ. A change is accepted for the
 * role that an object has; `judgeUses` then makes sure that it has no other role.
 */
export class Comparison {
  readonly before: PdfDocument;
  readonly after: PdfDocument;
  /** Accepted changes by object number. */
  readonly kinds = new Map<number, Kind>();
  /** By object number; 0 stands for the file as a whole. */
  readonly complaints = new Map<number, string>();
  /** Which uses an old object that was changed may have; absent where its permitted changes do no harm in any use. */
  readonly #permitted = new Map<number, (use: Use) => boolean>();

  /** By holder. */
  readonly #mentioned = new Map<number, ReadonlySet<number>>();

  constructor(before: PdfDocument, after: PdfDocument) {
    this.before = before;
    this.after = after;
  }

  /** @param permitted uses that the object may have where it is an old one */
  accept(number: number, kind: Kind, permitted?: (use: Use) => boolean): void {
    if (this.kinds.has(number)) return;
    this.kinds.set(number, kind);
    if (permitted) this.#permitted.set(number, permitted);
  }

  complain(number: number, what: string): void {
    const known = this.complaints.get(number);
    if (known !== what) this.complaints.set(number, known === undefined ? what : `${known}; ${what}`);
  }

  /** The signed revision has no such object. */
  isNew(number: number): boolean {
    const location = this.before.xref.locate(number);
    return location === undefined || location.kind === 'free';
  }

  differingKeys(old: Dictionary, oldObject: IndirectObject, now: Dictionary, nowObject: IndirectObject): string[] {
    return differingKeys(old, this.#old(oldObject), now, this.#new(nowObject));
  }

  equal(old: Value, oldObject: IndirectObject, now: Value, nowObject: IndirectObject): boolean {
    return equal(old, this.#old(oldObject), now, this.#new(nowObject));
  }

  #old(object: IndirectObject): Place {
    return { document: this.before, object };
  }

  #new(object: IndirectObject): Place {
    return { document: this.after, object };
  }

  /** Accepts the new objects that a value leads to. */
  acceptNew(value: Value, kind: Kind): void {
    for (const number of numbersFrom(this.after, value)) if (this.isNew(number)) this.accept(number, kind);
  }

  /** Whether an array keeps its items in their order and adds nothing but references to these objects. */
  onlyAdds(old: Value, oldObject: IndirectObject, now: Value, nowObject: IndirectObject, added: ReadonlySet<number>): boolean {
    const [before, after] = [this.before.follow(old, oldObject), this.after.follow(now, nowObject)];
    const [kept, items] = [itemsOf(before.value), itemsOf(after.value)];
    if (!kept || !items) return false;
    let at = 0;
    for (const item of items) {
      const expected = kept[at];
      if (expected !== undefined && this.equal(expected, before.object, item, after.object)) at++;
      else if (!(item instanceof Reference && added.has(item.number))) return false;
    }
    return at === kept.length;
  }

  /**
   * An object that was accepted must not mean something else too: an old one only what it was accepted for, a new one nothing that the signed
   * revision spoke of already (shadow attacks: the place is prepared before the signature and filled afterwards).
   */
  judgeUses(changed: readonly number[]): void {
    const uses = usesIn(this.after);
    for (const number of uses.unreadable) this.complain(number, 'cannot be read, so that nobody knows what it shows');
    const end = this.before.source.size;
    for (const stream of uses.streams)
      if (stream.start < end && stream.end > end) this.complain(stream.number, 'a stream reaches from the signed bytes into later ones');
    const isChanged = new Set(changed);
    for (const number of changed) {
      if (!this.kinds.has(number)) continue;
      const permitted = this.isNew(number) ? (use: Use) => this.#isLater(use, number, isChanged) : this.#permitted.get(number);
      const wrong = permitted && uses.of.get(number)?.find((use) => !permitted(use));
      if (!wrong) continue;
      const place = wrong.holder === 0 ? 'the trailer' : `object ${wrong.holder}`;
      this.complain(
        number,
        `${this.isNew(number) ? 'was added' : 'was changed'}, and ${place} shows it${wrong.path === '' ? '' : ` as /${wrong.path}`}`,
      );
    }
  }

  /** Whether the reference itself was added later. */
  #isLater({ holder }: Use, number: number, isChanged: ReadonlySet<number>): boolean {
    if (holder === 0 || this.isNew(holder)) return true;
    if (!isChanged.has(holder)) return false;
    return !this.#mentionedBefore(holder).has(number);
  }

  /** What the signed revision's object refers to; long lists are asked about each of their items. */
  #mentionedBefore(holder: number): ReadonlySet<number> {
    const mentioned =
      this.#mentioned.get(holder) ?? new Set([...referencesIn(this.before.current(holder)?.value ?? null)].map(([{ number }]) => number));
    this.#mentioned.set(holder, mentioned);
    return mentioned;
  }
}

function itemsOf(value: Value): readonly Value[] | undefined {
  if (value === null) return [];
  return value instanceof ArrayObject ? value.items : undefined;
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
