import { SealError } from '../../../errors.ts';
import { isOpenSc, writeOpenScConf } from './opensc.ts';
import { CardProcess } from './process.ts';
import type { KeyEffects } from '../effects.ts';
import type { Pkcs11KeyConfig } from '../../../model/config.ts';

export type HostConfig = Pick<Pkcs11KeyConfig, 'name' | 'module' | 'environment' | 'sessions' | 'timeout'>;

const firstPause = 1_000;
const longestPause = 60_000;
/** Errors of device or driver in a row after which the process is started anew. */
const faultsToRestart = 2;
/** ms a card process has to close its sessions when the daemon stops. */
const endMs = 4_000;

/** Keeps a card process running: starts it when it is needed, and again after it has died, later each time until something succeeds. */
export class CardHost {
  readonly #config: HostConfig;
  readonly #fx: KeyEffects;
  readonly #onLost: (error: SealError) => void;
  #process: CardProcess | undefined;
  #faults = 0;
  #starts = 0;
  #retryAt = 0;

  /** @param onLost called when the process has gone, with the reason */
  constructor(config: HostConfig, fx: KeyEffects, onLost: (error: SealError) => void) {
    this.#config = config;
    this.#fx = fx;
    this.#onLost = onLost;
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

  /**
   * The process with the module loaded.
   * @param otherReaders that a new process leaves alone (OpenSC)
   * @throws CardFault, SealError SEAL-KEY-DEVICE
   */
  async running(otherReaders: readonly string[] = []): Promise<CardProcess> {
    if (this.#process !== undefined) return this.#process;
    const { name, module, sessions, timeout } = this.#config;
    const environment = { ...this.#config.environment };
    if (isOpenSc(module)) environment['OPENSC_CONF'] ??= await writeOpenScConf(this.#fx, otherReaders);
    const process = new CardProcess({ name, sessions, environment }, this.#fx);
    this.#starts++;
    this.#process = process;
    void process.ended.then((why) => {
      if (this.#process === process) this.#lost(this.#died(why));
    });
    const { library } = await process.call('start', { module, sessions }, timeout);
    this.#fx.log.info({ key: name, pid: process.pid, library }, 'card process runs');
    return process;
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

  async end(): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    await process?.end(endMs);
  }

  #lost(error: SealError): void {
    this.#process = undefined;
    this.#faults = 0;
    this.#retryAt = this.#fx.clock.monotonic() + Math.min(longestPause, firstPause * 2 ** Math.min(this.#starts - 1, 6));
    this.#onLost(error);
  }

  #died(why: string): SealError {
    return new SealError('SEAL-KEY-DEVICE', `${this.#config.name}: the card process ${why}`, {
      where: this.#config.name,
      hint: 'it is started again by itself; if this repeats, look at driver and reader',
    });
  }
}
