import { isMounted, retireOriginals } from '../archive/outgoing.ts';
import { asSealError } from '../errors.ts';
import { displayName, joinPath } from '../formats/names.ts';
import type { Timer } from '../ports/clock.ts';
import { inModule } from '../ports/log.ts';
import { certificateEnds, logEnds, tsaCertificates } from './certificate-ends.ts';
import { sampleDisks } from './disks.ts';
import { keyViews } from './keys.ts';
import type { DueView } from './archive-due.ts';
import { CheckWatch } from './check-watch.ts';
import { RenewalWatch } from './renewal-watch.ts';
import type { Service } from './service.ts';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const page = 500;

type HouseService = Pick<Service, 'app' | 'closing' | 'renewing' | 'trust'>;

/** What is done again and again beside the batches. Nothing of it ends the daemon: what fails is told and tried again. */
export class Housekeeping {
  readonly #service: HouseService;
  readonly #signal: AbortSignal;
  readonly #renewals: RenewalWatch;
  readonly #checks: CheckWatch;
  #timers: readonly Timer[] = [];

  /** @param signal aborted when the daemon stops */
  constructor(service: HouseService, signal: AbortSignal) {
    const { app } = service;
    this.#service = { ...service, app: { ...app, fx: inModule(app.fx, 'archive') } };
    this.#renewals = new RenewalWatch(this.#service);
    this.#checks = new CheckWatch(this.#service.app);
    this.#signal = signal;
  }

  /** @param closeTrees whether trees are closed when they are due */
  start({ closeTrees }: { readonly closeTrees: boolean }): void {
    const { app, closing, renewing } = this.#service;
    const look = (): Promise<void> => this.#renewals.look(this.#signal);
    const check = (): Promise<void> => this.#checks.look(this.#signal);
    this.#timers = [
      ...(closeTrees
        ? [
            this.#every(5 * second, 'closing', () => closing.tick(this.#signal)),
            this.#every(minute, 'renewing', () => renewing.tick(this.#signal)),
            this.#every(hour, 'looking for due renewals', look),
            this.#every(hour, 'checking the archive', check),
          ]
        : []),
      this.#every(10 * second, 'looking for collected output', () => this.noteCollected()),
      this.#every(minute, 'looking for renewed certificates', () => this.refreshKeys()),
      this.#every(hour, 'looking for certificates that end', () => this.logCertificateEnds()),
      this.#every(hour, 'retention', () => this.retire()),
      this.#every(hour, 'looking at the disks', () => sampleDisks(app)),
    ];
    void this.#guarded('looking at the disks', () => sampleDisks(app));
    void this.#guarded('looking for certificates that end', () => this.logCertificateEnds());
    if (!closeTrees) return;
    void this.#guarded('looking for due renewals', look);
    void this.#guarded('checking the archive', check);
  }

  /** What must be renewed, as of the last look. */
  get due(): readonly DueView[] {
    return this.#renewals.due;
  }

  stop(): void {
    for (const timer of this.#timers) timer.cancel();
  }

  /** Files that were replaced, certificates that came to a token. */
  async refreshKeys(): Promise<void> {
    await Promise.all(
      this.#service.app.fx.keys.map(async (key) => {
        await key.refresh();
      }),
    );
  }

  /** At 60, 30, 14, 7 and 1 days before the end of a certificate. */
  async logCertificateEnds(): Promise<void> {
    const { app } = this.#service;
    const now = app.fx.clock.now();
    const certificates = await tsaCertificates(app.fx, Object.keys(app.config.tsas), now);
    const tsas = [...certificates].map(([name, certificate]) => ({ name, certificate }));
    await logEnds(app.fx, certificateEnds({ keys: await keyViews(app), tsas }, now));
  }

  /** The consumer removed the ready semaphore: normal, and recorded. */
  async noteCollected(): Promise<void> {
    const { fx, config } = this.#service.app;
    const mounted = new Set<string>();
    for (const root of Object.values(config.roots)) if (await isMounted(fx, root, 'outgoing')) mounted.add(root.name);
    for (let before: string | undefined; ;) {
      const batches = await fx.store.batches({ uncollected: true, limit: page, ...(before === undefined ? {} : { before }) });
      for (const { id, root: name, outPath } of batches) {
        const root = config.roots[name];
        if (root === undefined || !mounted.has(name)) continue;
        if ((await fx.files.stat(joinPath(root.outgoing, outPath, root.ready))) !== undefined) continue;
        await fx.store.markCollected(id, fx.clock.now());
        fx.log.info({ batch: id, path: displayName(outPath) }, 'collected');
      }
      before = batches.at(-1)?.id;
      if (before === undefined || this.#signal.aborted) return;
    }
  }

  /** Originals whose retention is over. A root that cannot be used does not keep the others waiting. */
  async retire(): Promise<void> {
    const { fx, config } = this.#service.app;
    for (const root of Object.values(config.roots)) {
      await this.#guarded(`retention of ${root.name}`, async () => {
        const retired = await retireOriginals(fx, { root });
        if (retired > 0) fx.log.info({ root: root.name, batches: retired }, 'originals removed: their retention is over');
      });
    }
  }

  #every(ms: number, what: string, work: () => Promise<void>): Timer {
    return this.#service.app.fx.clock.every(ms, async () => {
      await this.#guarded(what, work);
    });
  }

  async #guarded(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      if (!this.#signal.aborted) this.#service.app.fx.log.error({ error: asSealError(thrown).toJSON() }, `${what} failed`);
    }
  }
}
