import { displayName } from '../formats/names.ts';
import type { Batch } from '../model/batch.ts';
import type { ErrorCode } from '../errors.ts';
import { commandRoots } from './command-batch.ts';
import type { App } from './context.ts';
import { isoTime } from './views.ts';

/** Batches that stand still for one reason. */
export interface WaitingGroup {
  readonly code: ErrorCode;
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
  /** UTC, ISO 8601: since when the first of them has waited. */
  readonly since: string;
  /** All of them, oldest first. */
  readonly batches: readonly string[];
}

/** A batch that failed, or a part of it, and that nobody has taken up again. */
export interface FailedBatch {
  readonly batch: string;
  readonly root: string;
  readonly path: string;
  readonly documents: number;
  readonly failed: number;
  readonly at?: string;
  readonly code?: ErrorCode;
  readonly message?: string;
  readonly hint?: string;
}

/** Ended batches that are looked through for failed ones, newest first. */
const lookedThrough = 500;
const shown = 20;
/** ms: a batch that nobody took up again for so long was given up. */
const remembered = 7 * 86_400_000;

/** Waiting batches by what they wait for, the largest group first. Pure. */
export function groupWaiting(unfinished: readonly Batch[]): WaitingGroup[] {
  const groups = new Map<string, { first: NonNullable<Batch['waiting']>; since: number; batches: string[] }>();
  for (const { id, waiting } of unfinished) {
    if (waiting === undefined) continue;
    const key = JSON.stringify([waiting.code, waiting.message, waiting.hint]);
    const known = groups.get(key) ?? { first: waiting, since: waiting.since, batches: [] };
    known.since = Math.min(known.since, waiting.since);
    known.batches.push(id);
    groups.set(key, known);
  }
  return [...groups.values()]
    .sort((a, b) => b.batches.length - a.batches.length)
    .map(({ first: { code, message, hint }, since, batches }) => ({
      ...{ code, message, since: isoTime(since), batches },
      ...(hint === undefined ? {} : { hint }),
    }));
}

/** The newest failed batches of a week that still wait for “batch retry”; those of commands told their caller. */
export async function failedBatches({ clock, store }: Pick<App['fx'], 'clock' | 'store'>): Promise<FailedBatch[]> {
  const recent = await store.batches({ limit: lookedThrough });
  const takenUp = new Set(recent.flatMap(({ partOf, state }) => (partOf === undefined || state === 'abandoned' ? [] : [partOf])));
  const ours = new Set<string>(Object.values(commandRoots));
  return recent
    .filter(
      ({ id, root, state, failed, finishedAt = 0 }) =>
        !takenUp.has(id) &&
        clock.now() - finishedAt < remembered &&
        !ours.has(root) &&
        (state === 'failed' || (state === 'delivered' && failed > 0)),
    )
    .slice(0, shown)
    .map(({ id, root, relPath, documents, failed, finishedAt, error, state }) => ({
      ...{ batch: id, root, path: displayName(relPath), documents, failed: state === 'failed' ? documents : failed },
      ...(finishedAt === undefined ? {} : { at: isoTime(finishedAt) }),
      ...(error === undefined
        ? {}
        : { code: error.code, message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) }),
    }));
}
