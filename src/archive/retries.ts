import type { Effects } from '../ports/effects.ts';

/** Pauses after failures, ms: `first`, twice, four times… up to `longest`. */
interface Pauses {
  readonly first: number;
  readonly longest: number;
}

const minute = 60_000;

export const pauses = {
  /** An authority that gives no timestamp. */
  anchor: { first: minute, longest: 30 * minute },
  /** Fresher revocation data comes when its issuer publishes: asking more often only makes noise. */
  freeze: { first: 30 * minute, longest: 6 * 60 * minute },
} as const satisfies Record<string, Pauses>;

/** When work that has failed is tried again, by its name. Lives as long as the process. */
export class Retries {
  readonly #clock: Effects['clock'];
  /** `next`: monotonic ms. */
  readonly #failed = new Map<string, { readonly failures: number; readonly next: number }>();

  constructor({ clock }: Pick<Effects, 'clock'>) {
    this.#clock = clock;
  }

  mayTry(work: string): boolean {
    return (this.#failed.get(work)?.next ?? -Infinity) <= this.#clock.monotonic();
  }

  /** @returns how often in a row */
  failed(work: string, { first, longest }: Pauses): number {
    const failures = (this.#failed.get(work)?.failures ?? 0) + 1;
    const wait = Math.min(longest, first * 2 ** Math.min(failures - 1, 10));
    this.#failed.set(work, { failures, next: this.#clock.monotonic() + wait });
    return failures;
  }

  succeeded(work: string): void {
    this.#failed.delete(work);
  }

  /** Everything may be tried now. */
  clear(): void {
    this.#failed.clear();
  }
}
