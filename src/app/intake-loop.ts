import { asSealError, type SealError } from '../errors.ts';
import type { RootConfig } from '../model/config.ts';
import type { Timer } from '../ports/clock.ts';
import type { Candidate } from '../watcher/intake.ts';
import { Candidates, claim, lackOfRoom } from '../watcher/intake.ts';
import { inModule } from '../ports/log.ts';
import { rootStatus } from './root-status.ts';
import type { Service } from './service.ts';
import type { RootStatus } from './status.ts';

/** ms between two looks at the room on the file systems. */
const roomEvery = 5_000;
/** ms that a root rests after a claim that could not even be tried. */
const faultPause = 5_000;

/**
 * Joins watcher and runner: takes candidates in fair order as long as the runner has room for their root, claims them and hands them over. A root
 * whose file systems are nearly full claims nothing, so that no signature is spent on what cannot be delivered. Each root claims for itself: one
 * whose file server hangs keeps no other waiting.
 */
export class IntakeLoop {
  readonly #service: Pick<Service, 'app' | 'runner'>;
  readonly #candidates: Candidates;
  readonly #full = new Map<string, SealError>();
  /** Roots that claim at this moment. */
  readonly #claiming = new Map<string, Promise<void>>();
  readonly #stop = new AbortController();
  #timers: readonly Timer[] = [];

  constructor(service: Pick<Service, 'app' | 'runner'>) {
    this.#service = service;
    this.#candidates = new Candidates(service.app.fx, this.#roots);
  }

  get #roots(): RootConfig[] {
    return Object.values(this.#service.app.config.roots);
  }

  /** Resolves when every root was gone through once. */
  async start(): Promise<void> {
    const { app, runner } = this.#service;
    const pump = (): void => {
      this.#pump();
    };
    this.#candidates.onChange(pump);
    runner.onEnd(pump);
    await Promise.all(this.#roots.map((root) => this.#lookAtRoom(root)));
    this.#timers = this.#roots.map((root) =>
      app.fx.clock.every(roomEvery, async () => {
        await this.#lookAtRoom(root);
        this.#pump();
      }),
    );
    await this.#candidates.start();
    this.#pump();
  }

  async sweep(): Promise<void> {
    await this.#candidates.sweep();
    this.#pump();
  }

  /** Nothing settles and nothing is being claimed; what is ready cannot be claimed for now. */
  get idle(): boolean {
    return !this.#candidates.settling && this.#claiming.size === 0;
  }

  /** Approved batches that cannot be claimed now: their root has no room on its disks, or enough batches that wait. */
  get heldBack(): number {
    return this.#candidates.ready;
  }

  status(): RootStatus[] {
    const { runner, app } = this.#service;
    return this.#candidates.states().map((state) => {
      const paused = state.problem?.message ?? this.#full.get(state.root)?.message;
      return {
        ...rootStatus(app.config, state),
        ...runner.counts(state.root),
        ...(paused === undefined ? {} : { paused }),
      };
    });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    for (const timer of this.#timers) timer.cancel();
    await Promise.all(this.#claiming.values());
    await this.#candidates.close();
  }

  async #lookAtRoom(root: RootConfig): Promise<void> {
    const { config } = this.#service.app;
    const fx = inModule(this.#service.app.fx, 'watcher');
    const full = await lackOfRoom(fx, config, root).catch((thrown: unknown) => asSealError(thrown));
    const before = this.#full.get(root.name);
    if (full === undefined) this.#full.delete(root.name);
    else this.#full.set(root.name, full);
    if (full !== undefined && before === undefined) fx.log.warn({ root: root.name, error: full.toJSON() }, 'intake is paused');
    if (full !== undefined || before === undefined) return;
    fx.log.info({ root: root.name }, 'intake goes on');
    this.#service.runner.poke();
  }

  #pump(): void {
    const { runner } = this.#service;
    while (!this.#stop.signal.aborted) {
      const candidate = this.#candidates.take((root) => !this.#claiming.has(root) && runner.hasRoom(root) && !this.#full.has(root));
      if (candidate === undefined) return;
      const { root } = candidate;
      const claimed = this.#claim(candidate).finally(() => {
        this.#claiming.delete(root);
        this.#pump();
      });
      this.#claiming.set(root, claimed);
    }
  }

  async #claim(candidate: Candidate): Promise<void> {
    const { app, runner } = this.#service;
    const { config } = app;
    const fx = inModule(app.fx, 'watcher');
    const root = config.roots[candidate.root];
    if (root === undefined) return;
    try {
      const result = await claim(fx, config, root, candidate);
      this.#candidates.settled(candidate, result);
      if (result.kind === 'claimed') runner.take({ id: result.batch, root: root.name });
    } catch (thrown) {
      fx.log.warn({ root: root.name, error: asSealError(thrown).toJSON() }, 'a batch could not be claimed; it is tried again');
      this.#candidates.giveBack(candidate);
      await fx.clock.sleep(faultPause, this.#stop.signal).catch(() => undefined);
    }
  }
}
