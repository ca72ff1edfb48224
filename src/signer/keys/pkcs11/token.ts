import { isDeepStrictEqual } from 'node:util';
import { asSealError } from '../../../errors.ts';
import { inTurn } from '../../../model/in-turn.ts';
import { Activations } from './activations.ts';
import { CurrentState } from './current-state.ts';
import { explain } from './events.ts';
import { CardHost } from './host.ts';
import { Logins } from './logins.ts';
import { Place } from './place.ts';
import { CardFault } from './process.ts';
import { Signatures } from './signatures.ts';
import { absent, afterError, afterLook, failing } from './state.ts';
import type { SealError } from '../../../errors.ts';
import type { Timer } from '../../../ports/clock.ts';
import type { KeyEffects } from '../effects.ts';
import type { HostConfig } from './host.ts';
import type { LoginConfig } from './logins.ts';
import type { TokenKey } from './messages.ts';
import type { PlaceConfig } from './place.ts';
import type { Readers } from './readers.ts';
import type { AskedOnce, AskedSignature } from './signatures.ts';
import type { Activation, TokenState } from './state.ts';

/** What a token needs of the configuration; the same for all keys on it. */
export type TokenConfig = PlaceConfig & HostConfig & LoginConfig;

const pollMs = 1_000;

/**
 * One token and its card process: looks once a second whether it is there, logs in with a configured PIN, signs, and starts the process again when
 * a driver hangs or dies. Everything but signing happens one after the other.
 */
export class Token {
  readonly config: TokenConfig;
  readonly #fx: KeyEffects;
  readonly #inTurn = inTurn();
  readonly #state: CurrentState;
  readonly #host: CardHost;
  readonly #place: Place;
  readonly #logins: Logins;
  readonly #signatures: Signatures;
  readonly #activations: Activations;
  #poll: Timer | undefined;
  #users = 0;

