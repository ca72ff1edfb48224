import type { Clock, Timer } from '../../src/ports/clock.ts';

interface Due {
  at: number;
  readonly call: () => void | Promise<void>;
  /** ms between two calls; absent: once. */
  readonly every?: number;
}

/** 2026-11-22 06:21:29 UTC. */
export const testStart: number = Date.UTC(2026, 10, 22, 6, 21, 29);

/** A clock that stands still until a test moves it. Wall time can jump apart from the monotonic time. */
export class ManualClock implements Clock {
  #wall: number;
  #monotonic = 0;
  readonly #timers = new Set<Due>();

  /** @param start UTC ms */
  constructor(start: number = testStart) {
    this.#wall = start;
  }

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  /** Timers that wait. */
  get waiting(): number {
    return this.#timers.size;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (): void => {
        timer.cancel();
        const reason: unknown = signal?.reason;
        reject(reason instanceof Error ? reason : new Error(String(reason)));
      };
      const timer = this.after(ms, () => {
        signal?.removeEventListener('abort', fail);
        resolve();
      });
      if (signal?.aborted === true) fail();
      else signal?.addEventListener('abort', fail, { once: true });
    });
  }

  after(ms: number, call: () => void): Timer {
    return this.#add({ at: this.#monotonic + Math.max(0, ms), call });
  }

  every(ms: number, call: () => void | Promise<void>): Timer {
    return this.#add({ at: this.#monotonic + ms, call, every: ms });
  }

  /** Moves both clocks on; what falls due on the way is called in its order and awaited, and what that starts has a chance to run. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    for (;;) {
      await settled();
      const next = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#move(Math.max(next.at, this.#monotonic));
      if (next.every === undefined) this.#timers.delete(next);
      else next.at += next.every;
      await next.call();
    }
    this.#move(end);
  }

  /** The wall clock alone jumps: somebody set the time. */
  jump(ms: number): void {
    this.#wall += ms;
  }

  #move(to: number): void {
    this.#wall += to - this.#monotonic;
    this.#monotonic = to;
  }

  #add(timer: Due): Timer {
    this.#timers.add(timer);
    return {
      cancel: () => {
        this.#timers.delete(timer);
      },
    };
  }
}

/** Everything that can run without the clock moving has run: a few turns of the event loop. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}
