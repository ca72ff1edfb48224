import { SealError } from '../../../errors.ts';
import type { Clock, Timer } from '../../../ports/clock.ts';
import type { ShownDocument, WaitingDocument } from '../../../ports/keys.ts';

/** ms between the PIN and the call of the key: the intent is recorded in between. */
const useWithinMs = 30_000;

/** A PIN that a person gave for one document. Whoever takes it says how it went. */
export interface GivenPin {
  readonly pin: Buffer;
  readonly signed: () => void;
  readonly failed: (error: unknown) => void;
}

interface Waiting extends WaitingDocument {
  readonly pinIsHere: () => void;
}

/**
 * Where documents lie that an individual card is to sign: one at a time, shown to a person, until the PIN for it is given or its time is over.
 */
export class SigningDesk {
  readonly #name: string;
  readonly #clock: Pick<Clock, 'after' | 'now'>;
  readonly #changed: () => void;
  #waiting: Waiting | undefined;
  #given: (GivenPin & { readonly timer: Timer }) | undefined;

  /** @param changed called when another document waits, or none */
  constructor(name: string, clock: Pick<Clock, 'after' | 'now'>, changed: () => void) {
    this.#name = name;
    this.#clock = clock;
    this.#changed = changed;
  }

  get waiting(): WaitingDocument | undefined {
    return this.#waiting;
  }

  /**
   * Shows a document until a person has given the PIN for it.
   * @param limit ms
   * @throws SealError SEAL-KEY-PIN-NEEDED when the time is over; the signal's reason
   */
  async wait({ name, digest }: ShownDocument, limit: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const timer = this.#clock.after(limit, () => {
      reject(
        new SealError('SEAL-KEY-PIN-NEEDED', `${this.#name}: nobody entered the PIN for “${name}” in time`, {
          where: this.#name,
          hint: `“sealtree key activate ${this.#name}” shows the document that waits and asks for the PIN`,
        }),
      );
    });
    const aborted = (): void => {
      reject(signal.reason);
    };
    signal.addEventListener('abort', aborted, { once: true });
    this.#show({ name, digest, since: this.#clock.now(), pinIsHere: () => { resolve(undefined); } }); // prettier-ignore
    try {
      await promise;
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', aborted);
      this.#show(undefined);
    }
  }

  /**
   * Gives the PIN for the document that is shown; resolves when it is signed. Zeroes the PIN.
   * @param digest SHA-256 of the document that the person has seen
   * @throws SealError SEAL-USAGE when no document, or another one, waits; SEAL-KEY-* when it could not be signed
   */
  async give(pin: Buffer, digest: Buffer | undefined): Promise<void> {
    const waiting = this.#waiting;
    try {
      if (waiting === undefined || this.#given !== undefined)
        throw new SealError('SEAL-USAGE', `${this.#name}: no document waits for a PIN`, {
          where: this.#name,
          hint: 'this card asks its PIN for each document; “sealtree key list” shows the one that waits',
        });
      if (digest?.equals(waiting.digest) !== true)
        throw new SealError('SEAL-USAGE', `${this.#name}: another document waits than the one that was shown`, {
          where: this.#name,
          hint: 'nothing was signed; look at the document and enter the PIN again',
        });
      const { promise, resolve, reject } = Promise.withResolvers<undefined>();
      const timer = this.#clock.after(useWithinMs, () => {
        this.#given?.failed(
          new SealError('SEAL-INTERRUPTED', `${this.#name}: the document was not signed, and its PIN is forgotten`, {
            hint: 'enter it again',
          }),
        );
      });
      const end = (settle: () => void): void => {
        timer.cancel();
        pin.fill(0);
        this.#given = undefined;
        settle();
      };
      this.#given = {
        pin,
        timer,
        signed: () => { end(() => { resolve(undefined); }); }, // prettier-ignore
        failed: (error) => { end(() => { reject(error); }); }, // prettier-ignore
      };
      waiting.pinIsHere();
      await promise;
    } finally {
      pin.fill(0);
    }
  }

  /** The PIN for the signature that is made now; from here on it waits for the card as long as it must. */
  take(): GivenPin | undefined {
    this.#given?.timer.cancel();
    return this.#given;
  }

  #show(waiting: Waiting | undefined): void {
    this.#waiting = waiting;
    this.#changed();
  }
}
