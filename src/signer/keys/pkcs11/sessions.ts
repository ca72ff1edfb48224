import { DriverFault } from './module.ts';
import type pkcs11js from 'pkcs11js';

const tokenNotPresent = 224;

/** Open sessions with one token. Each makes one signature at a time (PKCS#11 §5.2); who finds none free waits for the next. */
export class Sessions {
  /** For what is no operation of its own: state, login, logout. */
  readonly first: pkcs11js.Handle;
  readonly #all: readonly pkcs11js.Handle[];
  readonly #free: pkcs11js.Handle[];
  readonly #waiting: ((session: pkcs11js.Handle | undefined) => void)[] = [];
  #ended = false;

  /** @param count at least one */
  constructor(count: number, open: () => pkcs11js.Handle) {
    this.first = open();
    this.#all = [this.first, ...Array.from({ length: count - 1 }, open)];
    this.#free = [...this.#all];
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

  /** The token has gone, or is not needed any more. */
  end(close: (session: pkcs11js.Handle) => void): void {
    this.#ended = true;
    for (const session of this.#all) {
      try {
        close(session);
      } catch {
        // Gone with the card.
      }
    }
    for (const waiting of this.#waiting.splice(0)) waiting(undefined);
  }
}
