import type { ErrorReport, SealError } from '../errors.ts';
import type { Batch } from '../model/batch.ts';
import type { Clock } from '../ports/clock.ts';

/** Somebody's wish to stop a batch, until it is written or refused. */
interface Cancellation {
  readonly error: ErrorReport;
  written(): void;
  refuse(error: SealError): void;
}

/** A batch under way: whether it waits and since when, and how it is woken or stopped. What is durable stands in its row. */
export class Drive {
  readonly id: string;
  readonly root: string;
  /** Resolves when nobody works on it any more. */
  ended: Promise<void> = Promise.resolve();
  cancellation: Cancellation | undefined;
  /** Whether it is delivered without some of its documents. */
  inPart = false;
  readonly #halt = new AbortController();
  #wake = new AbortController();
  #waits = false;
  /** The reason of the last wait in this state. */
  #reason: { readonly code: string; readonly since: number } | undefined;
  #waited = 0;
  #cancelled: Promise<void> | undefined;

  constructor(id: string, root: string) {
    this.id = id;
    this.root = root;
  }

  /** Ends a step early because the batch is cancelled. */
  get halt(): AbortSignal {
    return this.#halt.signal;
  }

  /** Somebody has asked to cancel it. */
  mustStop(): boolean {
    return this.cancellation !== undefined;
  }

  get waits(): boolean {
    return this.#waits;
  }

  /** ms that it has waited in its state, over all tries. */
  get waited(): number {
    return this.#waited;
  }

  /** What the row tells after a restart: a batch that waited goes on waiting. */
  resume({ waiting }: Batch, clock: Clock): void {
    if (waiting === undefined) return;
    this.#reason = waiting;
    this.#waited = Math.max(this.#waited, clock.now() - waiting.since);
  }

  /** A step begins; who pokes from now on shortens the wait after it. */
  begin({ failed }: Batch): void {
    this.#waits = false;
    this.inPart = failed > 0;
    this.#wake = new AbortController();
  }

  /** The next state is written. */
  moved(): void {
    this.#reason = undefined;
    this.#waited = 0;
  }

  /** It stands for this reason. @returns UTC ms since when, and whether an earlier try ended the same */
  stands({ code }: ErrorReport, clock: Clock): { readonly since: number; readonly again: boolean } {
    const again = this.#reason?.code === code ? this.#reason : undefined;
    this.#reason = again ?? { code, since: clock.now() };
    return { since: this.#reason.since, again: again !== undefined };
  }

  /** Whether the step that runs waits inside itself. */
  pause(waits: boolean): void {
    this.#waits = waits;
  }

  async sleep(clock: Clock, ms: number, stop: AbortSignal): Promise<void> {
    const began = clock.monotonic();
    this.#waits = true;
    await clock.sleep(Math.max(0, ms), AbortSignal.any([stop, this.#wake.signal])).catch(() => undefined);
    this.#waits = false;
    this.#waited += clock.monotonic() - began;
  }

  wake(): void {
    this.#wake.abort();
  }

  /** Resolves when the cancelling is written. */
  async cancel(error: ErrorReport): Promise<void> {
    if (this.cancellation === undefined) {
      const { promise, resolve, reject } = Promise.withResolvers<undefined>();
      this.#cancelled = promise.then(() => undefined);
      this.cancellation = {
        error,
        written: () => {
          resolve(undefined);
        },
        refuse: reject,
      };
    }
    this.#halt.abort(error);
    this.wake();
    await this.#cancelled;
  }
}
