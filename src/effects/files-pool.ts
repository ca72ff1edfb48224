import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { SealError } from '../errors.ts';
import { fromCrossing } from './files-errors.ts';
import type { FileJob, FileJobResult } from './files-jobs.ts';
import type { FileAnswer, FileRequest } from './files-messages.ts';

interface Pending {
  readonly id: number;
  readonly job: FileJob;
  readonly resolve: (result: FileJobResult) => void;
  readonly reject: (error: unknown) => void;
  /** Takes the listener off the caller's signal. */
  readonly release: () => void;
  readonly signal: AbortSignal | undefined;
}

/** Jobs that a worker holds at once: enough never to idle between two messages, few enough to share evenly. */
const held = 16;

/**
 * Threads that copy and hash whole files: the daemon's event loop sees neither. Started with the first job, one more each time all are busy;
 * they do not keep the process alive.
 */
export class HashingPool {
  readonly #size: number;
  readonly #name: string;
  readonly #threads: Thread[] = [];
  readonly #queue: Pending[] = [];
  #next = 1;
  #closed = false;

  constructor(size = Math.min(4, 2 * availableParallelism()), name = 'hashing') {
    this.#size = size;
    this.#name = name;
  }

  run(job: FileJob, signal?: AbortSignal): Promise<FileJobResult> {
    if (this.#closed) return Promise.reject(new SealError('SEAL-INTERNAL', 'the file threads are closed'));
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const id = this.#next++;
      const drop = (): void => {
        this.#drop(id);
      };
      signal?.addEventListener('abort', drop, { once: true });
      this.#queue.push({ id, job, resolve, reject, signal, release: () => signal?.removeEventListener('abort', drop) });
      this.#deal();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const pending of this.#queue.splice(0)) pending.reject(ended());
    await Promise.all(this.#threads.splice(0).map((thread) => thread.end()));
  }

  #deal(): void {
    while (this.#queue.length > 0) {
      let thread = this.#threads.reduce<Thread | undefined>((least, one) => (least && least.load <= one.load ? least : one), undefined);
      if ((thread === undefined || thread.load > 0) && this.#threads.length < this.#size) {
        thread = new Thread(
          this.#name,
          () => {
            this.#deal();
          },
          (lost) => {
            const at = this.#threads.indexOf(lost);
            if (at >= 0) this.#threads.splice(at, 1);
          },
        );
        this.#threads.push(thread);
      }
      if (thread === undefined || thread.load >= held) return;
      const pending = this.#queue.shift();
      if (pending) thread.take(pending);
    }
  }

  #drop(id: number): void {
    const at = this.#queue.findIndex((pending) => pending.id === id);
    const [waiting] = at >= 0 ? this.#queue.splice(at, 1) : [];
    waiting?.reject(waiting.signal?.reason);
    for (const thread of this.#threads) thread.drop(id);
  }
}

function ended(cause?: unknown): SealError {
  return new SealError('SEAL-INTERNAL', 'the thread that reads files ended', { cause, retryable: true });
}

class Thread {
  readonly #worker: Worker;
  readonly #running = new Map<number, Pending>();
  #outbox: { readonly id: number; readonly job: FileJob }[] = [];
  readonly #free: () => void;

  constructor(name: string, free: () => void, lost: (thread: Thread) => void) {
    this.#free = free;
    // Node runs the sources directly; the published package has .js beside this file.
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    // Answers come and go by the thousand: a heap that may grow would keep hundreds of megabytes of them before it is cleared.
    const resourceLimits = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 128 };
    this.#worker = new Worker(new URL(`../workers/hashing.${extension}`, import.meta.url), { name, resourceLimits });
    this.#worker.on('message', (answers: readonly FileAnswer[]) => {
      for (const answer of answers) this.#answer(answer);
      this.#settle();
    });
    let failure: unknown;
    this.#worker.on('error', (cause) => {
      failure = cause;
    });
    this.#worker.on('exit', (code) => {
      lost(this);
      for (const pending of this.#running.values()) pending.reject(ended(failure ?? new Error(`exit ${code}`)));
      this.#running.clear();
      this.#free();
    });
  }

  get load(): number {
    return this.#running.size;
  }

  take(pending: Pending): void {
    this.#worker.ref();
    this.#running.set(pending.id, pending);
    this.#outbox.push({ id: pending.id, job: pending.job });
    if (this.#outbox.length === 1) {
      queueMicrotask(() => {
        this.#flush();
      });
    }
  }

  /** The caller hears of it when the thread has let go of the files, so that he may remove them. */
  drop(id: number): void {
    if (this.#running.has(id)) this.#flush({ op: 'drop', id });
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #flush(then?: FileRequest): void {
    if (this.#outbox.length > 0) this.#worker.postMessage({ op: 'run', jobs: this.#outbox } satisfies FileRequest);
    this.#outbox = [];
    if (then) this.#worker.postMessage(then);
  }

  #answer(answer: FileAnswer): void {
    const pending = this.#running.get(answer.id);
    if (pending === undefined) return;
    this.#running.delete(answer.id);
    pending.release();
    if (answer.ok) pending.resolve(answer.result);
    else pending.reject(pending.signal?.aborted === true ? pending.signal.reason : fromCrossing(answer.error));
  }

  #settle(): void {
    if (this.#running.size === 0) this.#worker.unref();
    this.#free();
  }
}
