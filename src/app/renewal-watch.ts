import { dueNow, dueSentence, type DueView } from './archive-due.ts';
import type { Service } from './service.ts';

const day = 86_400_000;

/**
 * Looks once in a while what is due: says it each day, and renews due timestamps where the configuration wants that. A hash-tree renewal needs
 * the documents, so a person starts it.
 */
export class RenewalWatch {
  readonly #service: Pick<Service, 'app' | 'renewing' | 'trust'>;
  #saidAt = -Infinity;
  #urgent: readonly DueView[] = [];

  constructor(service: Pick<Service, 'app' | 'renewing' | 'trust'>) {
    this.#service = service;
  }

  /** What was due when it was looked at last. */
  get due(): readonly DueView[] {
    return this.#urgent;
  }

  /** @throws SealError SEAL-STORE-*, SEAL-INPUT-* of the trust files */
  async look(signal: AbortSignal): Promise<void> {
    const { app, renewing, trust } = this.#service;
    const { fx, config } = app;
    const urgent = await dueNow(fx, await trust(), config);
    this.#urgent = urgent;
    if (config.archive.renew === 'auto' && urgent.some(({ kind }) => kind === 'timestamps')) {
      const { anchored, waiting } = await renewing.renewTimestamps('sealtree', undefined, signal);
      fx.log.info({ renewals: anchored.map(({ renewal }) => renewal), waiting: waiting.length }, 'due timestamps were renewed');
      if (anchored.length > 0) {
        this.#urgent = await dueNow(fx, await trust(), config);
        return;
      }
    }
    this.#say(urgent);
  }

  #say(urgent: readonly DueView[]): void {
    const { clock, log } = this.#service.app.fx;
    if (urgent.length === 0 || clock.monotonic() < this.#saidAt + day) return;
    this.#saidAt = clock.monotonic();
    for (const one of urgent) log[one.state === 'late' ? 'error' : 'warn']({ ...one }, dueSentence(one).join(''));
  }
}
