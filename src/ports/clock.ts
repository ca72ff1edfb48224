export interface Timer {
  cancel(): void;
}

/** Wall time and monotonic time, the only ones in the program. A test's clock stands still until it is moved. */
export interface Clock {
  /** UTC, ms since the epoch; may jump. */
  now(): number;
  /** ms from an arbitrary start; never jumps. Durations are measured with this one. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls once after `ms`; does not keep the process alive. */
  after(ms: number, call: () => void): Timer;
  /** Calls every `ms`; never two calls at once; does not keep the process alive. */
  every(ms: number, call: () => void | Promise<void>): Timer;
}
