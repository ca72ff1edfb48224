import type { Clock, Timer } from '../ports/clock.ts';

const second = 1_000;

/** Whoever looks after the daemon: systemd. */
export interface Supervisor {
  /** ms after which a daemon that says nothing is taken for dead. */
  readonly watchdog: number | undefined;
  notify(state: 'READY=1' | 'STOPPING=1' | 'RELOADING=1' | 'WATCHDOG=1', status?: string): void;
}

/** For /livez and for systemd's watchdog: as long as timers run, the main loop does. */
export class Heartbeat {
  readonly #clock: Pick<Clock, 'every' | 'monotonic'>;
  readonly #supervisor: Supervisor;
  #beat: number;
  #timers: readonly Timer[] = [];

  constructor(clock: Pick<Clock, 'every' | 'monotonic'>, supervisor: Supervisor) {
    this.#clock = clock;
    this.#supervisor = supervisor;
    this.#beat = clock.monotonic();
  }

  /** ms since the last beat; one a second while all is well. */
  get since(): number {
    return this.#clock.monotonic() - this.#beat;
  }

  start(): void {
    const { watchdog } = this.#supervisor;
    const beat = this.#clock.every(second, () => {
      this.#beat = this.#clock.monotonic();
    });
    const guard =
      watchdog === undefined
        ? []
        : [
            this.#clock.every(watchdog, () => {
              this.#supervisor.notify('WATCHDOG=1');
            }),
          ];
    this.#timers = [beat, ...guard];
  }

  stop(): void {
    for (const timer of this.#timers) timer.cancel();
  }
}
