import { Worker } from 'node:worker_threads';
import { asSealError, SealError } from '../errors.ts';
import { readPage, type DocumentPage } from './document-pages.ts';
import { methods, type Methods } from './methods.ts';
import { pack, unpack, type AnswerMessage, type CallMessage, type WorkerOptions } from './messages.ts';
import type { Effects } from '../ports/effects.ts';
import type { Store } from '../ports/store.ts';

export interface StoreOptions {
  /** Absolute path; the directory exists. Created, or brought to this version's schema, unless `readOnly`. */
  readonly file: string;
  /** Changes nothing; works beside a daemon that writes. Writing methods reject with `SEAL-DISK-READONLY`. */
  readonly readOnly?: boolean;
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: SealError): void;
}

/** The other end of worker.ts: calls by number, answers in any order. Keeps the process alive only while calls are open. */
class StoreWorker {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #calls = 0;
  #ended: SealError | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: WorkerOptions) {
    this.#worker = new Worker(new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url), {
      workerData: options,
      name: 'store',
      execArgv: [],
      // What is read goes on at once: a small nursery is cleared before pages fill the heap.
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    });
    this.#worker.on('message', (answer: AnswerMessage) => {
      this.#settle(answer);
    });
    this.#worker.on('error', (error) => {
      this.#end(new SealError('SEAL-INTERNAL', `the store's thread broke down: ${asSealError(error).message}`, { cause: error }));
    });
    this.#worker.on('exit', () => {
      this.#end(new SealError('SEAL-INTERNAL', 'the store is closed'));
    });
  }

  /** Resolves when the database is open. */
  opened(): Promise<unknown> {
    return this.#wait(0);
  }

  call(method: CallMessage['method'], now: number, args: readonly unknown[]): Promise<unknown> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const message: CallMessage = { call: ++this.#calls, method, now, bytes: pack(args) };
    this.#worker.postMessage(message, [message.bytes.buffer as ArrayBuffer]);
    return this.#wait(message.call);
  }

  /** Lets open calls end, closes the database, ends the thread. Twice: the same. */
  close(): Promise<void> {
    this.#closing ??= this.#ended === undefined ? this.#close() : Promise.resolve();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const exited = new Promise((resolve) => this.#worker.once('exit', resolve));
    await this.call('close', 0, []);
    this.#worker.ref();
    await exited;
  }

  #wait(call: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#pending.set(call, { resolve, reject });
      this.#worker.ref();
    });
  }

  #settle(answer: AnswerMessage): void {
    const pending = this.#pending.get(answer.call);
    this.#pending.delete(answer.call);
    if (this.#pending.size === 0) this.#worker.unref();
    if (answer.kind === 'error') pending?.reject(SealError.from(answer.error));
    else if (answer.kind === 'raw') pending?.resolve(Buffer.from(answer.bytes.buffer, answer.bytes.byteOffset, answer.bytes.length));
    else pending?.resolve(unpack(answer.bytes));
  }

  #end(error: SealError): void {
    this.#ended ??= error;
    for (const pending of this.#pending.values()) pending.reject(this.#ended);
    this.#pending.clear();
  }
}

/** ms after which an answer is worth a line. */
const slow = 10_000;

interface PageReader {
  readonly documentPage: (...args: Parameters<Methods['documentPage']>) => Promise<DocumentPage>;
}

async function connect(options: WorkerOptions): Promise<StoreWorker> {
  const worker = new StoreWorker(options);
  await worker.opened();
  return worker;
}

/**
 * The database of a data directory, in a worker thread. Who writes holds the directory's lock (lock.ts).
 * @param fx the clock gives the time of audit rows; the log is told what takes long
 * @throws SealError SEAL-STORE-SCHEMA (newer, or another program's), SEAL-STORE-CORRUPT, SEAL-STORE-BUSY, SEAL-DISK-*
 */
export async function openStore(
  fx: Pick<Effects, 'clock'> & Partial<Pick<Effects, 'log'>>,
  { file, readOnly = false }: StoreOptions,
): Promise<Store> {
  const worker = await connect({ file, readOnly });
  fx.log?.debug({ file, readOnly }, 'the database is open');
  const timed = async (method: keyof Methods, args: readonly unknown[]): Promise<unknown> => {
    const began = fx.clock.monotonic();
    try {
      return await worker.call(method, fx.clock.now(), args);
    } finally {
      const ms = Math.round(fx.clock.monotonic() - began);
      if (ms >= slow) fx.log?.warn({ method, ms }, 'the database answered late: look at the disk, and at what else works on it');
    }
  };
  const alone = async (method: keyof Methods, args: readonly unknown[]): Promise<unknown> => {
    const reader = await connect({ file, readOnly: true });
    try {
      return await reader.call(method, fx.clock.now(), args);
    } finally {
      await reader.close();
    }
  };
  const calls = Object.entries(methods).map(([name, kind]) => {
    const method = name as keyof Methods;
    return [method, (...args: unknown[]) => (kind === 'alone' ? alone(method, args) : timed(method, args))] as const;
  });
  // The list of methods is checked against the port where it is defined; arguments and results are those of the same names.
  const { documentPage, ...plain } = Object.fromEntries(calls) as unknown as Omit<Store, 'close' | 'documents' | 'document'> & PageReader;
  return {
    ...plain,
    documents: async (batch, page = {}) => readPage(await documentPage({ batch, page })),
    document: async (id) => readPage(await documentPage({ id }))[0],
    close: () => worker.close(),
  };
}
