import type { KeyEffects } from '../effects.ts';

/** Cards lock at three as a rule. */
const usualTries = 3;

/**
 * Wrong PINs that we have sent to a card since the right one, kept over restarts: modules report the tries that are left badly (OpenSC not at all).
 */
export class WrongPins {
  readonly #fx: Pick<KeyEffects, 'store'>;
  #serial: string | undefined;
  #count = 0;

  constructor(fx: Pick<KeyEffects, 'store'>) {
    this.#fx = fx;
  }

  /** Of the card that is there. */
  get count(): number {
    return this.#count;
  }

  /** Whether the next wrong one probably locks it. */
  get last(): boolean {
    return this.#count >= usualTries - 1;
  }

  /** This card is there now. */
  async inserted(serial: string): Promise<void> {
    this.#serial = serial;
    this.#count = Number((await this.#fx.store.meta(nameOf(serial))) ?? 0);
  }

  async add(): Promise<void> {
    await this.#set(this.#count + 1);
  }

  async clear(): Promise<void> {
    if (this.#count > 0) await this.#set(0);
  }

  async #set(count: number): Promise<void> {
    this.#count = count;
    if (this.#serial !== undefined) await this.#fx.store.setMeta(nameOf(this.#serial), count === 0 ? '' : String(count));
  }
}

function nameOf(serial: string): string {
  return `pin-wrong:${serial}`;
}
