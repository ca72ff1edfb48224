import { asSealError, SealError, type ErrorReport } from '../errors.ts';
import { finalStates, type Batch, type BatchState } from '../model/batch.ts';
import type { StepResult } from '../model/step.ts';
import type { Effects } from '../ports/effects.ts';
import { step, type Command, type MachineEvent, type MachineState } from './machine.ts';
import type { Step } from './states.ts';

/** What the stages do for one batch; built from their entry files by stages.ts, or by a test. */
export type Stages = { readonly [name in Step]: (batch: Batch, signal: AbortSignal) => Promise<StepResult> };

export type RunnerEffects = Pick<Effects, 'clock' | 'log' | 'store'>;

export interface RunnerOptions {
  /** Batches of one root that may be under way, waiting ones included: a root without keys must not fill the spool. */
  readonly perRoot: number;
  /** Steps that read and write many bytes at the same time. */
  readonly copying: number;
  /** ms that a batch may wait before it fails, by root; undefined: for ever. */
  readonly maxWait: (root: string) => number | undefined;
  /** Delivered: the parts of the signatures leave the database, unless the archive keeps them. */
  readonly dropParts: boolean;
}

interface Drive {
  readonly id: string;
  readonly root: string;
  state: BatchState;
  waiting: ErrorReport | undefined;
  cancelled: ErrorReport | undefined;
  wake: AbortController;
  /** Ends a signing step early when the batch is cancelled. */
  readonly halt: AbortController;
  ended: Promise<void>;
}

export interface RunnerCounts {
  readonly running: number;
  readonly waiting: number;
}

const copyingSteps: ReadonlySet<Step> = new Set(['spool', 'stage', 'file', 'fail']);

/**
 * Takes batches through the machine: executes its commands, writes every transition before the next step, and picks up unfinished batches
 * after a restart. Whoever has a claimed batch hands it over with `take`: the watcher's intake today, an API tomorrow.
 */
export class Runner {
  readonly #fx: RunnerEffects;
  readonly #stages: Stages;
  readonly #options: RunnerOptions;
  readonly #drives = new Map<string, Drive>();
  readonly #stop = new AbortController();
  readonly #copyQueue: (() => void)[] = [];
  #copying = 0;

  constructor(fx: RunnerEffects, stages: Stages, options: RunnerOptions) {
    this.#fx = fx;
    this.#stages = stages;
    this.#options = options;
  }

  /** Takes up all unfinished batches, oldest first. Documents whose signature is in doubt were put back by `store.settleDoubts`. */
  async resume(): Promise<number> {
    const batches = await this.#fx.store.unfinished();
    for (const batch of batches) this.take(batch);
    return batches.length;
  }

