import type { Worker } from 'node:worker_threads';

/**
 * What a thread has used of the processor since a piece of work began, ms. By the clock alone a machine that is busy otherwise would end honest work.
 * A thread answers between two native calls; until then the last answer counts.
 */
export class ProcessorTime {
  readonly #worker: Worker;
  #work = 0;
  #began: number | undefined;
  #used = 0;

  constructor(worker: Worker) {
    this.#worker = worker;
  }

  /** Whether this Node can tell (24.6 and later). */
  get known(): boolean {
    return typeof (this.#worker as Partial<Worker>).cpuUsage === 'function';
  }

  /** ms, as far as the thread has told. */
  get used(): number {
    return this.#used;
  }

  /** Another piece of work. */
  begin(): void {
    this.#work++;
    this.#began = undefined;
    this.#used = 0;
    this.ask(() => undefined);
  }

  /** @param told called when the thread has answered about the work that it had then */
  ask(told: () => void): void {
    if (!this.known) return;
    const work = this.#work;
    this.#worker.cpuUsage().then(
      ({ user, system }) => {
        if (work !== this.#work) return;
        const now = (user + system) / 1_000;
        this.#began ??= now;
        this.#used = now - this.#began;
        told();
      },
      // It has ended: whoever waits for its answer hears of that.
      () => undefined,
    );
  }
}
