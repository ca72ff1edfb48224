import { SealError } from '../errors.ts';
import { DocumentThread } from './documents-thread.ts';
import type { DocumentRequest, DocumentResult } from './documents-messages.ts';
import type { ThreadOptions } from './documents-thread.ts';
import type {
  DocumentWork,
  Finished,
  FinishJob,
  Outcome,
  Prepared,
  PrepareJob,
  Verified,
  VerifyJob,
  VerifyOptions,
} from '../ports/documents.ts';
import type { Effects } from '../ports/effects.ts';

export interface DocumentWorkOptions extends ThreadOptions {
  /** Worker threads. */
  readonly threads: number;
  /** Most jobs that go to a worker at once. */
  readonly chunk: number;
}

// Node runs the sources directly; the published package has .js beside this file.
const entry = new URL(`../workers/documents.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url);
const defaults: DocumentWorkOptions = { threads: 2, timeLimit: 60_000, memoryLimit: 1024, chunk: 32, entry };

/** For files of strangers that somebody waits for: with its size allowance a job is ended within five seconds, and takes less than 512 MiB. */
export const strictLimits: Pick<DocumentWorkOptions, 'timeLimit' | 'memoryLimit'> = { timeLimit: 4000, memoryLimit: 384 };

/**
 * Work on documents in threads that can be killed. A job that takes longer than its limit, or more memory, ends its worker: it is answered
 * with `SEAL-DOC-LIMIT`, and the other jobs of its chunk are done again. Threads start with the first job and do not keep the process alive.
 */
export function documentWorkers(fx: Pick<Effects, 'clock' | 'log'>, options: Partial<DocumentWorkOptions> = {}): DocumentWork {
  const pool = new DocumentPool(fx, { ...defaults, ...options });
  // The worker answers each operation with its own kind of result; the messages carry the union of them.
  return {
    prepare: (jobs: readonly PrepareJob[]) => pool.run({ op: 'prepare', jobs }) as Promise<Outcome<Prepared>[]>,
    finish: (jobs: readonly FinishJob[]) => pool.run({ op: 'finish', jobs }) as Promise<Outcome<Finished>[]>,
    verify: (jobs: readonly VerifyJob[], verifyOptions: VerifyOptions) =>
      pool.run({ op: 'verify', jobs, options: verifyOptions }) as Promise<Outcome<Verified>[]>,
    close: () => pool.close(),
  };
}

/** Jobs that travel together, and what is known about each. */
interface Chunk {
  readonly request: DocumentRequest;
  /** Indexes of the jobs that have no outcome. */
  open: number[];
  readonly outcomes: Map<number, Outcome<DocumentResult>>;
  readonly resolve: (outcomes: Outcome<DocumentResult>[]) => void;
}

class DocumentPool {
  readonly #fx: Pick<Effects, 'clock' | 'log'>;
  readonly #options: DocumentWorkOptions;
  readonly #threads: DocumentThread[];
  readonly #queue: Chunk[] = [];
  #closed = false;

  constructor(fx: Pick<Effects, 'clock' | 'log'>, options: DocumentWorkOptions) {
    this.#fx = fx;
    this.#options = options;
    this.#threads = Array.from({ length: options.threads }, () => new DocumentThread(fx.clock, options));
  }

  async run(request: DocumentRequest): Promise<Outcome<DocumentResult>[]> {
    const { threads, chunk } = this.#options;
    const size = Math.max(1, Math.min(chunk, Math.ceil(request.jobs.length / threads)));
    const starts = Array.from({ length: Math.ceil(request.jobs.length / size) }, (_nothing, at) => at * size);
    const outcomes = starts.map(
      (start) =>
        new Promise<Outcome<DocumentResult>[]>((resolve) => {
          const { length } = request.jobs.slice(start, start + size);
          const open = Array.from({ length }, (_nothing, at) => start + at);
          this.#queue.push({ request, open, outcomes: new Map(), resolve });
        }),
    );
    this.#deal();
    return (await Promise.all(outcomes)).flat();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#threads.map((thread) => thread.end()));
    this.#deal();
  }

  #deal(): void {
    for (;;) {
      const thread = this.#threads.find(({ busy }) => !busy);
      const chunk = thread && this.#queue.shift();
      if (thread === undefined || chunk === undefined) return;
      if (this.#closed)
        settle(chunk, chunk.open, new SealError('SEAL-INTERRUPTED', 'the work on documents was stopped', { hint: 'start again' }));
      else void this.#work(thread, chunk);
    }
  }

  async #work(thread: DocumentThread, chunk: Chunk): Promise<void> {
    const answer = await thread.ask(select(chunk.request, chunk.open));
    if ('error' in answer) this.#lost(chunk, answer.job, answer.error);
    else {
      chunk.open.forEach((index, at) => {
        const outcome = answer[at];
        if (outcome) chunk.outcomes.set(index, outcome);
      });
      settle(chunk, []);
    }
    this.#deal();
  }

  #lost(chunk: Chunk, job: number, error: SealError): void {
    const culprit = chunk.open[job];
    if (!this.#closed) {
      this.#fx.log.warn({ error: error.toJSON(), op: chunk.request.op }, 'a worker for documents was ended');
      // A worker that cannot even begin would not begin a second time.
      settle(chunk, culprit === undefined ? chunk.open : [culprit], error);
    }
    if (chunk.open.length > 0) this.#queue.unshift(chunk);
  }
}

/** Gives the jobs the error, and the chunk to whoever waits when nothing is open any more. */
function settle(chunk: Chunk, failed: readonly number[], error?: SealError): void {
  if (error === undefined) chunk.open = [];
  else {
    for (const index of failed) chunk.outcomes.set(index, { ok: false, error: error.toJSON() });
    chunk.open = chunk.open.filter((index) => !failed.includes(index));
  }
  if (chunk.open.length > 0) return;
  const inOrder = [...chunk.outcomes].sort(([one], [other]) => one - other);
  chunk.resolve(inOrder.map(([, outcome]) => outcome));
}

function select(request: DocumentRequest, indexes: readonly number[]): DocumentRequest {
  const pick = <J>(jobs: readonly J[]): J[] =>
    indexes.flatMap((index) => {
      const job = jobs[index];
      return job === undefined ? [] : [job];
    });
  switch (request.op) {
    case 'prepare':
      return { op: 'prepare', jobs: pick(request.jobs) };
    case 'finish':
      return { op: 'finish', jobs: pick(request.jobs) };
    case 'verify':
      return { op: 'verify', jobs: pick(request.jobs), options: request.options };
  }
}
