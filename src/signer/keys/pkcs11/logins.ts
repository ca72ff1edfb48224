import { SealError, asSealError } from '../../../errors.ts';
import { explain } from './events.ts';
import { longestPin } from './pin-length.ts';
import { CardFault } from './process.ts';
import { UnattendedPin } from './unattended.ts';
import { WrongPins } from './wrong-pins.ts';
import type { KeyEffects } from '../effects.ts';
import type { CardHost } from './host.ts';
import type { CardActivation, TokenView } from './messages.ts';
import type { Visible } from './state.ts';
import type { Pkcs11KeyConfig, SecretReference } from '../../../model/config.ts';

export interface LoginConfig extends Pick<Pkcs11KeyConfig, 'name' | 'timeout'> {
  readonly pin?: SecretReference;
  /** ms an activation lasts. */
  readonly maxTime?: number;
}

/** The private keys that are visible now, and when the login began. */
export type Login = Pick<CardActivation, 'keys' | 'since'>;

/** ms a person has at the reader. */
export const pinPadMs = 120_000;
/** CKR_PIN_INCORRECT, CKR_PIN_LOCKED */
const wrongPin: ReadonlySet<number> = new Set([160, 164]);

/** Logins of one token: by a person, and with a configured PIN as long as the machine may try. */
export class Logins {
  /** A person deactivated the card, or entered a wrong PIN: the configured PIN is not used until somebody opens or activates it. */
  held = false;
  readonly wrong: WrongPins;
  readonly #config: LoginConfig;
  readonly #fx: KeyEffects;
  readonly #host: CardHost;
  readonly #unattended: UnattendedPin;
  /** The configured PIN was refused on this insertion. */
  #tried = false;

  constructor(config: LoginConfig, fx: KeyEffects, host: CardHost) {
    this.#config = config;
    this.#fx = fx;
    this.#host = host;
    this.wrong = new WrongPins(fx);
    this.#unattended = new UnattendedPin(fx);
  }

  /** Another card, or the same once more: what was tried before counts no longer here (it does in the database). */
  async inserted(serial: string): Promise<void> {
    this.#tried = false;
    await this.wrong.inserted(serial);
  }

  /** Whether the configured PIN will be used. */
  willTry({ view }: Visible): boolean {
    return this.#config.pin !== undefined && !this.held && !this.#tried && view.pin !== 'locked';
  }

  /**
   * With the configured PIN, once.
   * @throws CardFault, SealError SEAL-KEY-PIN-*, SEAL-CONFIG-SECRET, SEAL-KEY-DEVICE
   */
  async byMachine(visible: Visible): Promise<Login> {
    const { serial, pin } = visible.view;
    const secret = await this.readPin();
    try {
      await this.#unattended.begin(serial, this.wrong.last ? 'last-try' : pin);
      return await this.withPin(visible, secret);
    } catch (thrown) {
      // From now on a person is needed, or the next insertion: not each second again.
      if (isAboutPin(this.#config.name, thrown)) this.#tried = true;
      throw thrown;
    } finally {
      secret.fill(0);
    }
  }

  /**
   * With a PIN, zeroed; an empty one means the pad of the reader.
   * @param once for a single signature: no activation begins
   * @returns the private keys that are visible now, and when the activation began
   * @throws CardFault, SealError SEAL-KEY-DEVICE; as isAtReader
   */
  async withPin({ view }: Visible, pin: Buffer, once = false): Promise<Login> {
    const { serial } = view;
    try {
      const atReader = isAtReader(this.#config.name, view, pin);
      const process = await this.#host.running();
      const { timeout, maxTime } = this.#config;
      const since = this.#fx.clock.now();
      const lasting = { since, once, ...(maxTime === undefined ? {} : { lasts: maxTime }) };
      const { keys } = atReader
        ? await process.call('login', lasting, pinPadMs)
        : await process.withPin(pin, async (door) => await process.call('login', { ...lasting, door }, timeout));
      await this.#unattended.forget(serial);
      await this.wrong.clear();
      return { keys, since };
    } catch (thrown) {
      if (thrown instanceof CardFault && wrongPin.has(thrown.fault.rv)) await this.wrong.add();
      // The card has said something else than that the PIN is wrong. A process that died has said nothing.
      if (thrown instanceof CardFault && !isAboutPin(this.#config.name, thrown)) await this.#unattended.forget(serial);
      throw thrown;
    } finally {
      pin.fill(0);
    }
  }

  /** The configured PIN; the caller zeroes it. @throws SealError SEAL-KEY-PIN-NEEDED without one, SEAL-CONFIG-SECRET */
  async readPin(): Promise<Buffer> {
    const { name, pin } = this.#config;
    if (pin !== undefined) return await this.#fx.readSecret(pin);
    throw new SealError('SEAL-KEY-PIN-NEEDED', `${name}: the card asks its PIN for each signature`, {
      where: name,
      hint: 'name a file or credential under “pin:” of the key',
    });
  }
}

/**
 * Whether the pad of the reader asks for the PIN: where there is one, an empty PIN says so.
 * @throws SealError SEAL-KEY-PIN-NEEDED when it is empty and there is no pad, SEAL-KEY-PIN-INCORRECT when it is too long for any card
 */
export function isAtReader(name: string, { pinPad }: Pick<TokenView, 'pinPad'>, pin: Buffer): boolean {
  const untouched = { where: name, hint: 'nothing was sent to the card; enter it again' };
  if (pin.length > longestPin) throw new SealError('SEAL-KEY-PIN-INCORRECT', `${name}: the PIN is too long`, untouched);
  if (pin.length > 0) return false;
  if (!pinPad) throw new SealError('SEAL-KEY-PIN-NEEDED', `${name}: no PIN was given, and its reader has no pad to ask for it`, untouched);
  return true;
}

function isAboutPin(name: string, thrown: unknown): boolean {
  const error = thrown instanceof CardFault ? explain(name, thrown.fault).error : asSealError(thrown);
  return error.code.startsWith('SEAL-KEY-PIN-');
}
