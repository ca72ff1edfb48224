import { z } from 'zod';
import type { CheckFinding } from '../archive/check.ts';
import type { Effects } from '../ports/effects.ts';
import { runCheck, type CheckMemory } from './archive-check.ts';
import type { App } from './context.ts';
import { isoTime } from './views.ts';

/** How the last check that the daemon made by itself ended. */
export interface LastCheck {
  /** UTC, ISO 8601. */
  readonly at: string;
  readonly sound: boolean;
  /** The first damage, where there is one, and how many there are. */
  readonly first?: Pick<CheckFinding, 'where' | 'what'>;
  readonly damages: number;
}

const lastKey = 'archive-check.last';
const positionKey = 'archive-check.position';

const stored = z.object({
  at: z.number(),
  damages: z.int(),
  first: z.object({ where: z.string(), what: z.string() }).optional(),
});

/** The last check of the daemon; undefined when there was none. */
export async function lastCheck(fx: Pick<Effects, 'store'>): Promise<LastCheck | undefined> {
  const known = await read(fx);
  if (known === undefined) return undefined;
  const { at, damages, first } = known;
  return { at: isoTime(at), sound: damages === 0, damages, ...(first === undefined ? {} : { first }) };
}

async function read({ store }: Pick<Effects, 'store'>): Promise<z.infer<typeof stored> | undefined> {
  const text = await store.meta(lastKey);
  return text === undefined ? undefined : stored.parse(JSON.parse(text));
}

/** One sentence for `status`; none while everything is sound. */
export function checkSentence(last: LastCheck | undefined): string[] {
  if (last?.first === undefined) return [];
  const { at, damages, first } = last;
  const more = damages === 1 ? '' : `, and ${damages - 1} more`;
  return [
    `the archive is damaged, as its check of ${at.slice(0, 10)} found: ${first.where}: ${first.what}${more} (sealtree archive check)`,
  ];
}

/** Checks the archive as often as the configuration wants it, beside everything else; goes on where a stop of the daemon interrupted it. */
export class CheckWatch {
  readonly #app: Pick<App, 'fx' | 'config'>;
  #running = false;

  constructor(app: Pick<App, 'fx' | 'config'>) {
    this.#app = app;
  }

  /** Resolves when the check that was due has ended; at once when none is. @throws SealError SEAL-STORE-*, SEAL-INPUT-* of the trust files */
  async look(signal: AbortSignal): Promise<void> {
    const { fx, config } = this.#app;
    const { check } = config.archive;
    if (check === undefined || this.#running) return;
    const last = await read(fx);
    if (last !== undefined && fx.clock.now() - last.at < check && fx.clock.now() >= last.at) return;
    this.#running = true;
    try {
      await this.#check(signal);
    } catch (thrown) {
      if (!signal.aborted) throw thrown;
    } finally {
      this.#running = false;
    }
  }

  async #check(signal: AbortSignal): Promise<void> {
    const { clock, log, store } = this.#app.fx;
    log.info({}, 'the archive is checked');
    const memory: CheckMemory = { read: () => store.meta(positionKey), write: (text) => store.setMeta(positionKey, text) };
    const { findings, trees, leaves } = await runCheck(this.#app, memory, true, { signal, progress: () => undefined });
    const damages = findings.filter(({ severity }) => severity === 'damage');
    const [first] = damages.map(({ where, what }) => ({ where, what }));
    const at = clock.now();
    await store.setMeta(lastKey, JSON.stringify({ at, damages: damages.length, first }));
    await store.audit({ at, actor: 'sealtree', action: 'archive-checked', details: { trees, leaves, damages: damages.length, ...first } });
    for (const { where, what } of damages.slice(0, 100))
      log.error(
        { where, hint: 'stop the daemon, keep a copy of the data directory, put the last backup back' },
        `the archive is damaged: ${what}`,
      );
    if (damages.length === 0) log.info({ trees, leaves }, 'the archive is sound');
  }
}
