import { DriverFault } from './module.ts';
import type pkcs11js from 'pkcs11js';

const tokenNotPresent = 224;

export interface SessionCalls {
  readonly open: () => pkcs11js.Handle;
  readonly close: (session: pkcs11js.Handle) => void;
}

/** Open sessions with one token. Each makes one signature at a time (PKCS#11 §5.2); who finds none free waits for the next. */
export class Sessions {
  readonly #driver: SessionCalls;
  #all: readonly [pkcs11js.Handle, ...pkcs11js.Handle[]];
  readonly #free: pkcs11js.Handle[];
  readonly #waiting: ((session: pkcs11js.Handle | undefined) => void)[] = [];
  #ended = false;

  /** @param count at least one */
  constructor(count: number, driver: SessionCalls) {
    this.#driver = driver;
    this.#all = [driver.open(), ...Array.from({ length: count - 1 }, () => driver.open())];
    this.#free = [...this.#all];
  }

  /** For what is no operation of its own: state, login, logout. */
  get first(): pkcs11js.Handle {
    return this.#all[0];
  }

  /** One that nobody else uses until it is given back. @throws DriverFault CKR_TOKEN_NOT_PRESENT when they have ended */
  async take(): Promise<pkcs11js.Handle> {
    const session = this.#ended
      ? undefined
      : (this.#free.pop() ?? (await new Promise<pkcs11js.Handle | undefined>((resolve) => this.#waiting.push(resolve))));
    if (session === undefined) throw new DriverFault({ rv: tokenNotPresent, message: 'the token has left' });
    return session;
  }

  giveBack(session: pkcs11js.Handle): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(session);
    else next(session);
  }

  /** Another one in the place of one that was taken; it stays when none can be opened. A login lasts, because the new one is opened first. */
  renew(session: pkcs11js.Handle): pkcs11js.Handle {
    if (this.#ended) return session;
    let fresh = session;
    try {
      fresh = this.#driver.open();
      const [first, ...others] = this.#all;
      const instead = (one: pkcs11js.Handle): pkcs11js.Handle => (one === session ? fresh : one);
      this.#all = [instead(first), ...others.map(instead)];
      this.#driver.close(session);
    } catch {
      // The card has gone: the next call says so.
    }
    return fresh;
  }

  /** The token has gone, or is not needed any more. */
  end(): void {
    this.#ended = true;
    for (const session of this.#all) {
      try {
        this.#driver.close(session);
      } catch {
        // Gone with the card.
      }
    }
    for (const waiting of this.#waiting.splice(0)) waiting(undefined);
  }
}
