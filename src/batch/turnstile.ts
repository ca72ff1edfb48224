/** Lets a few through at the same time; the others keep their order. */
export class Turnstile {
  readonly #places: number;
  readonly #queue: (() => void)[] = [];
  #taken = 0;

  constructor(places: number) {
    this.#places = places;
  }

  /** Does the work when there is a place. @throws what the work throws; the signal's reason while waiting */
  async pass<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#taken < this.#places) this.#taken++;
    else await this.#turn(signal);
    try {
      signal.throwIfAborted();
      return await work();
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#taken--;
      else next();
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const called = (): void => {
      resolve(undefined);
    };
    const left = (): void => {
      const at = this.#queue.indexOf(called);
      if (at < 0) return;
      this.#queue.splice(at, 1);
      reject(signal.reason as Error);
    };
    this.#queue.push(called);
    signal.addEventListener('abort', left, { once: true });
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', left);
    }
  }
}
