import { asSealError, SealError, type ErrorReport } from '../errors.ts';
import { finalStates, type Batch } from '../model/batch.ts';
import type { StepResult } from '../model/step.ts';
import type { Effects } from '../ports/effects.ts';
import { Drive } from './drive.ts';
import { Pause } from './pause.ts';
import { mayCancel, step, type Command, type MachineEvent, type MachineState } from './machine.ts';
import type { Step } from './states.ts';
import { Turnstile } from './turnstile.ts';

/** A step tells that it waits inside itself (a signature for its timestamp), and why; undefined when it goes on. */
export type OnWaiting = (reason: ErrorReport | undefined) => void;

/** What the stages do for one batch; built from their entry files by stages.ts, or by a test. */
export type Stages = { readonly [name in Step]: (batch: Batch, signal: AbortSignal, onWaiting: OnWaiting) => Promise<StepResult> };

export type RunnerEffects = Pick<Effects, 'clock' | 'log' | 'store'>;

export interface RunnerOptions {
  /** Batches of one root that may be under way, waiting ones included: a root without keys must not fill the spool. */
  readonly perRoot: number;
  /** Steps that read and write many bytes at the same time. */
  readonly copying: number;
  /** ms that a batch may wait in all before it fails, by root; undefined: for ever. */
  readonly maxWait: (root: string) => number | undefined;
  /** Delivered: the parts of the signatures leave the database, unless the archive keeps them. */
  readonly dropParts: boolean;
}

export interface RunnerCounts {
  readonly running: number;
  readonly waiting: number;
}

/** Batches that have ended since the start. */
export interface EndedCounts {
  readonly delivered: number;
  /** Delivered without the documents that failed. */
  readonly inPart: number;
  /** To failed/: what was refused, expired or cancelled. */
  readonly failed: number;
}

/** With their rank: what is nearly out goes first, so that it leaves while others are signed instead of all leaving together. */
const copyingSteps: ReadonlyMap<Step, number> = new Map<Step, number>([
  ['stage', 0],
  ['file', 1],
  ['fail', 1],
  ['spool', 2],
]);
/** ms until a batch whose row could not be read or written is taken up again. */
const storePause = 5_000;

