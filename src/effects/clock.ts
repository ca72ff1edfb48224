import type { Clock, Timer } from '../ports/clock.ts';

/** Longest delay that setTimeout takes, ms; a longer one would fire at once. */
const longest = 2 ** 31 - 1;

function start(ms: number, call: () => void, keepsAlive: boolean): Timer {
  let timer: NodeJS.Timeout;
  const wait = (left: number): void => {
    const now = Math.min(left, longest);
    timer = setTimeout(() => {
      if (left > now) wait(left - now);
      else call();
    }, now);
    if (!keepsAlive) timer.unref();
  };
  wait(Math.max(0, ms));
  return {
    cancel: () => {
      clearTimeout(timer);
    },
  };
}

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(reasonOf(signal));
      return;
    }
    const aborted = (): void => {
      timer.cancel();
      if (signal !== undefined) reject(reasonOf(signal));
    };
    const timer = start(
      ms,
      () => {
        signal?.removeEventListener('abort', aborted);
        resolve();
      },
      true,
    );
    signal?.addEventListener('abort', aborted, { once: true });
  });
}

function reasonOf(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason : new Error(String(reason));
}

/** Calls at the full interval, skips what falls due while a call runs; a call that rejects is a defect and ends the process. */
function every(ms: number, call: () => void | Promise<void>): Timer {
  let running = false;
  const timer = setInterval(() => {
    if (running) return;
    running = true;
    void Promise.resolve(call()).finally(() => (running = false));
  }, ms);
  timer.unref();
  return {
    cancel: () => {
      clearInterval(timer);
    },
  };
}

/** The machine's clocks. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep,
  after: (ms, call) => start(ms, call, false),
  every,
};
