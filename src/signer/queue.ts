import type { BatchDocument } from '../model/batch.ts';
import type { Effects } from '../ports/effects.ts';

const page = 256;

/** Documents of a batch that wait for a signature, read from the database a page at a time; those that come back go first. */
export class DocumentQueue {
  readonly #fx: Pick<Effects, 'store'>;
  readonly #batch: string;
  readonly #ready: BatchDocument[] = [];
  readonly #avoid = new Map<number, Set<string>>();
  #after = -1;
  #read = false;

  constructor(fx: Pick<Effects, 'store'>, batch: string) {
    this.#fx = fx;
    this.#batch = batch;
  }

  /** Documents at hand; reads the next page when there are few. 0: none for now. */
  async available(): Promise<number> {
    while (this.#ready.length < page / 2 && !this.#read) {
      const found = await this.#fx.store.documents(this.#batch, { afterSeq: this.#after, limit: page, state: 'spooled' });
      this.#ready.push(...found);
      this.#after = found.at(-1)?.seq ?? this.#after;
      this.#read = found.length < page;
    }
    return this.#ready.length;
  }

  /** Keys that have just failed for the next document. */
  get avoid(): ReadonlySet<string> {
    const [next] = this.#ready;
    return (next && this.#avoid.get(next.id)) ?? new Set();
  }

  /** Those at hand, as they are at any time. */
  get atHand(): readonly BatchDocument[] {
    return this.#ready;
  }

  /** The next ones. @param permits which of them may be taken */
  take(count: number, permits: (document: BatchDocument) => boolean = () => true): BatchDocument[] {
    const taken = new Set(this.#ready.filter(permits).slice(0, count));
    const rest = this.#ready.filter((document) => !taken.has(document));
    this.#ready.splice(0, this.#ready.length, ...rest);
    return [...taken];
  }

  /** Leaves what is at hand to a later run, and reads on. @returns whether there is anything else */
  async skip(): Promise<boolean> {
    this.#ready.length = 0;
    return (await this.available()) > 0;
  }

  /** @param failedOn the key that has just failed for them */
  putBack(documents: readonly BatchDocument[], failedOn?: string): void {
    this.#ready.unshift(...documents);
    if (failedOn === undefined) return;
    for (const { id } of documents) this.#avoid.set(id, (this.#avoid.get(id) ?? new Set()).add(failedOn));
  }

  /** Its document is done. */
  forget(id: number): void {
    this.#avoid.delete(id);
  }
}