type Log = RunnerEffects['log'];

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
  readonly #copies: Turnstile;
  readonly #ended = { delivered: 0, inPart: 0, failed: 0 };
  readonly #listeners: (() => void)[] = [];

  constructor(fx: RunnerEffects, stages: Stages, options: RunnerOptions) {
    this.#fx = fx;
    this.#stages = stages;
    this.#options = options;
    this.#copies = new Turnstile(options.copying);
  }

  /** Takes up all unfinished batches, oldest first. Documents whose signature is in doubt were put back by `store.settleDoubts`. */
  async resume(): Promise<number> {
    const batches = await this.#fx.store.unfinished();
    for (const batch of batches) this.take(batch);
    return batches.length;
  }

  /** Starts working on a batch; one that is under way already is left alone. */
  take({ id, root }: Pick<Batch, 'id' | 'root'>): void {
    if (this.#stop.signal.aborted || this.#drives.has(id)) return;
    const drive = new Drive(id, root);
    this.#drives.set(id, drive);
    drive.ended = this.#drive(drive).finally(() => {
      this.#drives.delete(id);
      drive.cancellation?.refuse(new SealError('SEAL-INTERRUPTED', 'the daemon is stopping', { hint: 'cancel it again later' }));
      for (const listener of this.#listeners) listener();
    });
  }

  /** Calls when a batch is no longer under way: its root may have room for another. */
  onEnd(call: () => void): void {
    this.#listeners.push(call);
  }

  /** Whether the root may claim another batch now. */
  hasRoom(root: string): boolean {
    const { running, waiting } = this.counts(root);
    return !this.#stop.signal.aborted && running + waiting < this.#options.perRoot;
  }

  /** Something changed (a PIN, a card, room on a disk, output collected): waiting batches try again at once. */
  poke(id?: string): void {
    for (const drive of this.#drives.values()) if (id === undefined || drive.id === id) drive.wake();
  }

  /**
   * Stops a batch. Resolves when that is written: its documents are on their way to failed/.
   * @throws SealError SEAL-BATCH-UNKNOWN; SEAL-BATCH-STATE when it has ended or its output is on the way out; SEAL-INTERRUPTED
   */
  async cancel(id: string, actor: string): Promise<void> {
    const batch = await this.#fx.store.batch(id);
    if (batch === undefined) throw new SealError('SEAL-BATCH-UNKNOWN', `no batch is called ${id}`, { hint: '“batch list” names them' });
    const error = new SealError('SEAL-BATCH-CANCELLED', `cancelled by ${actor}`, { hint: '“batch retry” takes it up again' }).toJSON();
    step({ state: batch.state, attempts: 0 }, { kind: 'cancel', error });
    this.take(batch);
    const drive = this.#drives.get(id);
    if (drive === undefined) throw new SealError('SEAL-INTERRUPTED', 'the daemon is stopping', { hint: 'cancel it again later' });
    await drive.cancel(error);
  }

  counts(root?: string): RunnerCounts {
    let running = 0;
    let waiting = 0;
    for (const drive of this.#drives.values()) {
      if (root !== undefined && drive.root !== root) continue;
      if (drive.waits) waiting++;
      else running++;
    }
    return { running, waiting };
  }

  get ended(): EndedCounts {
    return { ...this.#ended };
  }

  /** Lets steps in progress end at their next safe point, writes their state and takes up nothing more. */
  async stop(): Promise<void> {
    this.#stop.abort(new SealError('SEAL-INTERRUPTED', 'the daemon is stopping'));
    this.poke();
    await Promise.all([...this.#drives.values()].map((drive) => drive.ended));
  }

  async #drive(drive: Drive): Promise<void> {
    const log = this.#fx.log.child({ module: 'batch', batch: drive.id, root: drive.root });
    while (!this.#stop.signal.aborted) {
      try {
        await this.#untilEnd(drive, log);
        return;
      } catch (thrown) {
        // The database does not answer, or contradicts: what it says when it is asked again counts.
        log.error({ error: asSealError(thrown).toJSON() }, 'batch stands still');
        await this.#fx.clock.sleep(storePause, this.#stop.signal).catch(() => undefined);
      }
    }
  }

  /** From the state that is written. @throws SealError SEAL-STORE-*, SEAL-DISK-*, SEAL-BATCH-STATE */
  async #untilEnd(drive: Drive, log: Log): Promise<void> {
    const batch = await this.#row(drive);
    drive.resume(batch, this.#fx.clock);
    let current: MachineState = { state: batch.state, attempts: 0 };
    let event: MachineEvent | undefined = { kind: 'start' };
    while (event !== undefined) {
      const { next, commands } = step(current, event);
      if (next.state !== current.state) drive.moved();
      current = next;
      event = await this.#execute(drive, current, commands, log);
    }
  }

  async #row({ id }: Drive): Promise<Batch> {
    const batch = await this.#fx.store.batch(id);
    if (batch === undefined) throw new SealError('SEAL-INTERNAL', `the row of batch ${id} is gone`);
    return batch;
  }

  async #execute(drive: Drive, { state }: MachineState, commands: readonly Command[], log: Log): Promise<MachineEvent | undefined> {
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
          if (this.#stop.signal.aborted) return undefined;
          return await this.#run(drive, state, command.step, log);
        case 'wait':
          return await this.#wait(drive, command, log);
        case 'finish':
          return undefined;
      }
    }
    return undefined;
  }

  async #advance(drive: Drive, { from, to, error }: Extract<Command, { kind: 'advance' }>): Promise<void> {
    const { store, clock } = this.#fx;
    await store.advance(drive.id, from, to, {
      ...(error === undefined ? {} : { error }),
      ...(finalStates.has(to) ? { finishedAt: clock.now() } : {}),
      ...(to === 'delivered' && this.#options.dropParts ? { dropParts: true as const } : {}),
    });
    if (to === 'cancelling') drive.cancellation?.written();
    if (to === 'delivered') this.#ended[drive.inPart ? 'inPart' : 'delivered']++;
    else if (finalStates.has(to) && to !== 'abandoned') this.#ended.failed++;
  }

  async #run(drive: Drive, state: Batch['state'], name: Step, log: Log): Promise<MachineEvent> {
    const batch = await this.#row(drive);
    if (batch.waiting !== undefined) await this.#fx.store.setWaiting(drive.id, undefined);
    drive.begin(batch);
    if (drive.cancellation !== undefined) {
      if (mayCancel(state)) return { kind: 'cancel', error: drive.cancellation.error };
      // It was too late: the step had gone too far when the wish came.
      drive.cancellation.refuse(tooLate(batch));
      drive.cancellation = undefined;
    }
    const began = this.#fx.clock.monotonic();
    const pause = new Pause(this.#fx, drive, this.#options.maxWait(drive.root), log);
    const signal = mayCancel(state) ? AbortSignal.any([this.#stop.signal, drive.halt, pause.over]) : this.#stop.signal;
    try {
      const work = async (): Promise<StepResult> =>
        await this.#stages[name](batch, signal, (reason) => {
          pause.note(reason);
        });
      const rank = copyingSteps.get(name);
      const result = rank === undefined ? await work() : await this.#copies.pass(rank, signal, work);
      log.debug({ step: name, result: result.kind, ms: this.#fx.clock.monotonic() - began }, 'step ended');
      return { kind: 'result', result };
    } catch (thrown) {
      if (pause.over.aborted && pause.reason !== undefined) return { kind: 'expired', error: expired(pause.reason) };
      const error = asSealError(thrown);
      if (!signal.aborted) log.warn({ step: name, error: error.toJSON(), ...stackOf(error) }, 'step failed');
      return { kind: 'fault', error: error.toJSON() };
    } finally {
      pause.end();
    }
  }

  async #wait(drive: Drive, { reason, ms }: Extract<Command, { kind: 'wait' }>, log: Log): Promise<MachineEvent | undefined> {
    const { clock, store } = this.#fx;
    if (this.#stop.signal.aborted) return undefined;
    if (drive.mustStop()) return { kind: 'retry' };
    const { since, again } = drive.stands(reason, clock);
    if (!again) log.info({ reason }, 'batch waits');
    await store.setWaiting(drive.id, { ...reason, since });
    const limit = this.#options.maxWait(drive.root);
    await drive.sleep(clock, limit === undefined ? ms : Math.min(ms, limit - drive.waited), this.#stop.signal);
    if (drive.mustStop() || limit === undefined || drive.waited < limit) return { kind: 'retry' };
    return { kind: 'expired', error: expired(reason) };
  }
}

function tooLate({ id }: Batch): SealError {
  return new SealError('SEAL-BATCH-STATE', `${id} cannot be cancelled any more`, {
    hint: 'its signatures are on their way out; wait until it has ended',
  });
}

function expired({ message, hint }: ErrorReport): ErrorReport {
  return new SealError('SEAL-BATCH-TIMEOUT', `waited longer than maxWait: ${message}`, {
    ...(hint === undefined ? {} : { hint }),
    retryable: true,
  }).toJSON();
}

/** Where a defect of our own comes from. */
function stackOf(error: SealError): { readonly stack?: string } {
  if (error.code !== 'SEAL-INTERNAL') return {};
  const stack = error.cause instanceof Error ? error.cause.stack : error.stack;
  return stack === undefined ? {} : { stack };
}
