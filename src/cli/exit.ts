import { codes, type SealError } from '../errors.ts';
import type { Indication } from '../model/verification.ts';

/** Exit statuses that are not errors (docs/operations.md lists all). */
export const Exit = { done: 0, invalid: 1, indeterminate: 2, inPart: 3, usage: 64, notYet: 75, interrupted: 130 } as const;

export function exitOf(error: SealError): number {
  return codes[error.code].exit;
}

const ofIndication: { readonly [indication in Indication]: number } = {
  'TOTAL-PASSED': Exit.done,
  INDETERMINATE: Exit.indeterminate,
  'TOTAL-FAILED': Exit.invalid,
};
const severity: readonly number[] = [Exit.done, Exit.indeterminate, Exit.invalid];

/** Several files: the worst of their verdicts; what is proven to be invalid is worse than what could not be read, and that worse than doubt. */
export function exitOfVerdicts(indications: readonly Indication[], unreadable: readonly SealError[] = []): number {
  const worst = indications
    .map((indication) => ofIndication[indication])
    .reduce((before, one) => (severity.indexOf(one) > severity.indexOf(before) ? one : before), Exit.done);
  const [first] = unreadable;
  return first === undefined || worst === Exit.invalid ? worst : exitOf(first);
}
