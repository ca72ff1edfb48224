/** Lets a few through at the same time. Of those who wait the lowest rank goes first; within a rank they keep their order. */
export class Turnstile {
  readonly #places: number;
  readonly #queue: Waiting[] = [];
  #taken = 0;

  constructor(places: number) {
    this.#places = places;
  }

  /** Does the work when there is a place. @throws what the work throws; the signal's reason while waiting */
  async pass<T>(rank: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#taken < this.#places) this.#taken++;
    else await this.#turn(rank, signal);
    try {
      signal.throwIfAborted();
      return await work();
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#taken--;
      else next.called();
    }
  }

  async #turn(rank: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const waiting: Waiting = {
      rank,
      called: () => {
        resolve(undefined);
      },
    };
    const left = (): void => {
      const at = this.#queue.indexOf(waiting);
      if (at < 0) return;
      this.#queue.splice(at, 1);
      reject(signal.reason as Error);
    };
    const behind = this.#queue.findIndex((other) => other.rank > rank);
    this.#queue.splice(behind < 0 ? this.#queue.length : behind, 0, waiting);
    signal.addEventListener('abort', left, { once: true });
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', left);
    }
  }
}

interface Waiting {
  readonly rank: number;
  readonly called: () => void;
}
