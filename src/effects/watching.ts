import { stat } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { SealError } from '../errors.ts';
import { joinPath } from '../formats/names.ts';
import type { Path } from '../ports/files.ts';
import type { SweepReport, TreeSnapshot, Watching, WatchHint } from '../ports/watching.ts';
import { fromCrossing } from './files-errors.ts';
import type { WatchMessage, WatchRequest } from './watching-messages.ts';

/** A request without its number. */
type Question = WatchRequest extends infer R ? (R extends WatchRequest ? Omit<R, 'id'> : never) : never;

interface Answer {
  readonly report?: SweepReport;
  readonly snapshot?: TreeSnapshot;
}

/**
 * Watches directories in worker threads, one for each file system: a file server that hangs stops its own roots and no other.
 * A thread that dies takes its trees along; the next sweep of each opens it again.
 */
export function watchThreads(): Watching {
  const threads = new Map<string, WatchThread>();
  const threadFor = async (path: Path): Promise<WatchThread> => {
    // Not there: a thread of their own for all those.
    const device = await stat(path, { bigint: true }).then(
      (info) => String(info.dev),
      () => 'none',
    );
    const known = threads.get(device);
    if (known?.alive === true) return known;
    const thread = new WatchThread();
    threads.set(device, thread);
    return thread;
  };
  let keys = 0;
  return {
    async open(tree, hint) {
      const key = ++keys;
      const request = { op: 'open', key, tree: { ...tree, incoming: latin1(tree.incoming) } } as const;
      let thread = await threadFor(tree.incoming);
      const first = await thread.open(key, request, hint);
      return {
        first,
        watch: {
          async sweep() {
            if (thread.alive) return reportOf(await thread.ask({ op: 'sweep', key }));
            thread = await threadFor(tree.incoming);
            return await thread.open(key, request, hint);
          },
          close: () => thread.forget(key),
        },
      };
    },
    async snapshot(directory, names) {
      const thread = await threadFor(directory);
      const question = { op: 'snapshot', directory: latin1(directory), ...(names === undefined ? {} : { names }) } as const;
      return (await thread.ask(question)).snapshot;
    },
    async close() {
      await Promise.all([...threads.values()].map((thread) => thread.end()));
      threads.clear();
    },
  };
}

function latin1(path: Path): string {
  return joinPath(path).toString('latin1');
}

function reportOf(answer: Answer): SweepReport {
  if (answer.report === undefined) throw new SealError('SEAL-INTERNAL', 'the sweep came back without its report');
  const { approved, nearMisses } = answer.report;
  // Buffers come over as plain byte arrays.
  return {
    ...answer.report,
    approved: approved.map(({ relPath, semaphore }) => ({ relPath: Buffer.from(relPath), semaphore: Buffer.from(semaphore) })),
    nearMisses: nearMisses.map(({ relPath, found, message }) => ({ relPath: Buffer.from(relPath), found: Buffer.from(found), message })),
  };
}

class WatchThread {
  readonly #worker: Worker;
  readonly #hints = new Map<number, WatchHint>();
  readonly #pending = new Map<number, { readonly resolve: (answer: Answer) => void; readonly reject: (error: SealError) => void }>();
  #ids = 0;
  alive = true;

  constructor() {
    // Node runs the sources directly; the published package has .js beside this file.
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    // A small nursery: what it holds is long-lived, and a large one would only be memory.
    const resourceLimits = { maxYoungGenerationSizeMb: 4 };
    this.#worker = new Worker(new URL(`../workers/watching.${extension}`, import.meta.url), { name: 'watching', resourceLimits });
    this.#worker.on('message', (message: WatchMessage) => {
      this.#onMessage(message);
    });
    let failure: unknown;
    this.#worker.on('error', (cause) => {
      failure = cause;
    });
    this.#worker.on('exit', (code) => {
      this.alive = false;
      const cause = failure ?? new Error(`exit ${code}`);
      for (const { reject } of this.#pending.values())
        reject(new SealError('SEAL-INTERNAL', 'the thread that watches directories ended', { cause, retryable: true }));
      this.#pending.clear();
    });
  }

  async open(key: number, request: Question, hint: WatchHint): Promise<SweepReport> {
    this.#hints.set(key, hint);
    try {
      return reportOf(await this.ask(request));
    } catch (thrown) {
      // Not open: whoever tries again gets a new key.
      await this.forget(key);
      throw thrown;
    }
  }

  ask(question: Question): Promise<Answer> {
    if (!this.alive) return Promise.reject(new SealError('SEAL-INTERNAL', 'the thread that watches directories has ended'));
    const id = ++this.#ids;
    // Only a question keeps the process alive, watching does not.
    this.#worker.ref();
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage({ ...question, id });
    });
  }

  async forget(key: number): Promise<void> {
    this.#hints.delete(key);
    if (this.alive) await this.ask({ op: 'close', key });
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #onMessage(message: WatchMessage): void {
    if (message.kind === 'hint') {
      this.#hints.get(message.key)?.({
        relPath: Buffer.from(message.relPath, 'latin1'),
        semaphore: Buffer.from(message.semaphore, 'latin1'),
      });
      return;
    }
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (this.#pending.size === 0) this.#worker.unref();
    if (message.kind === 'error') pending?.reject(fromCrossing(message.error));
    else pending?.resolve(message);
  }
}
