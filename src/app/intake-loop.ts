import { asSealError, type SealError } from '../errors.ts';
import type { Candidate } from '../watcher/intake.ts';
import { Candidates, claim, lackOfRoom } from '../watcher/intake.ts';
import { rootStatus } from './root-status.ts';
import type { Service } from './service.ts';
import type { RootStatus } from './status.ts';

/** ms between two looks at the room on the file systems. */
const roomEvery = 5_000;

/**
 * Joins watcher and runner: takes candidates in fair order as long as the runner has room for their root, claims them and hands them over. A root
 * whose file systems are nearly full claims nothing, so that no signature is spent on what cannot be delivered.
 */
export class IntakeLoop {
  readonly #service: Service;
  readonly #candidates: Candidates;
  readonly #full = new Map<string, SealError>();
  #pumping: Promise<void> | undefined;
  #again = false;
  #closed = false;
  #cancel: () => void = () => undefined;

  constructor(service: Service) {
    this.#service = service;
    this.#candidates = new Candidates(service.app.fx, Object.values(service.app.config.roots));
  }

  async start(): Promise<void> {
    this.#candidates.onChange(() => {
      this.#pump();
    });
    await this.#lookAtRoom();
    const timer = this.#service.app.fx.clock.every(roomEvery, async () => {
      await this.#lookAtRoom();
      this.#pump();
    });
    const soon = this.#service.app.fx.clock.every(200, () => {
      this.#pump();
    });
    this.#cancel = () => {
      timer.cancel();
      soon.cancel();
    };
    await this.#candidates.start();
    this.#pump();
  }

  async sweep(): Promise<void> {
    await this.#candidates.sweep();
    this.#pump();
  }

  /** Nothing is ready, nothing settles, nothing is being claimed. */
  get idle(): boolean {
    const blocked = this.#full.size > 0 || this.#candidates.ready === 0;
    return blocked && this.#candidates.idle && this.#pumping === undefined;
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
    this.#closed = true;
    this.#cancel();
    await this.#pumping;
    await this.#candidates.close();
  }

  async #lookAtRoom(): Promise<void> {
    const { fx, config } = this.#service.app;
    for (const root of Object.values(config.roots)) {
      const full = await lackOfRoom(fx, config, root).catch((thrown: unknown) => asSealError(thrown));
      const before = this.#full.get(root.name);
      if (full === undefined) this.#full.delete(root.name);
      else this.#full.set(root.name, full);
      if (full !== undefined && before === undefined) fx.log.warn({ root: root.name, error: full.toJSON() }, 'intake is paused');
      if (full === undefined && before !== undefined) {
        fx.log.info({ root: root.name }, 'intake goes on');
        this.#service.runner.poke();
      }
    }
  }

  #pump(): void {
    this.#again = true;
    this.#pumping ??= this.#drain().finally(() => {
      this.#pumping = undefined;
    });
  }

  async #drain(): Promise<void> {
    const { runner } = this.#service;
    while (this.#again && !this.#closed) {
      this.#again = false;
      for (;;) {
        const candidate = this.#candidates.take((root) => runner.hasRoom(root) && !this.#full.has(root));
        if (candidate === undefined) break;
        await this.#claim(candidate);
      }
    }
  }

  async #claim(candidate: Candidate): Promise<void> {
    const { fx, config } = this.#service.app;
    const root = config.roots[candidate.root];
    if (root === undefined) return;
    try {
      const result = await claim(fx, config, root, candidate);
      this.#candidates.settled(candidate, result);
      if (result.kind === 'claimed') this.#service.runner.take({ id: result.batch, root: root.name, state: 'claimed' });
    } catch (thrown) {
      fx.log.warn({ root: root.name, error: asSealError(thrown).toJSON() }, 'a batch could not be claimed; it is tried again');
      this.#candidates.giveBack(candidate);
    }
  }
}
