import { isDeepStrictEqual } from 'node:util';
import { SealError, asSealError } from '../../../errors.ts';
import { explain } from './events.ts';
import { longestPin } from './pin-length.ts';
import { CardHost } from './host.ts';
import { Logins, pinPadMs } from './logins.ts';
import { Place } from './place.ts';
import { CardFault } from './process.ts';
import { absent, failing, waiting } from './state.ts';
import type { HostConfig } from './host.ts';
import type { KeyEffects } from '../effects.ts';
import type { Consequence } from './events.ts';
import type { Login } from './logins.ts';
import type { PlaceConfig } from './place.ts';
import type { CardProcess } from './process.ts';
import type { Readers } from './readers.ts';
import type { CardClaim } from './left-behind.ts';
import type { Calls, CardActivation, Fault, TokenKey } from './messages.ts';
import type { Activation, TokenState, Visible } from './state.ts';
import type { SecretReference } from '../../../model/config.ts';
import type { Timer } from '../../../ports/clock.ts';

/** What a token needs of the configuration; the same for all keys on it. */
export interface TokenConfig extends PlaceConfig, HostConfig {
  readonly pin?: SecretReference;
  /** ms an activation lasts. */
  readonly maxTime?: number;
}

/** What is asked of the key that was chosen. */
export type OnceAsked = Pick<Calls['sign']['args'], 'mechanism' | 'input' | 'request'> & { readonly key: TokenKey };

const pollMs = 1_000;
const lostLogin: Fault = { rv: 257, message: 'CKR_USER_NOT_LOGGED_IN' };

/**
 * One token and its card process: looks once a second whether it is there, logs in with a configured PIN, signs, and starts the process again when
 * a driver hangs or dies. Everything but signing happens one after the other.
 */
export class Token {
  readonly config: TokenConfig;
  readonly #fx: KeyEffects;
  readonly #logins: Logins;
  readonly #listeners: (() => void)[] = [];
  #state: TokenState;
  readonly #host: CardHost;
  readonly #place: Place;
  #poll: Timer | undefined;
  #expiry: Timer | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  readonly #signing = new Set<Promise<unknown>>();
  #users = 0;
  /** The process whose inheritance was looked at. */
  #heir: CardProcess | undefined;

