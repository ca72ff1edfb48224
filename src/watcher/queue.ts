/** Something that waits for its turn. */
export interface Queued {
  /** Name of the root. */
  readonly root: string;
  /** Of the root: no batch ranks above its root towards other roots. */
  readonly rootPriority: number;
  /** Of the batch; higher first. Orders the batches of a root; a lower one than the root's lets other roots pass too. */
  readonly priority: number;
  /** UTC ms; older first. */
  readonly approvedAt: number;
}

interface Lane<T> {
  /** Sorted: the next one last. */
  readonly items: T[];
  /** When it was served last, in turns. */
  served: number;
}

/**
 * Who is next: the highest priority, and among roots of equal priority each in its turn, so that 10,000 batches in one root do not keep a
 * single one in another waiting. Within a root by priority, then by age. Pure: no clock, no effects.
 */
export class FairQueue<T extends Queued> {
  readonly #lanes = new Map<string, Lane<T>>();
  #turn = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(item: T): void {
    let lane = this.#lanes.get(item.root);
    if (lane === undefined) {
      // New ones come after those that wait already, but before those that were just served.
      lane = { items: [], served: -1 };
      this.#lanes.set(item.root, lane);
    }
    const { items } = lane;
    let low = 0;
    let high = items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = items[middle];
      if (other !== undefined && before(item, other)) low = middle + 1;
      else high = middle;
    }
    items.splice(low, 0, item);
    this.#size++;
  }

  /** Takes the next one out; roots that may not be served now keep their place. */
  take(mayServe: (root: string) => boolean = () => true): T | undefined {
    let best: Lane<T> | undefined;
    let bestPriority = -Infinity;
    for (const [root, lane] of this.#lanes) {
      const next = lane.items.at(-1);
      if (next === undefined || !mayServe(root)) continue;
      const priority = Math.min(next.priority, next.rootPriority);
      if (best === undefined || priority > bestPriority || (priority === bestPriority && lane.served < best.served)) {
        best = lane;
        bestPriority = priority;
      }
    }
    const item = best?.items.pop();
    if (best === undefined || item === undefined) return undefined;
    best.served = ++this.#turn;
    this.#size--;
    return item;
  }

  /** Takes out one that no longer waits. False when it was not there. */
  remove(item: T): boolean {
    const items = this.#lanes.get(item.root)?.items;
    const at = items?.indexOf(item) ?? -1;
    if (items === undefined || at < 0) return false;
    items.splice(at, 1);
    this.#size--;
    return true;
  }
}

/** Whether `a` is served before `b`, both of one root. */
function before(a: Queued, b: Queued): boolean {
  return a.priority === b.priority ? a.approvedAt < b.approvedAt : a.priority > b.priority;
}
