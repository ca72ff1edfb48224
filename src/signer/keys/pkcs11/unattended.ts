import { SealError } from '../../../errors.ts';
import type { KeyEffects } from '../effects.ts';
import type { PinState } from './messages.ts';

/**
 * Remembers that a configured PIN was tried and did not lead to a login, across restarts: a wrong PIN is never tried twice by machine. Written
 * before the attempt, so that a crash in between leaves the next try to a person; cleared by any successful login.
 */
export class UnattendedPin {
  readonly #fx: Pick<KeyEffects, 'clock' | 'store'>;

  constructor(fx: Pick<KeyEffects, 'clock' | 'store'>) {
    this.#fx = fx;
  }

  /** @throws SealError SEAL-KEY-PIN-LAST-TRY, SEAL-KEY-PIN-INCORRECT when the machine must not try (again) */
  async begin(serial: string, pin: PinState): Promise<void> {
    if (pin === 'last-try')
      throw new SealError('SEAL-KEY-PIN-LAST-TRY', 'one try is left for the PIN of this card; it is left to a person', {
        hint: 'enter it with “sealtree key activate”, carefully',
      });
    const since = await this.#fx.store.meta(nameOf(serial));
    if (since !== undefined && since !== '')
      throw new SealError('SEAL-KEY-PIN-INCORRECT', `the configured PIN did not open this card on ${since} and is not tried again`, {
        hint: 'correct the PIN where “pin:” points to, then enter it once with “sealtree key activate”',
      });
    await this.#fx.store.setMeta(nameOf(serial), new Date(this.#fx.clock.now()).toISOString());
  }

  /** The card was opened, or did not look at the PIN at all. */
  async forget(serial: string): Promise<void> {
    const since = await this.#fx.store.meta(nameOf(serial));
    if (since !== undefined && since !== '') await this.#fx.store.setMeta(nameOf(serial), '');
  }
}

function nameOf(serial: string): string {
  return `pin-tried:${serial}`;
}
