/**
 * The entry of the stage: what the batch runner and the use cases call. In order: `own` a root, `Candidates` finds and settles what is
 * approved, `claim` takes it (`resumeClaim` after a restart), `spool` copies and hashes it, `admit` decides whether it may be signed.
 */
export { admit } from './admit.ts';
export { Candidates, type RootState } from './candidates.ts';
export { claim, resumeClaim } from './claim.ts';
export { findFailed } from './failure-files.ts';
export { disown, own, ownerOf, replaced, type Owner } from './owner.ts';
export { formatOf, outputsOf } from './output-names.ts';
export { FairQueue, type Queued } from './queue.ts';
export { retry } from './retry.ts';
export { lackOfRoom, type Need } from './room.ts';
export { spool } from './spool.ts';
export type { Candidate, ClaimResult } from './candidate.ts';
