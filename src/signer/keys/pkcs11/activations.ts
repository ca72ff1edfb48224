import { SealError, asSealError } from '../../../errors.ts';
import { waiting } from './state.ts';
import type { Timer } from '../../../ports/clock.ts';
import type { InTurn } from '../../../model/in-turn.ts';
import type { KeyEffects } from '../effects.ts';
import type { CurrentState } from './current-state.ts';
import type { CardHost } from './host.ts';
import type { Login, LoginConfig, Logins } from './logins.ts';
import type { Signatures } from './signatures.ts';
import type { Activation, Visible } from './state.ts';

/** What activations of a token have to do with. */
export interface ActivationParts {
  readonly state: CurrentState;
  readonly host: CardHost;
  readonly logins: Logins;
  readonly signatures: Signatures;
  readonly inTurn: InTurn;
  /** Draws the consequence of an error for the card. @returns the error, for the caller */
  readonly failed: (thrown: unknown) => SealError;
}

/** Begins and ends the activations of one token: logs in and out, at the latest when the time of an activation is over. */
export class Activations {
  readonly #config: LoginConfig;
  readonly #clock: KeyEffects['clock'];
  readonly #parts: ActivationParts;
  #expiry: Timer | undefined;

  constructor(config: LoginConfig, clock: KeyEffects['clock'], parts: ActivationParts) {
    this.#config = config;
    this.#clock = clock;
    this.#parts = parts;
    parts.state.onChange(() => {
      if (parts.state.now.kind !== 'active') this.#expiry?.cancel();
    });
  }

  /** @throws SealError SEAL-KEY-PIN-*, SEAL-KEY-ABSENT, SEAL-KEY-DEVICE */
  async byPerson(pin: Buffer): Promise<void> {
    const state = this.#parts.state.now;
    if (state.kind === 'away' || (state.kind === 'waiting' && state.state === 'pin-locked')) throw state.error;
    if (state.kind === 'waiting') await this.#login(state.visible, () => this.#parts.logins.withPin(state.visible, pin));
  }

  /** With the configured PIN, where the machine may. Never rejects. */
  async byMachine(visible: Visible): Promise<void> {
    const { state, logins } = this.#parts;
    if (!logins.willTry(visible)) return;
    try {
      await this.#login(visible, () => logins.byMachine(visible));
    } catch (thrown) {
      const { now } = state;
      if (now.kind === 'waiting') state.set(waiting(this.#config.name, now.visible, asSealError(thrown)));
    }
  }

  async #login(visible: Visible, log: () => Promise<Login>): Promise<void> {
    try {
      this.begin(visible, await log());
    } catch (thrown) {
      throw this.#parts.failed(thrown);
    }
  }

  /** The card is logged in; it stays so for `maxTime` at most. */
  begin(visible: Visible, { keys, since, until = Infinity }: Activation): void {
    const { maxTime = Infinity } = this.#config;
    const end = Math.min(until, since + maxTime);
    const activation = { keys, since, ...(end === Infinity ? {} : { until: end }) };
    this.#parts.state.set({
      kind: 'active',
      visible: { ...visible, view: { ...visible.view, loggedIn: true, pin: 'unknown' } },
      activation,
    });
    if (end === Infinity) return;
    this.#expiry = this.#clock.after(end - this.#clock.now(), () => {
      void this.#parts.inTurn(() => this.#expire(activation));
    });
  }

  /** Logs out, after signatures under way. @param reason for which the card waits then; absent: the usual one */
  async end(reason?: SealError): Promise<void> {
    const { state, signatures, host, failed } = this.#parts;
    const { now } = state;
    if (now.kind !== 'active') return;
    state.set(waiting(this.#config.name, now.visible, reason));
    await signatures.ended();
    await host.process?.call('logout', {}, this.#config.timeout).catch((thrown: unknown) => failed(thrown));
  }

  async #expire(activation: Activation): Promise<void> {
    const { state } = this.#parts;
    const before = state.now;
    if (before.kind !== 'active' || before.activation !== activation) return;
    const { name } = this.#config;
    await this.end(
      new SealError('SEAL-KEY-LIMIT', `${name}: the time of this activation is over`, {
        where: name,
        hint: 'enter the PIN again with “sealtree key activate”',
      }),
    );
    const { now } = state;
    if (now.kind === 'waiting') await this.byMachine(now.visible);
  }
}
