import { hash } from 'node:crypto';
import { asSealError, SealError } from '../../../errors.ts';
import { adopt, endMs } from './adopt.ts';
import { connectCard } from './connect.ts';
import { launch } from './launch.ts';
import { LeftBehind } from './left-behind.ts';
import { isOpenSc, writeOpenScConf } from './opensc.ts';
import { identify } from './peer.ts';
import { CardProcess } from './process.ts';
import type { Readable } from 'node:stream';
import type { CardClaim } from './left-behind.ts';
import type { CardActivation } from './messages.ts';
import type { KeyEffects } from '../effects.ts';
import type { Pkcs11KeyConfig } from '../../../model/config.ts';

export type HostConfig = Pick<
  Pkcs11KeyConfig,
  'name' | 'module' | 'environment' | 'sessions' | 'timeout' | 'token' | 'keepAlive' | 'activation'
> & {
  /** A person gives the PIN of each signature: of one key of the token at least. */
  readonly individual?: true;
};

const firstPause = 1_000;
const longestPause = 60_000;
/** Errors of device or driver in a row after which the process is started anew. */
const faultsToRestart = 2;
const maxStderr = 4096;

/** Stands for a token and its module in file names. Keys that name no token have one each. */
export function cardId({ name, module, environment, token }: Pick<HostConfig, 'name' | 'module' | 'environment' | 'token'>): string {
  const which = token === 'any' ? name : [token.label, token.serial, token.slot, token.reader];
  return hash('sha256', JSON.stringify([module, Object.entries(environment).sort(), which])).slice(0, 16);
}

/**
 * Keeps a card process running: adopts the one that an earlier daemon left, or starts one when it is needed, and again after it has died, later each
 * time until something succeeds.
 */
export class CardHost {
  readonly #config: HostConfig;
  readonly #id: string;
  readonly #fx: KeyEffects;
  readonly #onLost: (error: SealError) => void;
  readonly #left: LeftBehind;
  #process: CardProcess | undefined;
  #inheritance: CardActivation | undefined;
  #looked = false;
  #faults = 0;
  #starts = 0;
  #retryAt = 0;

  /** @param onLost called when the process has gone, with the reason */
  constructor(config: HostConfig, fx: KeyEffects, onLost: (error: SealError) => void) {
    this.#config = config;
    this.#id = cardId(config);
    this.#fx = fx;
    this.#onLost = onLost;
    this.#left = new LeftBehind(config.name, fx.runDir, this.#id, fx);
  }

  /** Undefined while there is none. */
  get process(): CardProcess | undefined {
    return this.#process;
  }

  /** Whether it may be started now, if it is not running: not during the pause after a failure. */
  get due(): boolean {
    return this.#fx.clock.monotonic() >= this.#retryAt;
  }

  /** A person wants it now. */
  endPause(): void {
    this.#retryAt = 0;
  }

  /** Why the activation of an earlier daemon ended without one; told once. */
  news(): SealError | undefined {
    return this.#left.news();
  }

  /** The activation of an earlier daemon that the process still has; told once. */
  inheritance(): CardActivation | undefined {
    const inheritance = this.#inheritance;
    this.#inheritance = undefined;
    return inheritance;
  }

