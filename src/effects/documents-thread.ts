import { Worker } from 'node:worker_threads';
import { SealError, type ErrorCode } from '../errors.ts';
import {
  pack,
  progressCells,
  unpackAnswer,
  type DocumentAnswer,
  type DocumentMessage,
  type DocumentRequest,
} from './documents-messages.ts';
import { ProcessorTime } from './processor-time.ts';
import type { VerifyOptions } from '../ports/documents.ts';
import type { Timer } from '../ports/clock.ts';
import type { Effects } from '../ports/effects.ts';

export interface ThreadOptions {
  /** ms of the processor that one job may take, besides what its size allows it. */
  readonly timeLimit: number;
  /** MiB of JavaScript heap. */
  readonly memoryLimit: number;
  /** The worker's code. */
  readonly entry: URL;
}

/** The worker ended before it answered. `job` is the index of the one that ran; -1 when none had begun. */
export interface Loss {
  readonly job: number;
  readonly error: SealError;
}

// How often in one time limit the progress is looked at: a job is ended at most a quarter late.
const looks = 4;
/** How much longer it may take by the clock: the processor has other work, a file comes slowly. */
const patience = 10;
/** ms for starting the thread and taking the first job, on a machine that is busy otherwise. */
const startLimit = 60_000;

/** One worker thread, which has one request at a time. After a loss the next request starts a new one. */
export class DocumentThread {
  readonly #clock: Effects['clock'];
  readonly #options: ThreadOptions;
  readonly #progress = new Int32Array(new SharedArrayBuffer(8));
  #worker: Worker | undefined;
  #watch: Timer | undefined;
  #busy = false;
  /** What the running worker trusts. */
  #trust: VerifyOptions | undefined;

  constructor(clock: Effects['clock'], options: ThreadOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  get busy(): boolean {
    return this.#busy;
  }

  /** Never rejects. */
  async ask(request: DocumentRequest): Promise<DocumentAnswer | Loss> {
    this.#busy = true;
    Atomics.store(this.#progress, progressCells.job, -1);
    Atomics.store(this.#progress, progressCells.allowance, 0);
    try {
      return await this.#exchange(request);
    } finally {
      this.#watch?.cancel();
      this.#worker?.unref();
      this.#busy = false;
    }
  }

  async end(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  #exchange(request: DocumentRequest): Promise<DocumentAnswer | Loss> {
    const worker = (this.#worker ??= this.#start());
    worker.ref();
    return new Promise((resolve) => {
      let reason: SealError | undefined;
      let culprit: number | undefined;
      const done = (outcome: DocumentAnswer | Loss): void => {
        worker.off('message', answered).off('error', failed).off('exit', ended);
        resolve(outcome);
      };
      const answered = (bytes: Uint8Array): void => {
        done(unpackAnswer(bytes));
      };
      const failed = (cause: unknown): void => {
        reason ??= failure(cause);
      };
      const ended = (code: number): void => {
        if (this.#worker === worker) this.#worker = undefined;
        const job = culprit ?? Atomics.load(this.#progress, progressCells.job);
        done({ job, error: reason ?? loss('SEAL-INTERNAL', `the worker for documents ended (${code})`) });
      };
      worker.on('message', answered).on('error', failed).on('exit', ended);
      this.#watchOver(new ProcessorTime(worker), (job) => {
        // Until the thread has ended it may get on to the next one, which did nothing wrong.
        culprit = job;
        reason ??=
          job < 0
            ? loss('SEAL-INTERNAL', 'the worker for documents did not begin')
            : loss('SEAL-DOC-LIMIT', `the document took longer than ${this.#options.timeLimit / 1000} s`);
        void worker.terminate();
      });
      const packed = pack(this.#messageOf(request));
      worker.postMessage(packed, [packed.buffer]);
    });
  }

  #messageOf(request: DocumentRequest): DocumentMessage {
    if (request.op !== 'verify') return request;
    const { jobs, options } = request;
    if (this.#trust !== undefined && sameTrust(this.#trust, options)) return { op: 'verify', jobs, options: { at: options.at } };
    this.#trust = options;
    return request;
  }

  /** Calls, once, when one job has run for longer than its limit. */
  #watchOver(processor: ProcessorTime, late: (job: number) => void): void {
    const { timeLimit } = this.#options;
    const pause = timeLimit / looks;
    const running = (): number => Atomics.load(this.#progress, progressCells.job);
    let job = -1;
    let since = this.#clock.monotonic();
    let timer = this.#clock.after(pause, () => {
      look();
    });
    let over = false;
    const judge = (): void => {
      const limit = timeLimit + Atomics.load(this.#progress, progressCells.allowance);
      const byClock = job < 0 ? startLimit : processor.known ? patience * limit : limit;
      // What it had used before the first look is not known.
      const exceeded = this.#clock.monotonic() - since > byClock || processor.used > limit - pause;
      if (over || !exceeded || running() !== job) return;
      over = true;
      late(job);
    };
    const look = (): void => {
      if (running() === job) processor.ask(judge);
      else {
        job = running();
        since = this.#clock.monotonic();
        processor.begin();
      }
      judge();
      if (!over) timer = this.#clock.after(pause, look);
    };
    this.#watch = {
      cancel: () => {
        over = true;
        timer.cancel();
      },
    };
  }

  #start(): Worker {
    this.#trust = undefined;
    const worker = new Worker(this.#options.entry, {
      name: 'documents',
      workerData: this.#progress.buffer,
      resourceLimits: { maxOldGenerationSizeMb: this.#options.memoryLimit },
    });
    // Between two requests nobody else listens; what happens then shows at the next one.
    worker.on('error', () => {
      if (this.#worker === worker) this.#worker = undefined;
    });
    return worker;
  }
}

/** The very same lists: comparing them byte by byte is left to the thread. */
function sameTrust(one: VerifyOptions, other: VerifyOptions): boolean {
  return (
    one.anchors === other.anchors &&
    one.certificates === other.certificates &&
    one.revocation === other.revocation &&
    one.revocationMode === other.revocationMode &&
    one.algorithms === other.algorithms &&
    one.structureOnly === other.structureOnly
  );
}

function failure(cause: unknown): SealError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'ERR_WORKER_OUT_OF_MEMORY') return loss('SEAL-DOC-LIMIT', 'the document took too much memory', cause);
  return loss('SEAL-INTERNAL', 'the worker for documents failed', cause);
}

function loss(code: ErrorCode, message: string, cause?: unknown): SealError {
  const hint =
    code === 'SEAL-DOC-LIMIT'
      ? 'have the document checked: an honest one does not need that much'
      : 'please report this with the log lines around it';
  return new SealError(code, message, { hint, cause });
}
