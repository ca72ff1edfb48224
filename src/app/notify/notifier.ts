import { asSealError } from '../../errors.ts';
import type { NotifyConfig } from '../../model/notify.ts';
import type { Effects } from '../../ports/effects.ts';
import type { Timer } from '../../ports/clock.ts';
import type { StatusReport } from '../status-report.ts';
import { conditions, type Condition } from './conditions.ts';
import type { Channel } from './channels.ts';
import { nameOf, toTell, type Ledger, type Told } from './ledger.ts';
import type { Notification } from './message.ts';

const second = 1_000;
const lookEvery = 15 * second;
const firstRetry = 30 * second;
const longestRetry = 3_600 * second;
/** ms after which a message is given up. */
const giveUpAfter = 24 * 3_600 * second;
/** Messages under way at the same time: a server that is down for long must not fill the memory. */
const maxUnderWay = 50;
const meta = 'notify.told';

export interface NotifierParts {
  readonly config: Pick<NotifyConfig, 'events'>;
  readonly channels: readonly Channel[];
  readonly source: string;
  readonly status: () => Promise<StatusReport>;
}

/**
 * Tells people what needs them, beside the work and never in its way. What lasts is told once; what was told is remembered in the database, written there
 * when the message has left, so that nothing is lost and nothing repeated over a restart.
 */
export class Notifier {
  readonly #fx: Pick<Effects, 'clock' | 'log' | 'random' | 'store'>;
  readonly #parts: NotifierParts;
  readonly #stopping = new AbortController();
  readonly #underWay = new Map<Promise<void>, readonly string[]>();
  #ledger: Ledger = new Map();
  /** Of the look before: what shows up once only is not told of. */
  #before = new Set<string>();
  #timer: Timer | undefined;

  constructor(fx: Pick<Effects, 'clock' | 'log' | 'random' | 'store'>, parts: NotifierParts) {
    this.#fx = fx;
    this.#parts = parts;
  }

  async start(): Promise<void> {
    const known = await this.#fx.store.meta(meta);
    this.#ledger = new Map(known === undefined ? [] : (JSON.parse(known) as [string, Told][]));
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
    try {
      const { clock, random } = this.#fx;
      const now = clock.now();
      const all = conditions(await this.#parts.status(), now).filter(({ event }) => this.#parts.config.events.includes(event));
      const lasting = all.filter((condition) => this.#before.has(nameOf(condition)));
      this.#before = new Set(all.map(nameOf));
      const { due, ledger } = toTell(lasting, this.#ledger, now);
      const changed =
        ledger.size !== this.#ledger.size || due.length > 0 || [...ledger].some(([name, told]) => this.#ledger.get(name) !== told);
      this.#ledger = ledger;
      if (due.length > 0)
        this.#begin(due, { id: `msg_${random.bytes(12).toString('hex')}`, at: now, source: this.#parts.source, conditions: due });
      else if (changed) await this.#remember();
    } catch (thrown) {
      this.#fx.log.error({ error: asSealError(thrown).toJSON() }, 'notifications: the state could not be looked at');
    }
  }

  #begin(due: readonly Condition[], notification: Notification): void {
    if (this.#underWay.size >= maxUnderWay) {
      this.#fx.log.error({ messages: this.#underWay.size }, 'too many notifications wait for their servers; this one is dropped');
      return;
    }
    const sending = this.#deliver(notification).finally(() => {
      this.#underWay.delete(sending);
    });
    this.#underWay.set(sending, due.map(nameOf));
    void sending.then(() => this.#remember());
  }

  /** On every channel, each for itself. */
  async #deliver(notification: Notification): Promise<void> {
    await Promise.all(this.#parts.channels.map((channel) => this.#deliverOn(channel, notification)));
  }

  async #deliverOn(channel: Channel, notification: Notification): Promise<void> {
    const { clock, log } = this.#fx;
    const { signal } = this.#stopping;
    const fields = { channel: channel.name, notification: notification.id };
    for (let wait = firstRetry; !signal.aborted; wait = Math.min(longestRetry, 2 * wait)) {
      try {
        await channel.send(notification, signal);
        log.info(
          { ...fields, events: notification.conditions.map(({ event, subject }) => `${event} ${subject}`) },
          'notification delivered',
        );
        return;
      } catch (thrown) {
        const error = asSealError(thrown);
        if (!error.retryable || clock.now() - notification.at > giveUpAfter) {
          log.error({ ...fields, error: error.toJSON() }, 'notification given up');
          return;
        }
        log.warn({ ...fields, error: error.toJSON(), again: wait }, 'notification not delivered; it is tried again');
        await clock.sleep(wait, signal).catch(() => undefined);
      }
    }
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
