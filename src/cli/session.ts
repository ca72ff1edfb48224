import { userInfo } from 'node:os';
import { openLocal, callDaemon, type LocalService } from '../compose.ts';
import type { Operations, OperationName } from '../app/operation-types.ts';
import { operations } from '../app/operations.ts';
import { findConfig, loadConfig } from '../config/load.ts';
import { SealError } from '../errors.ts';
import type { Config } from '../model/config.ts';
import { progressBar } from './progress.ts';
import { Terminal } from './terminal.ts';

export interface GlobalOptions {
  readonly config?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/**
 * One command: its configuration, its terminal, and the way to the use cases. Commands act through the running daemon's socket; those that
 * only read, and all of them while no daemon runs, work in this process.
 */
export class Session {
  readonly terminal: Terminal;
  readonly #options: GlobalOptions;
  #config: Config | undefined;
  #local: LocalService | undefined;
  #mode: 'act' | 'read' = 'read';
  readonly #interrupt = new AbortController();

  constructor(options: GlobalOptions) {
    this.#options = options;
    this.terminal = new Terminal({ json: options.json === true, quiet: options.quiet === true });
    process.once('SIGINT', this.#onSignal);
    process.once('SIGTERM', this.#onSignal);
  }

  readonly #onSignal = (): void => {
    this.#interrupt.abort(new SealError('SEAL-INTERRUPTED', 'interrupted'));
  };

  get signal(): AbortSignal {
    return this.#interrupt.signal;
  }

  get actor(): string {
    return userInfo().username;
  }

  get configPath(): string {
    return findConfig(this.#options.config);
  }

  /** @throws SealError SEAL-CONFIG-* */
  config(): Config {
    if (this.#config === undefined) {
      const path = this.configPath;
      this.#config = loadConfig(path);
      if (this.#options.config === undefined) this.terminal.note(`configuration: ${path}`);
    }
    return this.#config;
  }

  /** The configuration when there is one; verifying needs none. */
  configIfAny(): Config | undefined {
    try {
      return this.config();
    } catch (error) {
      if (this.#options.config === undefined && error instanceof SealError && error.code === 'SEAL-CONFIG-MISSING') return undefined;
      throw error;
    }
  }

  /** Calls a use case, here or in the daemon. `secret` is zeroed when it has ended. */
  async call<Name extends OperationName>(name: Name, args: Operations[Name]['args'], secret?: Buffer): Promise<Operations[Name]['result']> {
    const bar = progressBar(this.terminal);
    try {
      const config = this.config();
      const { mode } = operations[name];
      if (mode !== 'read') {
        const answer = await callDaemon(config, { operation: name, args, actor: this.actor }, secret, bar.update, this.signal);
        if (answer.running) return answer.result as Operations[Name]['result'];
      }
      const local = await this.#open(config, mode === 'act' ? 'act' : 'read');
      return (await local.perform(name, args, {
        actor: this.actor,
        progress: bar.update,
        signal: this.signal,
        ...(secret === undefined ? {} : { secret }),
      })) as Operations[Name]['result'];
    } finally {
      bar.end();
      secret?.fill(0);
    }
  }

  /** What was opened to read cannot act. */
  async #open(config: Config, mode: 'act' | 'read'): Promise<LocalService> {
    if (this.#local !== undefined && (mode === 'read' || this.#mode === 'act')) return this.#local;
    await this.#local?.close();
    this.#local = undefined;
    this.#local = await openLocal(config, mode);
    this.#mode = mode;
    return this.#local;
  }

  async close(): Promise<void> {
    process.off('SIGINT', this.#onSignal);
    process.off('SIGTERM', this.#onSignal);
    await this.#local?.close();
  }
}