  /** The process, if one runs or an earlier daemon has left one. Never rejects. */
  async adopted(): Promise<CardProcess | undefined> {
    if (this.#process !== undefined || this.#looked) return this.#process;
    this.#looked = true;
    const process = await this.#adopt();
    if (process !== undefined) this.#use(process);
    return process;
  }

  /**
   * The process with the module loaded.
   * @param otherReaders that a new process leaves alone (OpenSC)
   * @throws CardFault, SealError SEAL-KEY-DEVICE
   */
  async running(otherReaders: readonly string[] = []): Promise<CardProcess> {
    const { name, module, sessions, timeout } = this.#config;
    const adopted = await this.adopted();
    if (adopted !== undefined) return adopted;
    await this.#fx.files.makeDirectory(this.#fx.runDir, 0o700);
    const process = await this.#launch(otherReaders);
    this.#use(process);
    const { library } = await process.call('start', { module, sessions }, timeout);
    this.#fx.log.info({ key: name, pid: process.pid, library }, 'card process runs');
    return process;
  }

  /** Signatures that an earlier daemon asked for. @param requests see KeySource.claim */
  async claim(requests: readonly { readonly request: string; readonly at: number }[]): Promise<Map<string, CardClaim>> {
    return await this.#left.claim(requests, this.#process, this.#config.timeout);
  }

  /** These are on disk. */
  recorded(requests: readonly string[]): void {
    this.#left.recorded();
    // A process that has gone meanwhile has left them in its last words; then they are claimed once more, and known.
    this.#process?.call('recorded', { requests }, this.#config.timeout).catch(() => undefined);
  }

  succeeded(): void {
    this.#faults = 0;
    this.#starts = 0;
  }

  /** Device or driver failed once; repeated, the process is started anew. */
  fault(error: SealError): void {
    if (++this.#faults >= faultsToRestart) this.restart(error);
  }

  restart(error: SealError): void {
    const process = this.#process;
    this.#lost(error);
    process?.kill();
  }

  /** @param leave to the next daemon, as it is */
  async end(leave = false): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    await (leave ? process?.leave() : process?.end(endMs));
  }

  get #configuration(): string {
    const { sessions, activation, individual } = this.#config;
    // What was activated for a list must not go on as a window, nor what was activated for many where each signature has its PIN.
    const narrower = [...(activation === 'stack' ? [activation] : []), ...(individual === true ? ['individual'] : [])];
    return hash('sha256', JSON.stringify([this.#id, sessions, ...narrower]));
  }

  async #adopt(): Promise<CardProcess | undefined> {
    const { name, keepAlive } = this.#config;
    const place = { name, directory: this.#fx.runDir, id: this.#id, configuration: this.#configuration };
    try {
      const process = await adopt(place, this.#fx, this.#fx.outlive ? keepAlive : undefined);
      this.#left.read();
      return process;
    } catch (thrown) {
      const error = asSealError(thrown).toJSON();
      this.#fx.log.error({ key: name, error }, 'the card process of an earlier daemon cannot be adopted');
      return undefined;
    }
  }

  #use(process: CardProcess): void {
    this.#process = process;
    this.#inheritance = process.inherited?.activation;
    void process.ended.then((why) => {
      if (this.#process === process) this.#lost(this.#died(why));
    });
  }

  async #launch(otherReaders: readonly string[]): Promise<CardProcess> {
    this.#starts++;
    const { name, sessions, module, keepAlive } = this.#config;
    const environment = { ...this.#config.environment };
    if (isOpenSc(module)) environment['OPENSC_CONF'] ??= await writeOpenScConf(this.#fx, otherReaders);
    const directory = this.#fx.runDir;
    const setup = { directory, id: this.#id, configuration: this.#configuration, keepAlive: this.#fx.outlive ? keepAlive : 0 };
    try {
      const { child, socket, secret, stderr } = await launch({ setup, sessions, environment });
      const pid = child.pid ?? 0;
      this.#logStderr(stderr, pid);
      const identity = identify(pid) ?? { pid, started: '' };
      return new CardProcess(await connectCard(this.#fx, directory, { socket, secret }), { name, directory, identity }, this.#fx);
    } catch (thrown) {
      throw this.#died(`could not be started: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    }
  }

  #lost(error: SealError): void {
    this.#process = undefined;
    this.#inheritance = undefined;
    this.#faults = 0;
    this.#retryAt = this.#fx.clock.monotonic() + Math.min(longestPause, firstPause * 2 ** Math.min(this.#starts - 1, 6));
    this.#onLost(error);
  }

  #died(why: string): SealError {
    return new SealError('SEAL-KEY-DEVICE', `${this.#config.name}: the card process ${why}`, {
      where: this.#config.name,
      hint: 'it is started again by itself; if this repeats, look at driver and reader (log level debug shows what the driver says)',
    });
  }

  #logStderr(stderr: Readable, pid: number): void {
    const key = this.#config.name;
    let shown = 0;
    stderr.on('data', (chunk: Buffer) => {
      if (shown < maxStderr) this.#fx.log.debug({ key, pid, driver: chunk.toString('latin1', 0, maxStderr - shown) }, 'driver says');
      shown += chunk.length;
    });
    stderr.on('error', () => undefined);
  }
}
