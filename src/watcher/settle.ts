import type { SemaphoreOptions } from '../model/batch.ts';
import type { TreeSnapshot } from '../ports/watching.ts';
import type { Rules } from './rules.ts';

/** What is known of a batch that is waiting to stand still. */
export interface Settling {
  readonly fingerprint: string;
  readonly files: number;
  /** Monotonic ms of the first of the equal snapshots. */
  readonly unchangedSince: number;
}

/** Pure: a further look at the batch. @param now monotonic ms when the snapshot was begun */
export function observe(before: Settling | undefined, { fingerprint, files }: TreeSnapshot, now: number): Settling {
  return before?.fingerprint === fingerprint ? before : { fingerprint, files, unchangedSince: now };
}

/** ms until the batch has stood still long enough; 0: it has. */
export function untilSettled(state: Settling, now: number, settle: number): number {
  return Math.max(0, state.unchangedSince + settle - now);
}

export interface Completeness {
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
}

/**
 * Whether exactly the files that the semaphore expects are there; undefined: they are. Semaphores and ignored files do not count.
 * @param names relative paths, latin1 of their bytes
 */
export function compareFiles(
  expected: NonNullable<SemaphoreOptions['files']>,
  names: readonly string[],
  role: Rules['role'],
): Completeness | undefined {
  const wanted = new Set(expected.map(({ name }) => Buffer.from(name).toString('latin1')));
  const unexpected: string[] = [];
  for (const name of names) if (!wanted.delete(name) && role(Buffer.from(name, 'latin1')) === 'document') unexpected.push(name);
  return wanted.size === 0 && unexpected.length === 0 ? undefined : { missing: [...wanted], unexpected };
}
