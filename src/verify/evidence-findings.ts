import type { BlockIndication, SubIndication } from '../model/verification.ts';

/** Something that keeps an evidence record from passing. */
export interface Finding {
  readonly indication: BlockIndication;
  readonly subIndication: SubIndication;
  readonly message: string;
}

/** It does not hold. */
export function broken(subIndication: SubIndication, message: string): Finding {
  return { indication: 'FAILED', subIndication, message };
}

/** It cannot be decided. */
export function open(subIndication: SubIndication, message: string): Finding {
  return { indication: 'INDETERMINATE', subIndication, message };
}