  /** Starts working on a batch; one that is under way already is left alone. */
  take(batch: Pick<Batch, 'id' | 'root' | 'state'>): void {
    if (this.#stop.signal.aborted || this.#drives.has(batch.id)) return;
    const drive: Drive = {
      id: batch.id,
      root: batch.root,
      state: batch.state,
      waiting: undefined,
      cancelled: undefined,
      wake: new AbortController(),
      halt: new AbortController(),
      ended: Promise.resolve(),
    };
    this.#drives.set(batch.id, drive);
    drive.ended = this.#drive(drive).finally(() => this.#drives.delete(drive.id));
  }

  /** Whether the root may claim another batch now. */
  hasRoom(root: string): boolean {
    let taken = 0;
    for (const drive of this.#drives.values()) if (drive.root === root) taken++;
    return !this.#stop.signal.aborted && taken < this.#options.perRoot;
  }

  /** Something changed (a PIN, a card, room on a disk, output collected): waiting batches try again at once. */
  poke(id?: string): void {
    for (const drive of this.#drives.values()) if (id === undefined || drive.id === id) drive.wake.abort();
  }

  /** @throws SealError SEAL-BATCH-UNKNOWN, SEAL-BATCH-STATE when it has ended or its output is on the way out */
  async cancel(id: string, actor: string): Promise<void> {
    const batch = await this.#fx.store.batch(id);
    if (batch === undefined) throw new SealError('SEAL-BATCH-UNKNOWN', `no batch is called ${id}`, { hint: '“batch list” names them' });
    const error = new SealError('SEAL-BATCH-CANCELLED', `cancelled by ${actor}`, { hint: '“batch retry” takes it up again' }).toJSON();
    step({ state: batch.state, attempts: 0 }, { kind: 'cancel', error });
    this.take(batch);
    const drive = this.#drives.get(id);
    if (drive === undefined) return;
    drive.cancelled = error;
    drive.halt.abort(error);
    drive.wake.abort();
  }

  counts(root?: string): RunnerCounts {
    let running = 0;
    let waiting = 0;
    for (const drive of this.#drives.values()) {
      if (root !== undefined && drive.root !== root) continue;
      if (drive.waiting === undefined) running++;
      else waiting++;
    }
    return { running, waiting };
  }

  /** Lets steps in progress end at their next safe point, writes their state and takes up nothing more. */
  async stop(): Promise<void> {
    this.#stop.abort(new SealError('SEAL-INTERRUPTED', 'the daemon is stopping'));
    this.poke();
    await Promise.all([...this.#drives.values()].map((drive) => drive.ended));
  }

  async #drive(drive: Drive): Promise<void> {
    const log = this.#fx.log.child({ module: 'batch', batch: drive.id, root: drive.root });
    let current: MachineState = { state: drive.state, attempts: 0 };
    let event: MachineEvent = { kind: 'start' };
    try {
      while (!this.#stop.signal.aborted) {
        const { next, commands } = step(current, event);
        current = next;
        const answer = await this.#execute(drive, commands, log);
        if (answer === undefined) return;
        event = answer;
      }
    } catch (thrown) {
      // The database itself does not answer: the batch stays as it was written last and is taken up again later.
      log.error({ error: asSealError(thrown).toJSON() }, 'batch stands still');
      await this.#fx.clock.sleep(5_000, this.#stop.signal).catch(() => undefined);
    }
  }

  async #execute(drive: Drive, commands: readonly Command[], log: RunnerEffects['log']): Promise<MachineEvent | undefined> {
    for (const command of commands) {
      switch (command.kind) {
        case 'advance':
          await this.#advance(drive, command);
          log.info(
            { from: command.from, to: command.to, ...(command.error === undefined ? {} : { error: command.error }) },
            `batch is ${command.to}`,
          );
          break;
        case 'run':
          return await this.#run(drive, command.step, log);
        case 'wait':
          return await this.#wait(drive, command, log);
        case 'finish':
          return undefined;
      }
    }
    return undefined;
  }

  async #advance(drive: Drive, command: Extract<Command, { kind: 'advance' }>): Promise<void> {
    const { store, clock } = this.#fx;
    await store.advance(drive.id, command.from, command.to, {
      ...(command.error === undefined ? {} : { error: command.error }),
      ...(finalStates.has(command.to) ? { finishedAt: clock.now() } : {}),
      ...(command.to === 'delivered' && this.#options.dropParts ? { dropParts: true as const } : {}),
    });
    drive.state = command.to;
  }

  async #run(drive: Drive, name: Step, log: RunnerEffects['log']): Promise<MachineEvent> {
    const batch = await this.#fx.store.batch(drive.id);
    if (batch === undefined) throw new SealError('SEAL-INTERNAL', `the row of batch ${drive.id} is gone`);
    if (batch.waiting !== undefined) await this.#fx.store.setWaiting(drive.id, undefined);
    drive.waiting = undefined;
    if (drive.cancelled !== undefined) return { kind: 'cancel', error: drive.cancelled };
    const began = this.#fx.clock.monotonic();
    const signal = AbortSignal.any([this.#stop.signal, drive.halt.signal]);
    try {
      const work = (): Promise<StepResult> => this.#stages[name](batch, name === 'sign' ? signal : this.#stop.signal);
      const result = copyingSteps.has(name) ? await this.#copy(work) : await work();
      log.debug({ step: name, result: result.kind, ms: this.#fx.clock.monotonic() - began }, 'step ended');
      return { kind: 'result', result };
    } catch (thrown) {
      const error = asSealError(thrown);
      if (error.code !== 'SEAL-INTERRUPTED')
        log.warn(
          {
            step: name,
            error: error.toJSON(),
            ...(error.code === 'SEAL-INTERNAL' ? { stack: error.cause instanceof Error ? error.cause.stack : error.stack } : {}),
          },
          'step failed',
        );
      return { kind: 'fault', error: error.toJSON() };
    }
  }

  /** A few batches copy at the same time; the others keep their order. */
  async #copy<T>(work: () => Promise<T>): Promise<T> {
    if (this.#copying >= this.#options.copying) await new Promise<void>((resolve) => this.#copyQueue.push(resolve));
    else this.#copying++;
    try {
      return await work();
    } finally {
      const next = this.#copyQueue.shift();
      if (next === undefined) this.#copying--;
      else next();
    }
  }

  async #wait(drive: Drive, { reason, ms }: Extract<Command, { kind: 'wait' }>, log: RunnerEffects['log']): Promise<MachineEvent> {
    const { clock, store } = this.#fx;
    const batch = await store.batch(drive.id);
    const since = batch?.waiting?.code === reason.code ? batch.waiting.since : clock.now();
    if (batch?.waiting?.message !== reason.message) log.info({ reason }, 'batch waits');
    await store.setWaiting(drive.id, { ...reason, since });
    drive.waiting = reason;
    drive.wake = new AbortController();
    if (drive.cancelled === undefined)
      await clock.sleep(ms, AbortSignal.any([this.#stop.signal, drive.wake.signal])).catch(() => undefined);
    drive.wake = new AbortController();
    if (drive.cancelled !== undefined) return { kind: 'cancel', error: drive.cancelled };
    const limit = this.#options.maxWait(drive.root);
    if (limit !== undefined && batch !== undefined && clock.now() - batch.claimedAt > limit) {
      const error = new SealError('SEAL-BATCH-TIMEOUT', `waited longer than maxWait: ${reason.message}`, {
        ...(reason.hint === undefined ? {} : { hint: reason.hint }),
        retryable: true,
      });
      return { kind: 'expired', error: error.toJSON() };
    }
    return { kind: 'retry' };
  }
}
