import { SealError } from '../../../errors.ts';
import { NeverAsked } from '../../../model/never-asked.ts';
import { isAtReader, pinPadMs } from './logins.ts';
import { CardFault } from './process.ts';
import type { CurrentState } from './current-state.ts';
import type { CardHost, HostConfig } from './host.ts';
import type { Logins } from './logins.ts';
import type { Calls, TokenKey } from './messages.ts';
import type { CardProcess } from './process.ts';
import type { Activation } from './state.ts';

/** A signature that is asked of a token. */
export type AskedSignature = Pick<Calls['sign']['args'], 'key' | 'mechanism' | 'input' | 'request'>;

/** The same, with the key that was chosen after the login. */
export type AskedOnce = Omit<AskedSignature, 'key'> & { readonly key: TokenKey };

/** The calls of one token that sign, and which of them are under way. */
export class Signatures {
  readonly #config: Pick<HostConfig, 'name' | 'timeout' | 'sessions'>;
  readonly #state: Pick<CurrentState, 'now'>;
  readonly #host: CardHost;
  readonly #logins: Logins;
  readonly #running = new Set<Promise<unknown>>();

  constructor(config: Pick<HostConfig, 'name' | 'timeout' | 'sessions'>, state: Pick<CurrentState, 'now'>, host: CardHost, logins: Logins) {
    this.#config = config;
    this.#state = state;
    this.#host = host;
    this.#logins = logins;
  }

  get running(): boolean {
    return this.#running.size > 0;
  }

  /** Resolves when those that are under way now have ended, well or not. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  /**
   * With an activation.
   * @param pin for this very signature (CKA_ALWAYS_AUTHENTICATE); zeroed
   * @throws CardFault; NeverAsked SEAL-KEY-ABSENT when it is another activation now; SealError SEAL-KEY-DEVICE
   */
  async make(activation: Activation, asked: AskedSignature, pin?: Buffer): Promise<Buffer> {
    try {
      const { process } = this.#host;
      const state = this.#state.now;
      if (state.kind !== 'active') throw new NeverAsked(state.error);
      if (process === undefined || state.activation !== activation) throw new NeverAsked(this.#stale());
      return await this.#call(process, asked, pin);
    } finally {
      pin?.fill(0);
    }
  }

  /**
   * Of an individual card: logged in for it alone, unless the card is active already and verifies the PIN for this very signature
   * (CKA_ALWAYS_AUTHENTICATE). Without that a PIN would count that nobody has looked at: then nothing is signed.
   * @param pin zeroed; an empty one means the pad of the reader
   * @param choose the key to use, of those that are visible after the login
   * @throws CardFault; SealError SEAL-KEY-*, NeverAsked when it failed before the signature; as isAtReader
   */
  async makeOnce(pin: Buffer, choose: (keys: readonly TokenKey[]) => AskedOnce): Promise<Buffer> {
    const contextPin = Buffer.from(pin);
    let called = false;
    try {
      const state = this.#state.now;
      if (state.kind === 'away') throw state.error;
      const atReader = isAtReader(this.#config.name, state.visible.view, pin);
      const { keys } = state.kind === 'active' ? state.activation : await this.#logins.withPin(state.visible, pin, true);
      const process = await this.#host.running();
      try {
        const { key, ...asked } = choose(keys);
        if (state.kind === 'active' && !key.alwaysAuthenticate) throw this.#unverified();
        called = true;
        return await this.#call(
          process,
          { ...asked, key: key.handle },
          !key.alwaysAuthenticate ? undefined : atReader ? 'at-reader' : contextPin,
        );
      } finally {
        if (state.kind !== 'active') await process.call('logout', {}, this.#config.timeout).catch(() => undefined);
      }
    } catch (thrown) {
      throw called ? thrown : neverAsked(thrown);
    } finally {
      pin.fill(0);
      contextPin.fill(0);
    }
  }

  /** @param pin for this one signature; `at-reader`: the pad of the reader asks for it */
  async #call(process: CardProcess, args: AskedSignature, pin: Buffer | 'at-reader' | undefined): Promise<Buffer> {
    const { timeout, sessions } = this.#config;
    const limit = timeout * Math.ceil((this.#running.size + 1) / sessions);
    const running = Buffer.isBuffer(pin)
      ? process.withPin(pin, async (door) => await process.call('sign', { ...args, door }, limit))
      : pin === 'at-reader'
        ? process.call('sign', { ...args, atReader: true }, pinPadMs)
        : process.call('sign', args, limit);
    this.#running.add(running);
    try {
      const { signature } = await running;
      this.#host.succeeded();
      return signature;
    } finally {
      this.#running.delete(running);
    }
  }

  #unverified(): SealError {
    const { name } = this.#config;
    return new SealError(
      'SEAL-KEY-PIN-NEEDED',
      `${name}: another key has opened this token: the card would not verify the PIN of this signature`,
      {
        where: name,
        hint: 'nothing was signed; “sealtree key deactivate” of the other key, and an individual key needs a token of its own',
      },
    );
  }

  #stale(): SealError {
    return new SealError('SEAL-KEY-ABSENT', `${this.#config.name}: the card was taken out or activated again`, {
      where: this.#config.name,
      hint: 'the signature goes to another card or waits',
    });
  }
}

function neverAsked(thrown: unknown): Error {
  return thrown instanceof CardFault ? new CardFault({ ...thrown.fault, neverAsked: true }) : new NeverAsked(thrown);
}
