import { fork } from 'node:child_process';
import { SealError } from '../../../../errors.ts';
import { explain } from '../events.ts';
import { pinDescriptor } from './pin-pipe.ts';
import type { ChildProcess } from 'node:child_process';
import type { Writable } from 'node:stream';
import type { Effects } from '../../../../ports/effects.ts';
import type { ManagementAnswer, ManagementCall, ManagementCalls } from './messages.ts';

// Type stripping runs the sources, `npm run build` emits .js: the entry beside this file has the same extension.
const entry = new URL(import.meta.url.endsWith('.ts') ? './child.ts' : './child.js', import.meta.url);
/** A small heap: what a PIN passed through is overwritten quickly (pkcs11/pin.ts). */
const nodeOptions = ['--min-semi-space-size=1', '--max-semi-space-size=1', '--max-old-space-size=64'];
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** A process for the administration of one token: a few calls, one after the other, then its end. */
export class ManagementProcess {
  readonly #name: string;
  readonly #clock: Effects['clock'];
  readonly #child: ChildProcess;
  #waiting: { readonly resolve: (answer: ManagementAnswer) => void; readonly reject: (error: Error) => void } | undefined;
  #over: string | undefined;

  /** @param name of the key, for messages */
  constructor(name: string, environment: Readonly<Record<string, string>>, fx: Pick<Effects, 'clock'>) {
    this.#name = name;
    this.#clock = fx.clock;
    this.#child = fork(entry, [], {
      execArgv: nodeOptions,
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc', 'pipe'],
      env: { PATH: path, ...environment },
    });
    this.#child.on('message', (answer: ManagementAnswer) => {
      this.#waiting?.resolve(answer);
    });
    this.#child.once('exit', (code, signal) => {
      this.#end(`ended (${signal ?? `status ${code ?? '?'}`})`);
    });
    this.#child.once('error', (error) => {
      this.#end(`could not be started: ${error.message}`);
    });
    this.#pipe().on('error', () => undefined);
  }

  /**
   * @param limit ms, then the process is killed
   * @throws SealError SEAL-KEY-*
   */
  async call<K extends ManagementCall>(call: K, args: ManagementCalls[K]['args'], limit: number): Promise<ManagementCalls[K]['reply']> {
    const timer = this.#clock.after(limit, () => {
      this.#end(`did not answer “${call}” within ${limit} ms and was killed`);
      this.#child.kill('SIGKILL');
    });
    try {
      const answer = await new Promise<ManagementAnswer>((resolve, reject) => {
        if (this.#over !== undefined) throw this.#gone(this.#over);
        this.#waiting = { resolve, reject };
        this.#child.send({ call, args }, (error) => {
          if (error) reject(this.#gone(error.message));
        });
      });
      if (answer.ok) return answer.reply;
      throw explain(this.#name, answer.fault).error;
    } finally {
      timer.cancel();
    }
  }

  /** Puts a PIN into its pipe for the call that follows at once. The PIN stays the caller's. */
  async givePin(pin: Buffer): Promise<void> {
    const frame = Buffer.alloc(pin.length + 1);
    frame[0] = pin.length;
    pin.copy(frame, 1);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#pipe().write(frame, (error) => {
          if (error) reject(this.#gone(error.message));
          else resolve();
        });
      });
    } finally {
      frame.fill(0);
    }
  }

  async end(limit: number): Promise<void> {
    if (this.#over === undefined) await this.call('end', {}, limit).catch(() => undefined);
    this.#child.kill('SIGKILL');
  }

  #pipe(): Writable {
    return this.#child.stdio[pinDescriptor] as Writable;
  }

  #end(why: string): void {
    this.#over ??= why;
    this.#waiting?.reject(this.#gone(this.#over));
  }

  #gone(why: string): SealError {
    return new SealError('SEAL-KEY-DEVICE', `${this.#name}: the process that works on the token ${why}`, {
      where: this.#name,
      hint: 'look at reader and driver, then repeat the command',
    });
  }
}
