import { absent } from './state.ts';
import type { KeyEffects } from '../effects.ts';
import type { TokenState, Visible } from './state.ts';

/** The state of a token as it is now. Who listens, and the log, hear of each change; the same reason for not signing is told once. */
export class CurrentState {
  readonly #name: string;
  readonly #log: KeyEffects['log'];
  readonly #isExpected: (state: TokenState) => boolean;
  readonly #listeners: (() => void)[] = [];
  #now: TokenState;

  /** @param isExpected whether nobody needs to do anything about a state in which the card cannot sign */
  constructor(name: string, log: KeyEffects['log'], isExpected: (state: TokenState) => boolean) {
    this.#name = name;
    this.#log = log;
    this.#isExpected = isExpected;
    this.#now = absent(name);
  }

  get now(): TokenState {
    return this.#now;
  }

  onChange(call: () => void): void {
    this.#listeners.push(call);
  }

  set(state: TokenState): void {
    const before = this.#now;
    this.#now = state;
    if (before.kind !== 'active' && state.kind === before.kind && state.error.message === before.error.message) return;
    if (state.kind === 'active') this.#log.info({ key: this.#name, serial: state.visible.view.serial }, 'card is active');
    else {
      const level = this.#isExpected(state) ? 'debug' : 'warn';
      this.#log[level]({ key: this.#name, state: state.state, error: state.error.toJSON() }, 'card cannot sign now');
    }
    this.#tell();
  }

  /** Certificates were exchanged; whether the card can sign stays as it is. */
  see(visible: Visible): void {
    if (this.#now.kind === 'away') return;
    this.#now = { ...this.#now, visible };
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
