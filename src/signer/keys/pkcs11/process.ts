import { fork } from 'node:child_process';
import { SealError } from '../../../errors.ts';
import type { ChildProcess } from 'node:child_process';
import type { Writable } from 'node:stream';
import type { Effects } from '../../../ports/effects.ts';
import type { Answer, Calls, CallName, Fault } from './messages.ts';
import { pinDescriptor } from './messages.ts';

// Type stripping runs the sources, `npm run build` emits .js: the entry beside this file has the same extension.
const entry = new URL(import.meta.url.endsWith('.ts') ? './child.ts' : './child.js', import.meta.url);

/** A small heap: what a PIN passed through is overwritten quickly (pin.ts), and eight cards stay cheap. */
const nodeOptions = ['--min-semi-space-size=1', '--max-semi-space-size=1', '--max-old-space-size=64'];
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const maxStderr = 4096;

/** A call that the card process answered with an error. */
export class CardFault extends Error {
  readonly fault: Fault;
  constructor(fault: Fault) {
    super(fault.message);
    this.fault = fault;
  }
}

interface Pending {
  readonly resolve: (reply: never) => void;
  readonly reject: (error: Error) => void;
}

export interface ProcessOptions {
  /** For log and messages. */
  readonly name: string;
  readonly sessions: number;
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * A card process as its parent sees it. One life: when it has ended, for whatever reason, `ended` resolves and every call rejects with
 * SEAL-KEY-DEVICE; a new one is started then.
 */
export class CardProcess {
  /** Resolves with the reason. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #fx: Pick<Effects, 'clock' | 'log'>;
  readonly #name: string;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #over: string | undefined;

  constructor(options: ProcessOptions, fx: Pick<Effects, 'clock' | 'log'>) {
    this.#fx = fx;
    this.#name = options.name;
    this.#child = fork(entry, [], {
      execArgv: nodeOptions,
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc', 'pipe'],
      // C_SignAsync blocks a thread of libuv's pool for as long as the card works.
      env: { PATH: path, ...options.environment, UV_THREADPOOL_SIZE: String(options.sessions + 4) },
    });
    this.ended = new Promise((resolve) => {
      const over = (why: string): void => {
        this.#finish(why);
        resolve(this.#over ?? why);
      };
      this.#child.once('exit', (code, signal) => {
        over(`ended (${signal ?? `status ${code ?? '?'}`})`);
      });
      this.#child.once('error', (error) => {
        over(`could not be started: ${error.message}`);
      });
    });
    this.#child.on('message', (answer: Answer) => {
      this.#answered(answer);
    });
    // A write to a process that has just died: the call that belongs to it rejects when the exit is seen.
    this.#pinPipe().on('error', () => undefined);
    this.#logStderr();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /**
   * @param limit ms; then the process is killed: a driver that hangs cannot be talked to any more
   * @throws CardFault what the module answered; SealError SEAL-KEY-DEVICE when the process ended or had to be killed
   */
  async call<K extends CallName>(call: K, args: Calls[K]['args'], limit: number): Promise<Calls[K]['reply']> {
    if (this.#over !== undefined) throw this.#gone(this.#over);
    const id = ++this.#lastId;
    const timer = this.#fx.clock.after(limit, () => {
      this.#fx.log.error({ key: this.#name, pid: this.pid, call, limit }, 'card process does not answer and is killed');
      this.#finish(`did not answer “${call}” within ${limit} ms and was killed`);
      this.kill();
    });
    try {
      return await new Promise<Calls[K]['reply']>((resolve, reject) => {
        this.#pending.set(id, { resolve, reject });
        this.#child.send({ id, call, args }, (error) => {
          if (error) this.#take(id)?.reject(this.#gone(error.message));
        });
      });
    } finally {
      timer.cancel();
    }
  }

  /** Puts a PIN into its pipe for the call that follows at once; zeroes `pin` whatever happens. */
  async givePin(pin: Buffer): Promise<void> {
    const frame = Buffer.alloc(pin.length + 1);
    frame[0] = pin.length;
    pin.copy(frame, 1);
    pin.fill(0);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#pinPipe().write(frame, (error) => {
          if (error) reject(this.#gone(error.message));
          else resolve();
        });
      });
    } finally {
      frame.fill(0);
    }
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Asks it to close sessions and module and waits for its end; kills it after `limit` ms. */
  async end(limit: number): Promise<void> {
    if (this.#over === undefined) await this.call('end', {}, limit).catch(() => undefined);
    await this.ended;
  }

  #pinPipe(): Writable {
    return this.#child.stdio[pinDescriptor] as Writable;
  }

  #answered(answer: Answer): void {
    const pending = this.#take(answer.id);
    if (answer.ok) pending?.resolve(answer.reply as never);
    else pending?.reject(new CardFault(answer.fault));
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }

  #finish(why: string): void {
    this.#over ??= why;
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(this.#gone(why));
  }

  #gone(why: string): SealError {
    return new SealError('SEAL-KEY-DEVICE', `${this.#name}: the card process ${why}`, {
      where: this.#name,
      hint: 'it is started again by itself; if this repeats, look at driver and reader (log level debug shows what the driver says)',
    });
  }

  #logStderr(): void {
    let shown = 0;
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      if (shown < maxStderr)
        this.#fx.log.debug({ key: this.#name, pid: this.pid, driver: chunk.toString('latin1', 0, maxStderr - shown) }, 'driver says');
      shown += chunk.length;
    });
  }
}
