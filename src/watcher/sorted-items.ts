import type { FileKind } from '../ports/files.ts';

/** One document of a claimed batch, or what stands in its place. */
export interface Item {
  readonly relPath: Buffer;
  readonly kind: FileKind;
}

/** Some items in their order: names one behind the other. A Buffer for each would cost ten times its name. */
interface Run {
  readonly bytes: Buffer;
  /** Where each name ends. */
  readonly ends: Uint32Array;
  readonly kinds: readonly FileKind[];
}

/**
 * The items of a batch, of which there may be millions: added in any order, given back in that of their names. Sorted in short runs while they come, which
 * are merged while they are read: neither takes the event loop for long.
 */
export class SortedItems implements Iterable<Item> {
  readonly #runs: Run[] = [];
  #fresh: Item[] = [];
  #length = 0;
  readonly #runLength: number;

  /** @param runLength items that are sorted at once: some milliseconds */
  constructor(runLength = 8_192) {
    this.#runLength = runLength;
  }

  get length(): number {
    return this.#length;
  }

  add(item: Item): void {
    this.#length++;
    if (this.#fresh.push(item) >= this.#runLength) this.#close();
  }

  *[Symbol.iterator](): Generator<Item, undefined> {
    this.#close();
    const heads = this.#runs.map((run) => new Head(run));
    // A heap: the smallest name is the first.
    for (let at = heads.length >> 1; at >= 0; at--) sink(heads, at);
    for (let [first] = heads; first !== undefined; [first] = heads) {
      yield { relPath: Buffer.from(first.name), kind: first.kind };
      if (!first.next()) {
        const last = heads.pop();
        if (last !== undefined && last !== first) heads[0] = last;
      }
      sink(heads, 0);
    }
  }

  #close(): void {
    if (this.#fresh.length === 0) return;
    const items = this.#fresh.sort((a, b) => Buffer.compare(a.relPath, b.relPath));
    const ends = new Uint32Array(items.length);
    let end = 0;
    items.forEach(({ relPath }, index) => (ends[index] = end += relPath.length));
    // Its own memory: a view would keep the listing that the names came from.
    this.#runs.push({ bytes: Buffer.concat(items.map(({ relPath }) => relPath)), ends, kinds: items.map(({ kind }) => kind) });
    this.#fresh = [];
  }
}

/** The next item of a run. */
class Head {
  readonly #run: Run;
  #at = 0;
  name: Buffer;

  constructor(run: Run) {
    this.#run = run;
    this.name = run.bytes.subarray(0, run.ends[0]);
  }

  get kind(): FileKind {
    return this.#run.kinds[this.#at] ?? 'file';
  }

  /** False at the end. */
  next(): boolean {
    const { bytes, ends } = this.#run;
    if (++this.#at >= ends.length) return false;
    this.name = bytes.subarray(ends[this.#at - 1], ends[this.#at]);
    return true;
  }
}

function sink(heads: Head[], from: number): void {
  const moved = heads[from];
  if (moved === undefined) return;
  let at = from;
  for (;;) {
    const [left, right] = [heads[2 * at + 1], heads[2 * at + 2]];
    const smaller = right !== undefined && left !== undefined && Buffer.compare(right.name, left.name) < 0 ? right : left;
    if (smaller === undefined || Buffer.compare(moved.name, smaller.name) <= 0) break;
    heads[at] = smaller;
    at = 2 * at + (smaller === left ? 1 : 2);
  }
  heads[at] = moved;
}
