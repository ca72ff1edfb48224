import { SealError, type ErrorReport } from '../errors.ts';
import type { BatchState } from '../model/batch.ts';
import type { StepResult } from '../model/step.ts';
import { table, type Step } from './states.ts';

/** What the machine needs to know of a batch; all of it is persisted. */
export interface MachineState {
  readonly state: BatchState;
  readonly waiting?: ErrorReport;
  readonly error?: ErrorReport;
  /** Failed attempts of the current step in a row: waits and faults. */
  readonly attempts: number;
}

export type MachineEvent =
  | { readonly kind: 'start' }
  | { readonly kind: 'result'; readonly result: StepResult }
  /** An unexpected error: disk, database, a defect. */
  | { readonly kind: 'fault'; readonly error: ErrorReport }
  | { readonly kind: 'retry' }
  /** It waited as long as it may. Where nothing can be given up any more, it is tried again all the same. */
  | { readonly kind: 'expired'; readonly error: ErrorReport }
  | { readonly kind: 'cancel'; readonly error: ErrorReport };

export type Command =
  | { readonly kind: 'run'; readonly step: Step }
  /** Write the transition before anything else happens. */
  | { readonly kind: 'advance'; readonly from: BatchState; readonly to: BatchState; readonly error?: ErrorReport }
  | { readonly kind: 'wait'; readonly reason: ErrorReport; readonly ms: number }
  | { readonly kind: 'finish' };

export interface Transition {
  readonly next: MachineState;
  readonly commands: readonly Command[];
}

const shortestWait = 1_000;
const longestWait = 60_000;

/** ms until the n-th try of a step: 1 s, 2 s, 4 s … 60 s. */
export function backoff(attempts: number): number {
  return Math.min(longestWait, shortestWait * 2 ** Math.min(attempts, 10));
}

/**
 * Pure: what follows from an event in a state. Commands are executed in their order, `advance` durably.
 * @throws SealError SEAL-BATCH-STATE for an event that the state does not allow (cancel after release)
 */
export function step(current: MachineState, event: MachineEvent): Transition {
  const row = table[current.state];
  if (row === 'final') {
    if (event.kind === 'start') return { next: current, commands: [{ kind: 'finish' }] };
    throw notNow(current.state, event.kind);
  }
  switch (event.kind) {
    case 'start':
    case 'retry':
      return again(current, row.step);
    case 'result':
      if (event.result.kind === 'done') return move(current, row.done, undefined, row.advances === true);
      if (event.result.kind === 'refused') return move(current, row.refused, event.result.error);
      return wait(current, event.result.reason);
    case 'fault':
      return wait(current, event.error);
    case 'expired':
      return row.cancel === undefined ? again(current, row.step) : move(current, row.refused, event.error);
    case 'cancel':
      if (row.cancel === undefined) throw notNow(current.state, event.kind);
      return move(current, row.cancel, event.error);
  }
}

/** Whether a batch can still be stopped: nothing has left the house. */
export function mayCancel(state: BatchState): boolean {
  const row = table[state];
  return row !== 'final' && row.cancel !== undefined;
}

function again(current: MachineState, next: Step): Transition {
  return { next: clear(current), commands: [{ kind: 'run', step: next }] };
}

function clear(current: MachineState): MachineState {
  return { state: current.state, attempts: current.attempts, ...(current.error === undefined ? {} : { error: current.error }) };
}

function move(current: MachineState, to: BatchState, error?: ErrorReport, written = false): Transition {
  const row = table[to];
  const kept = error ?? current.error;
  const follow: Command = row === 'final' ? { kind: 'finish' } : { kind: 'run', step: row.step };
  return {
    next: { state: to, attempts: 0, ...(kept === undefined ? {} : { error: kept }) },
    commands: written ? [follow] : [{ kind: 'advance', from: current.state, to, ...(error === undefined ? {} : { error }) }, follow],
  };
}

function wait(current: MachineState, reason: ErrorReport): Transition {
  const attempts = current.attempts + 1;
  return { next: { ...clear(current), attempts, waiting: reason }, commands: [{ kind: 'wait', reason, ms: backoff(current.attempts) }] };
}

function notNow(state: BatchState, event: string): SealError {
  return new SealError('SEAL-BATCH-STATE', `a batch that is ${state} cannot take “${event}”`, {
    hint:
      table[state] === 'final'
        ? 'the batch has ended; “batch show” tells how'
        : 'its signatures are on their way out; wait until it has ended',
  });
}
