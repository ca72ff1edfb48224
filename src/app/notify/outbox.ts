import { asSealError } from '../../errors.ts';
import type { Effects } from '../../ports/effects.ts';
import type { Channel } from './channels.ts';
import type { Notification } from './message.ts';
import type { ChannelProblem } from './problem.ts';

const second = 1_000;
const firstRetry = 30 * second;
const longestRetry = 3_600 * second;
/** ms after which a message is given up. */
const giveUpAfter = 24 * 3_600 * second;

/** Sends on one channel, again and again where that makes sense, and knows when nothing arrives. */
export class Outbox {
  readonly channel: Channel;
  readonly #fx: Pick<Effects, 'clock' | 'log'>;
  readonly #signal: AbortSignal;
  #waiting = 0;
  #failing: Pick<ChannelProblem, 'since' | 'error'> | undefined;

  /** @param signal aborted when the daemon stops */
  constructor(fx: Pick<Effects, 'clock' | 'log'>, channel: Channel, signal: AbortSignal) {
    this.#fx = fx;
    this.channel = channel;
    this.#signal = signal;
  }

  get problem(): ChannelProblem | undefined {
    return this.#failing === undefined ? undefined : { channel: this.channel.name, waiting: this.#waiting, ...this.#failing };
  }

  /** Never rejects. @returns whether that is settled: it arrived, was refused for good, or was given up after a day; else the daemon stops */
  async deliver(notification: Notification): Promise<boolean> {
    this.#waiting++;
    try {
      return await this.#untilSettled(notification);
    } finally {
      this.#waiting--;
    }
  }

  async #untilSettled(notification: Notification): Promise<boolean> {
    const { clock, log } = this.#fx;
    const fields = { channel: this.channel.name, notification: notification.id };
    for (let wait = firstRetry; ; wait = Math.min(longestRetry, 2 * wait)) {
      try {
        await this.channel.send(notification, this.#signal);
        this.#failing = undefined;
        const events = notification.conditions.map(({ event, subject }) => `${event} ${subject}`);
        log.info({ ...fields, events }, 'notification delivered');
        return true;
      } catch (thrown) {
        if (this.#signal.aborted) return false;
        const error = asSealError(thrown);
        this.#failing = { since: this.#failing?.since ?? clock.now(), error: error.toJSON() };
        if (!error.retryable || clock.now() - notification.at > giveUpAfter) {
          log.error({ ...fields, error: error.toJSON() }, 'notification given up');
          return true;
        }
        log.warn({ ...fields, error: error.toJSON(), again: wait }, 'notification not delivered; it is tried again');
        const slept = await clock.sleep(wait, this.#signal).then(
          () => true,
          () => false,
        );
        if (!slept) return false;
      }
    }
  }
}