  constructor(config: TokenConfig, readers: Readers, fx: KeyEffects) {
    this.config = config;
    this.#fx = fx;
    this.#state = new CurrentState(config.name, fx.log, (state) => this.#isExpected(state));
    this.#host = new CardHost(config, fx, (error) => {
      this.#place.lost();
      this.#state.set(failing(error));
    });
    this.#place = new Place(config, readers, this.#host, fx.clock);
    this.#logins = new Logins(config, fx, this.#host);
    this.#signatures = new Signatures(config, this.#state, this.#host, this.#logins);
    this.#activations = new Activations(config, fx.clock, {
      state: this.#state,
      host: this.#host,
      logins: this.#logins,
      signatures: this.#signatures,
      inTurn: this.#inTurn,
      failed: (thrown) => this.#failed(thrown),
    });
  }

  get state(): TokenState {
    return this.#state.now;
  }

  /** Whether it is active and stays so when this daemon ends. */
  get outlives(): boolean {
    return (
      this.state.kind === 'active' &&
      this.config.keepAlive > 0 &&
      (this.#fx.outlive || this.#host.process?.inherited?.activation !== undefined)
    );
  }

  /** See KeyStatus. */
  get wrongPins(): number {
    return this.#logins.wrong.count;
  }

  onChange(call: () => void): void {
    this.#state.onChange(call);
  }

  /** A key lives on this token; `close` is the counterpart. */
  join(): void {
    if (this.#users++ === 0) this.#place.expect();
  }

  async open(): Promise<void> {
    this.#logins.held = false;
    this.#host.endPause();
    this.#poll ??= this.#fx.clock.every(pollMs, () => (this.#signatures.running ? undefined : this.#look()));
    await this.#look();
  }

  /** Reads the certificates again; a login stays as it is. Never rejects. */
  async refresh(): Promise<void> {
    await this.#inTurn(async () => {
      const { process } = this.#host;
      const before = this.state;
      if (before.kind === 'away' || process === undefined) return;
      try {
        const { certificates, mechanisms } = await process.call('certificates', {}, this.config.timeout);
        const { state } = this;
        if (state.kind === 'away' || isDeepStrictEqual(state.visible.certificates, certificates)) return;
        this.#state.see({ ...state.visible, certificates, mechanisms });
      } catch (thrown) {
        this.#failed(thrown);
      }
    });
  }

  /** @param pin zeroed @throws SealError SEAL-KEY-PIN-*, SEAL-KEY-ABSENT, SEAL-KEY-DEVICE */
  async activate(pin: Buffer): Promise<void> {
    try {
      await this.#inTurn(async () => {
        this.#logins.held = true;
        this.#host.endPause();
        try {
          await this.#update();
        } catch (thrown) {
          throw this.#failed(thrown);
        }
        await this.#activations.byPerson(pin);
        this.#logins.held = false;
      });
    } finally {
      pin.fill(0);
    }
  }

  /** Logs out and stays so until a person activates or opens it again. */
  async deactivate(): Promise<void> {
    this.#logins.held = true;
    await this.#inTurn(() => this.#activations.end());
  }

  /**
   * @param activation the one whose key handle this is
   * @param contextPin the PIN has to be given for this very signature, from where the configuration says
   * @throws SealError SEAL-KEY-*
   */
  async sign(activation: Activation, asked: AskedSignature, contextPin: boolean): Promise<Buffer> {
    try {
      return contextPin
        ? await this.#inTurn(async () => await this.#signatures.make(activation, asked, await this.#logins.readPin()))
        : await this.#signatures.make(activation, asked);
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
  async signOnce(pin: Buffer, choose: (keys: readonly TokenKey[]) => AskedOnce): Promise<Buffer> {
    try {
      return await this.#inTurn(async () => await this.#signatures.makeOnce(pin, choose));
    } catch (thrown) {
      throw this.#failed(thrown);
    } finally {
      pin.fill(0);
    }
  }

  /** What an earlier daemon asked of it: see KeySource.claim and KeySource.recorded. */
  get leftBehind(): Pick<CardHost, 'claim' | 'recorded'> {
    return this.#host;
  }

  /** Ends with the last of its keys: lets running signatures end, then the process, unless an active card stays for the next daemon. */
  async close(): Promise<void> {
    if (--this.#users > 0) return;
    this.#poll?.cancel();
    this.#poll = undefined;
    await this.#inTurn(async () => {
      const stays = this.outlives;
      this.#state.set(absent(this.config.name));
      await this.#signatures.ended();
      await this.#host.end(stays);
      this.#place.lost();
    });
  }

  /** Whether nobody needs to do anything about it: nobody uses the card, or the configured PIN follows at once. */
  #isExpected(state: TokenState): boolean {
    return this.#poll === undefined || (state.kind === 'waiting' && this.#logins.willTry(state.visible));
  }

  /** As `#update`, but never rejects. */
  #look(): Promise<void> {
    return this.#inTurn(async () => {
      try {
        await this.#update();
      } catch (thrown) {
        this.#failed(thrown);
        // Not the card's word but ours (its configuration cannot be written, a process that cannot be started).
        if (!(thrown instanceof CardFault) && this.state.kind === 'away') this.#state.set(failing(asSealError(thrown)));
      }
    });
  }

  /** Brings the state up to what is really there. @throws CardFault, SealError SEAL-KEY-DEVICE */
  async #update(): Promise<void> {
    if (this.#poll === undefined || !this.#host.due) return;
    const process = await this.#place.process();
    const view = await process?.call('look', { token: this.#place.selector }, this.config.timeout);
    if (process === undefined || view === undefined) {
      this.#state.set(absent(this.config.name, this.#place.hint));
      await this.#place.left();
      return;
    }
    const { state } = this;
    if (state.kind === 'active' && view.loggedIn && !view.fresh) return;
    const anew = state.kind === 'away' || view.fresh;
    const visible = { ...(anew ? await process.call('certificates', {}, this.config.timeout) : state.visible), view };
    const inherited = this.#host.inheritance();
    if (inherited !== undefined && view.loggedIn && !view.fresh) {
      this.#activations.begin(visible, inherited);
      return;
    }
    if (view.fresh) await this.#logins.inserted(view.serial);
    this.#state.set(afterLook(this.config.name, state, visible, () => this.#host.news()));
    await this.#activations.byMachine(visible);
  }

  /** Draws the consequence of an error for the card. @returns the error, for the caller */
  #failed(thrown: unknown, activation?: Activation): SealError {
    if (!(thrown instanceof CardFault)) return asSealError(thrown);
    const { error, then } = explain(this.config.name, thrown.fault);
    // What a call of an earlier activation met says nothing about the card now.
    if (activation !== undefined && (this.state.kind !== 'active' || this.state.activation !== activation)) return error;
    const next = afterError(this.config.name, this.state, then, error);
    if (next !== undefined) this.#state.set(next);
    if (then === 'module') this.#host.restart(error);
    if (then !== 'fault') return error;
    this.#host.fault(error);
    // A card that was pulled while it signed is one of the reasons: not to be tried again before it is known.
    void this.#look();
    return error;
  }
}
