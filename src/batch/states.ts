import type { BatchState } from '../model/batch.ts';

/**
 * The product on one page. A state says what has been accomplished, durably; `step` is what is done next; `done` and `refused` say where
 * that leads. `cancel` is there while nothing has left the house. Every step may run twice with the same result.
 */
export type Step = 'resumeClaim' | 'spool' | 'admit' | 'sign' | 'append' | 'stage' | 'release' | 'file' | 'fail';

interface Working {
  readonly step: Step;
  readonly done: BatchState;
  readonly refused: BatchState;
  readonly cancel?: BatchState;
  /** The step writes its transition itself, in one transaction with what it did. */
  readonly advances?: true;
}

export const table: { readonly [state in BatchState]: Working | 'final' } = {
  claiming: { step: 'resumeClaim', done: 'claimed', refused: 'abandoned' },
  claimed: { step: 'spool', done: 'spooled', refused: 'failing', cancel: 'cancelling', advances: true },
  spooled: { step: 'admit', done: 'admitted', refused: 'failing', cancel: 'cancelling' },
  admitted: { step: 'sign', done: 'signed', refused: 'failing', cancel: 'cancelling' },
  signed: { step: 'append', done: 'archived', refused: 'failing', advances: true },
  archived: { step: 'stage', done: 'staged', refused: 'failing' },
  staged: { step: 'release', done: 'released', refused: 'failing' },
  released: { step: 'file', done: 'delivered', refused: 'delivered' },
  failing: { step: 'fail', done: 'failed', refused: 'failed' },
  cancelling: { step: 'fail', done: 'cancelled', refused: 'cancelled' },
  delivered: 'final',
  failed: 'final',
  cancelled: 'final',
  abandoned: 'final',
};