  constructor(config: TokenConfig, readers: Readers, fx: KeyEffects) {
    this.config = config;
    this.#fx = fx;
    this.#state = absent(config.name);
    this.#host = new CardHost(config, fx, (error) => {
      this.#place.lost();
      this.#set(failing(error));
    });
    this.#place = new Place(config, readers, this.#host, fx.clock);
    this.#logins = new Logins(config, fx, this.#host);
  }

  get state(): TokenState {
    return this.#state;
  }

  /** Whether it is active and stays so when this daemon ends. */
  get outlives(): boolean {
    return (
      this.#state.kind === 'active' &&
      this.config.keepAlive > 0 &&
      (this.#fx.outlive || this.#host.process?.inherited?.activation !== undefined)
    );
  }

  /** See KeyStatus. */
  get wrongPins(): number {
    return this.#logins.wrong.count;
  }

  onChange(call: () => void): void {
    this.#listeners.push(call);
  }

  /** A key lives on this token; `close` is the counterpart. */
  join(): void {
    if (this.#users++ === 0) this.#place.expect();
  }

  async open(): Promise<void> {
    this.#logins.held = false;
    this.#host.endPause();
    this.#poll ??= this.#fx.clock.every(pollMs, () => (this.#signing.size === 0 ? this.#look() : undefined));
    await this.#look();
  }

  /** Reads the certificates again; a login stays as it is. Never rejects. */
  async refresh(): Promise<void> {
    await this.#exclusive(async () => {
      const { process } = this.#host;
      if (this.#state.kind === 'away' || process === undefined) return;
      try {
        const { certificates, mechanisms } = await process.call('certificates', {}, this.config.timeout);
        const state = this.state;
        if (state.kind === 'away' || isDeepStrictEqual(state.visible.certificates, certificates)) return;
        this.#state = { ...state, visible: { ...state.visible, certificates, mechanisms } };
        this.#tell();
      } catch (thrown) {
        this.#failed(thrown);
      }
    });
  }

  /** @throws SealError SEAL-KEY-PIN-*, SEAL-KEY-ABSENT, SEAL-KEY-DEVICE */
  async activate(pin: Buffer): Promise<void> {
    try {
      if (pin.length > longestPin)
        throw new SealError('SEAL-KEY-PIN-INCORRECT', 'the PIN is too long', { hint: 'nothing was sent to the card; enter it again' });
      await this.#exclusive(() => this.#activate(pin));
    } finally {
      pin.fill(0);
    }
  }

  /** Logs out and stays so until a person activates or opens it again. */
  async deactivate(): Promise<void> {
    this.#logins.held = true;
    await this.#exclusive(() => this.#logout());
  }

  /**
   * @param activation the one whose key handle this is
   * @param contextPin the PIN has to be given for this very signature, from where the configuration says
   * @throws SealError SEAL-KEY-*
   */
  async sign(activation: Activation, args: Omit<Calls['sign']['args'], 'door'>, contextPin: boolean): Promise<Buffer> {
    try {
      const { signature } = contextPin
        ? await this.#exclusive(async () => this.#call(activation, args, await this.#logins.readPin()))
        : await this.#call(activation, args);
      this.#host.succeeded();
      return signature;
    } catch (thrown) {
      throw this.#failed(thrown, activation);
    }
  }

  /**
   * One signature of an individual card: logged in with the PIN for it alone, unless the card is active already.
   * @param pin zeroed; an empty one means the pad of the reader
   * @param choose the key to use, of those that are visible after the login
   * @throws SealError SEAL-KEY-*
   */
  async signOnce(pin: Buffer, choose: (keys: readonly TokenKey[]) => OnceAsked): Promise<Buffer> {
    const second = Buffer.from(pin);
    try {
      return await this.#exclusive(async () => await this.#signOnce(pin, second, choose));
    } catch (thrown) {
      throw this.#failed(thrown);
    } finally {
      pin.fill(0);
      second.fill(0);
    }
  }

  async #signOnce(pin: Buffer, second: Buffer, choose: (keys: readonly TokenKey[]) => OnceAsked): Promise<Buffer> {
    const state = this.#state;
    if (state.kind === 'away') throw state.error;
    const { visible } = state;
    const { keys } = state.kind === 'active' ? state.activation : await this.#logins.withPin(visible, pin, true);
    const process = await this.#host.running();
    const { timeout } = this.config;
    const atReader = visible.view.pinPad && second.length === 0;
    try {
      const { key, ...asked } = choose(keys);
      const args = { ...asked, key: key.handle };
      const running = !key.alwaysAuthenticate
        ? process.call('sign', args, timeout)
        : atReader
          ? process.call('sign', { ...args, atReader }, pinPadMs)
          : process.withPin(second, async (door) => await process.call('sign', { ...args, door }, timeout));
      this.#signing.add(running);
      const { signature } = await running.finally(() => this.#signing.delete(running));
      this.#host.succeeded();
      return signature;
    } finally {
      if (state.kind !== 'active') await process.call('logout', {}, timeout).catch(() => undefined);
    }
  }

  async #call(activation: Activation, args: Omit<Calls['sign']['args'], 'door'>, pin?: Buffer): Promise<Calls['sign']['reply']> {
    try {
      const { process } = this.#host;
      if (process === undefined || this.#state.kind !== 'active' || this.#state.activation !== activation) throw this.#notReady();
      const limit = this.config.timeout * Math.ceil((this.#signing.size + 1) / this.config.sessions);
      const running =
        pin === undefined
          ? process.call('sign', args, limit)
          : process.withPin(pin, async (door) => await process.call('sign', { ...args, door }, limit));
      this.#signing.add(running);
      return await running.finally(() => this.#signing.delete(running));
    } finally {
      pin?.fill(0);
    }
  }

  /** See KeySource.claim. */
  async claim(requests: readonly { readonly request: string; readonly at: number }[]): Promise<ReadonlyMap<string, CardClaim>> {
    return await this.#host.claim(requests);
  }

  /** See KeySource.recorded. */
  recorded(requests: readonly string[]): void {
    this.#host.recorded(requests);
  }

  /** Ends with the last of its keys: lets running signatures end, then the process, unless an active card stays for the next daemon. */
  async close(): Promise<void> {
    if (--this.#users > 0) return;
    this.#poll?.cancel();
    this.#poll = undefined;
    this.#expiry?.cancel();
    await this.#exclusive(async () => {
      const stays = this.outlives;
      this.#set(absent(this.config.name));
      await Promise.allSettled(this.#signing);
      await this.#host.end(stays);
      this.#place.lost();
    });
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(work);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  #set(state: TokenState): void {
    const before = this.#state;
    this.#state = state;
    if (state.kind !== 'active') this.#expiry?.cancel();
    if (before.kind !== 'active' && state.kind === before.kind && state.error.message === before.error.message) return;
    if (state.kind === 'active') this.#fx.log.info({ key: this.config.name, serial: state.visible.view.serial }, 'card is active');
    else {
      // Between insertion and login with the configured PIN nobody needs to do anything.
      const expected = this.#poll === undefined || (state.kind === 'waiting' && this.#logins.willTry(state.visible));
      const level = expected ? 'debug' : 'warn';
      this.#fx.log[level]({ key: this.config.name, state: state.state, error: state.error.toJSON() }, 'card cannot sign now');
    }
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  #notReady(): SealError {
    const state = this.#state;
    if (state.kind !== 'active') return state.error;
    return new SealError('SEAL-KEY-ABSENT', `${this.config.name}: the card was taken out or activated again`, {
      where: this.config.name,
      hint: 'the signature goes to another card or waits',
    });
  }

  /** Brings the state up to what is really there. Never rejects. */
  #look(): Promise<void> {
    return this.#exclusive(async () => {
      try {
        await this.#refresh();
      } catch (thrown) {
        const error = this.#failed(thrown);
        // Not the card's word but ours (its configuration cannot be written, a process that cannot be started).
        if (!(thrown instanceof CardFault) && this.#state.kind === 'away') this.#set(failing(error));
      }
    });
  }

  async #refresh(): Promise<void> {
    if (this.#poll === undefined || !this.#host.due) return;
    const process = await this.#place.process();
    const view = await process?.call('look', { token: this.#place.selector }, this.config.timeout);
    if (process === undefined || view === undefined) {
      this.#set(absent(this.config.name, this.#place.hint));
      await this.#place.left();
      return;
    }
    const state = this.#state;
    if (state.kind === 'active' && view.loggedIn && !view.fresh) return;
    const known = state.kind === 'away' || view.fresh ? await process.call('certificates', {}, this.config.timeout) : state.visible;
    const visible: Visible = { view, certificates: known.certificates, mechanisms: known.mechanisms };
    const inherited = this.#inherit(process);
    if (inherited !== undefined && view.loggedIn && !view.fresh) {
      this.#activated(visible, inherited);
      return;
    }
    if (view.fresh) await this.#logins.inserted(view.serial);
    if (state.kind === 'active' && !view.fresh) this.#set(waiting(this.config.name, visible, explain(this.config.name, lostLogin).error));
    else if (state.kind === 'waiting' && !view.fresh) this.#set(waiting(this.config.name, visible, stillValid(state.error)));
    else this.#set(waiting(this.config.name, visible, this.#host.news()));
    await this.#loginUnattended(visible);
  }

  async #activate(pin: Buffer): Promise<void> {
    this.#logins.held = true;
    this.#host.endPause();
    try {
      await this.#refresh();
    } catch (thrown) {
      throw this.#failed(thrown);
    }
    const state = this.#state;
    if (state.kind === 'away' || (state.kind === 'waiting' && state.state === 'pin-locked')) throw state.error;
    if (state.kind === 'waiting') await this.#login(state.visible, () => this.#logins.withPin(state.visible, pin));
    this.#logins.held = false;
  }

  /** With the configured PIN, where the machine may. Never rejects. */
  async #loginUnattended(visible: Visible): Promise<void> {
    if (!this.#logins.willTry(visible)) return;
    try {
      await this.#login(visible, () => this.#logins.byMachine(visible));
    } catch (thrown) {
      if (this.#state.kind === 'waiting') this.#set(waiting(this.config.name, this.#state.visible, asSealError(thrown)));
    }
  }

  async #login(visible: Visible, log: () => Promise<Login>): Promise<void> {
    try {
      const { keys, since } = await log();
      const { maxTime } = this.config;
      this.#activated(visible, { keys, since, ...(maxTime === undefined ? {} : { until: since + maxTime }) });
    } catch (thrown) {
      throw this.#failed(thrown);
    }
  }

  /** What a process that was adopted had active: told once. */
  #inherit(process: CardProcess): CardActivation | undefined {
    if (this.#heir === process) return undefined;
    this.#heir = process;
    const inherited = process.inherited?.activation;
    const { maxTime } = this.config;
    if (inherited === undefined || maxTime === undefined) return inherited;
    return { ...inherited, until: Math.min(inherited.until ?? Infinity, inherited.since + maxTime) };
  }

  #activated(visible: Visible, activation: Activation): void {
    this.#set({ kind: 'active', visible: { ...visible, view: { ...visible.view, loggedIn: true, pin: 'unknown' } }, activation });
    if (activation.until !== undefined)
      this.#expiry = this.#fx.clock.after(activation.until - this.#fx.clock.now(), () => {
        void this.#exclusive(() => this.#expire(activation));
      });
  }

  async #expire(activation: Activation): Promise<void> {
    if (this.#state.kind !== 'active' || this.#state.activation !== activation) return;
    await this.#logout(
      new SealError('SEAL-KEY-LIMIT', `${this.config.name}: the time of this activation is over`, {
        where: this.config.name,
        hint: 'enter the PIN again with “sealtree key activate”',
      }),
    );
    const { state } = this;
    if (state.kind === 'waiting') await this.#loginUnattended(state.visible);
  }

  async #logout(reason?: SealError): Promise<void> {
    const state = this.#state;
    if (state.kind !== 'active') return;
    this.#set(waiting(this.config.name, state.visible, reason));
    await Promise.allSettled(this.#signing);
    await this.#host.process?.call('logout', {}, this.config.timeout).catch((thrown: unknown) => this.#failed(thrown));
  }

  /** Draws the consequence of an error for the card. @returns the error, for the caller */
  #failed(thrown: unknown, activation?: Activation): SealError {
    if (!(thrown instanceof CardFault)) return asSealError(thrown);
    const { error, then } = explain(this.config.name, thrown.fault);
    const stale = activation !== undefined && (this.#state.kind !== 'active' || this.#state.activation !== activation);
    if (!stale) this.#follow(then, error);
    return error;
  }

  #follow(then: Consequence, error: SealError): void {
    const state = this.#state;
    const visible = state.kind === 'away' ? undefined : state.visible;
    switch (then) {
      case 'lost':
        this.#set({ kind: 'away', state: 'absent', error });
        break;
      case 'locked':
        if (visible !== undefined) this.#set(waiting(this.config.name, { ...visible, view: { ...visible.view, pin: 'locked' } }, error));
        break;
      case 'logged-out':
      case 'refused':
        if (visible !== undefined) this.#set(waiting(this.config.name, visible, error));
        break;
      case 'fault':
        this.#host.fault(error);
        // A card that was pulled while it signed is one of the reasons: not to be tried again before it is known.
        void this.#look();
        break;
      case 'module':
        this.#host.restart(error);
        break;
      case 'none':
        break;
    }
  }
}

/** A reason that a new look at the card does not overtake; whether the PIN is locked is seen anew each time. */
function stillValid(error: SealError): SealError | undefined {
  return error.code === 'SEAL-KEY-PIN-LOCKED' ? undefined : error;
}
