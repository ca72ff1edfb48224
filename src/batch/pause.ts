import { SealError, type ErrorReport } from '../errors.ts';
import type { Timer } from '../ports/clock.ts';
import type { Effects } from '../ports/effects.ts';
import type { Drive } from './drive.ts';

/** A step that waits inside itself: it counts as waiting, its row tells why, and `maxWait` ends it. */
export class Pause {
  readonly #fx: Pick<Effects, 'clock' | 'store'>;
  readonly #drive: Drive;
  readonly #limit: number | undefined;
  readonly #log: Effects['log'];
  readonly #over = new AbortController();
  #reason: ErrorReport | undefined;
  #timer: Timer | undefined;

  /** @param limit ms; undefined: for ever */
  constructor(fx: Pick<Effects, 'clock' | 'store'>, drive: Drive, limit: number | undefined, log: Effects['log']) {
    this.#fx = fx;
    this.#drive = drive;
    this.#limit = limit;
    this.#log = log;
  }

  /** Aborted when it has waited too long. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  get reason(): ErrorReport | undefined {
    return this.#reason;
  }

  note(reason: ErrorReport | undefined): void {
    const before = this.#reason;
    this.#reason = reason;
    this.#drive.pause(reason !== undefined);
    if (reason?.code === before?.code) return;
    this.#timer?.cancel();
    const { clock, store } = this.#fx;
    const write = async (): Promise<void> => {
      if (reason === undefined) {
        await store.setWaiting(this.#drive.id, undefined);
        return;
      }
      const { since, again } = this.#drive.stands(reason, clock);
      if (!again) this.#log.info({ reason }, 'batch waits');
      await store.setWaiting(this.#drive.id, { ...reason, since });
    };
    // The row is for people; the step goes on without it.
    void write().catch(() => undefined);
    if (reason === undefined || this.#limit === undefined) return;
    this.#timer = clock.after(Math.max(0, this.#limit - this.#drive.waited), () => {
      this.#over.abort(SealError.from(reason));
    });
  }

  end(): void {
    this.#timer?.cancel();
  }
}
