import { spawn, type ChildProcess } from 'node:child_process';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A running `sealtree run`. */
export class Daemon {
  readonly #child: ChildProcess;
  readonly #socket: string;
  readonly #ended: Promise<number | string>;
  #log = '';

  constructor(directory: string, args: readonly string[]) {
    this.#socket = join(directory, 'data/control.sock');
    this.#child = spawn(process.execPath, args, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#log += text;
      });
    this.#ended = new Promise((resolve) => {
      this.#child.once('close', (status, signal) => {
        resolve(signal ?? status ?? -1);
      });
    });
  }

  /** Everything it printed so far. */
  get log(): string {
    return this.#log;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Waits until the control socket answers. @throws Error with the log when it ends before */
  async ready(): Promise<void> {
    while (this.running) {
      if (await answers(this.#socket)) return;
      await sleep(20);
    }
    throw new Error(`the daemon ended with ${String(await this.#ended)}: ${this.#log}`);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Exit status, or the name of the signal that ended it. */
  async ended(): Promise<number | string> {
    return await this.#ended;
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#ended;
  }

  /** SIGTERM, and waits. */
  async stop(): Promise<number | string> {
    this.signal('SIGTERM');
    return await this.#ended;
  }
}

async function answers(path: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(path)
      .once('connect', () => {
        socket.destroy();
        resolve(true);
      })
      .once('error', () => {
        resolve(false);
      });
  });
}
