import { displayName } from '../../formats/names.ts';
import type { Effects } from '../../ports/effects.ts';
import type { Notification, ReadyBatch } from './message.ts';
import type { Outbox } from './outbox.ts';

const page = 500;
/** Batches that one message names. */
const perMessage = 100;
/** ms: what became ready before that, while nothing could be delivered, is left out. */
const oldest = 24 * 3_600_000;
/** ms between two messages: people get a list now and then, programs each batch at once. */
const pauses = { email: 600_000, webhook: 0 } as const;

type FeedEffects = Pick<Effects, 'clock' | 'log' | 'store'>;

/**
 * Tells one channel of each batch that became ready, once: it reads on in the audit log where the last message that arrived ended, over restarts
 * too. One message at a time, so a receiver that is down costs nothing but a later, longer message.
 */
export class ReadyFeed {
  readonly #fx: FeedEffects;
  readonly #outbox: Outbox;
  readonly #roots: ReadonlySet<string>;
  /** Rows of the audit log up to here were looked at; the second is in the database. */
  #from = 0;
  #remembered = 0;
  #saidAt = -Infinity;
  #busy = false;

  /** @param roots names; batches of commands told their caller */
  constructor(fx: FeedEffects, outbox: Outbox, roots: readonly string[]) {
    this.#fx = fx;
    this.#outbox = outbox;
    this.#roots = new Set(roots);
  }

  /** The first time it begins at the end of the log: nobody wants to hear of the past. @throws SealError SEAL-STORE-* */
  async start(): Promise<void> {
    const { store } = this.#fx;
    const known = await store.meta(this.#meta);
    this.#from = known === undefined ? (await store.auditHead()).seq : Number(known);
    this.#remembered = this.#from;
    if (known === undefined) await this.#remember();
  }

  /**
   * Sends what is new, if nothing is under way.
   * @param compose makes the message
   * @throws SealError SEAL-STORE-*
   */
  async look(compose: (conditions: Notification['conditions']) => Notification): Promise<void> {
    const { clock } = this.#fx;
    if (this.#busy || clock.monotonic() < this.#saidAt + pauses[this.#outbox.channel.name]) return;
    this.#busy = true;
    try {
      const { batches, to } = await this.#readyAfter(this.#from);
      if (batches.length > 0) {
        this.#saidAt = clock.monotonic();
        if (!(await this.#outbox.deliver(compose(batches.map(conditionOf))))) return;
      }
      this.#from = to;
      if (batches.length > 0 || to - this.#remembered >= page) await this.#remember();
    } finally {
      this.#busy = false;
    }
  }

  get #meta(): string {
    return `notify.ready.${this.#outbox.channel.name}`;
  }

  async #remember(): Promise<void> {
    await this.#fx.store.setMeta(this.#meta, String(this.#from));
    this.#remembered = this.#from;
  }

  async #readyAfter(from: number): Promise<{ readonly batches: ReadyBatch[]; readonly to: number }> {
    const { clock, store } = this.#fx;
    const batches: ReadyBatch[] = [];
    for (let to = from; ;) {
      const rows = await store.auditRows(to, page);
      for (const { seq, at, action, details } of rows) {
        to = seq;
        const { batch: id, root } = details;
        if (action !== 'batch.released' || typeof id !== 'string' || typeof root !== 'string' || !this.#roots.has(root)) continue;
        if (at < clock.now() - oldest) continue;
        const batch = await store.batch(id);
        if (batch !== undefined)
          batches.push({ id, root, path: displayName(batch.outPath), documents: batch.documents, failed: batch.failed });
        if (batches.length === perMessage) return { batches, to };
      }
      if (rows.length < page) return { batches, to };
    }
  }
}

function conditionOf(batch: ReadyBatch): Notification['conditions'][number] {
  const { id, root, path, documents, failed } = batch;
  const without = failed === 0 ? '' : ` without ${failed} that failed`;
  return {
    event: 'batchReady',
    subject: `batch ${id}`,
    message: `root ${root}: ${path} is ready (${documents - failed} ${documents - failed === 1 ? 'document' : 'documents'}${without}, batch ${id})`,
    batch,
  };
}
