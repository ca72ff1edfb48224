import { asSealError } from '../../errors.ts';
import type { Timer } from '../../ports/clock.ts';
import type { Effects } from '../../ports/effects.ts';
import type { StatusReport } from '../status-report.ts';
import type { Channel } from './channels.ts';
import { conditions, type Condition } from './conditions.ts';
import { nameOf, toTell, type Ledger, type Told } from './ledger.ts';
import type { Notification } from './message.ts';
import { Outbox } from './outbox.ts';
import type { ChannelProblem } from './problem.ts';
import { ReadyFeed } from './ready-feed.ts';

const lookEvery = 15_000;
/** Messages under way at the same time: a server that is down for long must not fill the memory. */
const maxUnderWay = 50;
const meta = 'notify.told';

type NotifierEffects = Pick<Effects, 'clock' | 'log' | 'random' | 'store'>;

export interface NotifierParts {
  readonly channels: readonly Channel[];
  /** Names of the roots whose batches are told of. */
  readonly roots: readonly string[];
  readonly source: string;
  readonly status: () => Promise<StatusReport>;
}

/**
 * Tells people what needs them, beside the work and never in its way. What lasts is told once; what was told is remembered in the database, written there
 * when the message has left, so that nothing is lost and nothing repeated over a restart.
 */
export class Notifier {
  readonly #fx: NotifierEffects;
  readonly #parts: NotifierParts;
  readonly #stopping = new AbortController();
  readonly #outboxes: readonly Outbox[];
  readonly #feeds: readonly ReadyFeed[];
  readonly #underWay = new Map<Promise<unknown>, readonly string[]>();
  #ledger: Ledger = new Map();
  /** Of the look before: what shows up once only is not told of. */
  #before = new Set<string>();
  #timer: Timer | undefined;

  constructor(fx: NotifierEffects, parts: NotifierParts) {
    this.#fx = fx;
    this.#parts = parts;
    this.#outboxes = parts.channels.map((channel) => new Outbox(fx, channel, this.#stopping.signal));
    this.#feeds = this.#outboxes
      .filter(({ channel }) => channel.events.includes('batchReady'))
      .map((outbox) => new ReadyFeed(fx, outbox, parts.roots));
  }

  /** Channels on which nothing arrives. */
  get problems(): ChannelProblem[] {
    return this.#outboxes.flatMap(({ problem }) => problem ?? []);
  }

  async start(): Promise<void> {
    const known = await this.#fx.store.meta(meta);
    this.#ledger = new Map(known === undefined ? [] : (JSON.parse(known) as [string, Told][]));
    for (const feed of this.#feeds) await feed.start();
    this.#timer = this.#fx.clock.every(lookEvery, () => this.look());
  }

  /** What is under way is given up; it is told again after the next start if it still holds. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#stopping.abort();
    await Promise.allSettled(this.#underWay.keys());
  }

  /** Looks once, and begins to send what is to be told. Never rejects. */
  async look(): Promise<void> {
    for (const feed of this.#feeds)
      this.#watch(
        feed.look((told) => this.#compose(told)),
        [],
      );
    try {
      await this.#lookAtConditions();
    } catch (thrown) {
      this.#report(thrown);
    }
  }

  async #lookAtConditions(): Promise<void> {
    const now = this.#fx.clock.now();
    const wanted = new Set(this.#outboxes.flatMap(({ channel }) => channel.events));
    const all = conditions(await this.#parts.status(), now).filter(({ event }) => wanted.has(event));
    const lasting = all.filter((condition) => this.#before.has(nameOf(condition)));
    this.#before = new Set(all.map(nameOf));
    const { due, ledger } = toTell(lasting, this.#ledger, now);
    const changed =
      ledger.size !== this.#ledger.size || due.length > 0 || [...ledger].some(([name, told]) => this.#ledger.get(name) !== told);
    this.#ledger = ledger;
    if (due.length > 0) this.#tell(due);
    else if (changed) await this.#remember();
  }

  /** On every channel what it is for, each for itself. */
  #tell(due: readonly Condition[]): void {
    if (this.#underWay.size >= maxUnderWay) {
      this.#fx.log.error({ messages: this.#underWay.size }, 'too many notifications wait for their servers; this one is dropped');
      return;
    }
    const notification = this.#compose(due);
    const sending = this.#outboxes.flatMap((outbox) => {
      const some = due.filter(({ event }) => outbox.channel.events.includes(event));
      return some.length === 0 ? [] : [outbox.deliver({ ...notification, conditions: some })];
    });
    this.#watch(Promise.all(sending), due.map(nameOf), () => this.#remember());
  }

  #compose(told: Notification['conditions']): Notification {
    const { clock, random } = this.#fx;
    return { id: `msg_${random.bytes(12).toString('hex')}`, at: clock.now(), source: this.#parts.source, conditions: told };
  }

  /** @param names of the conditions that are written down when it has ended */
  #watch(work: Promise<unknown>, names: readonly string[], then: () => Promise<void> = () => Promise.resolve()): void {
    const watched = work
      .catch((thrown: unknown) => {
        this.#report(thrown);
      })
      .finally(() => {
        this.#underWay.delete(watched);
      });
    this.#underWay.set(watched, names);
    void watched.then(then);
  }

  #report(thrown: unknown): void {
    this.#fx.log.error({ error: asSealError(thrown).toJSON() }, 'notifications: the state could not be looked at');
  }

  /** Writes down what has been told; not what is still under way. */
  async #remember(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    const open = new Set([...this.#underWay.values()].flat());
    const told = [...this.#ledger].filter(([name]) => !open.has(name));
    try {
      await this.#fx.store.setMeta(meta, JSON.stringify(told));
    } catch (thrown) {
      this.#fx.log.error({ error: asSealError(thrown).toJSON() }, 'notifications: what was told could not be written down');
    }
  }
}
