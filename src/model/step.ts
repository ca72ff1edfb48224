import type { ErrorReport } from '../errors.ts';

/**
 * How a step of a stage ended. `wait`: nothing is wrong with the batch, the step is tried again later (disk full, PIN needed, output still
 * there). `refused`: it will not get better by waiting; the batch goes to failed/. A thrown error is a defect or an I/O fault: tried again.
 */
export type StepResult =
  | { readonly kind: 'done' }
  | { readonly kind: 'wait'; readonly reason: ErrorReport }
  | { readonly kind: 'refused'; readonly error: ErrorReport };

export const done: StepResult = { kind: 'done' };
