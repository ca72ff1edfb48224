import { SealError } from '../errors.ts';
import type { SemaphoreOptions } from '../model/batch.ts';
import type { RootConfig } from '../model/config.ts';
import { displayName, joinPath } from '../formats/names.ts';
import type { Effects } from '../ports/effects.ts';
import type { ApprovedDirectory } from '../ports/watching.ts';
import { readApproval } from './approval.ts';
import type { Candidate } from './candidate.ts';
import { incomplete } from './incomplete.ts';
import type { Rules } from './rules.ts';
import { compareFiles, observe, untilSettled, type Settling } from './settle.ts';

/** An approved directory on its way to being claimed. */
export interface Pending {
  readonly approved: ApprovedDirectory;
  /** UTC ms when it was seen first. */
  readonly approvedAt: number;
  settling: Settling | undefined;
  /** Monotonic ms of the next look. */
  due: number;
  /** Looks so far. */
  looks: number;
  /** Why it is not claimed although it stands still. */
  reason: SealError | undefined;
  /** In the queue, or handed out to be claimed. */
  candidate: Candidate | undefined;
  /** A claim that was refused, to be tried again under its id. */
  batch: string | undefined;
}

export function newPending(approved: ApprovedDirectory, approvedAt: number, due: number): Pending {
  return { approved, approvedAt, due, settling: undefined, looks: 0, reason: undefined, candidate: undefined, batch: undefined };
}

/** What a look found: ready to be claimed, to be looked at again after `ms`, or no longer approved. */
export type Look =
  { readonly kind: 'ready'; readonly candidate: Candidate } | { readonly kind: 'again'; readonly ms: number } | { readonly kind: 'gone' };

/** Names beyond the expected ones that are worth listing. */
const surplusNames = 100;
/** In quiet mode: names looked at to find out whether there is any document. */
const quietNames = 1000;

/**
 * Looks at an approved directory: approval, stillness, completeness; changes `pending` accordingly. `settle` is how long it must stand still, ms.
 * @throws SealError SEAL-DISK-*
 */
export async function lookAt(
  fx: Pick<Effects, 'clock' | 'files' | 'watching'>,
  root: RootConfig,
  rules: Rules,
  pending: Pending,
  settle: number,
): Promise<Look> {
  const { relPath, semaphore } = pending.approved;
  const directory = joinPath(root.incoming, relPath);
  const now = fx.clock.monotonic();
  pending.looks++;
  const approval = await readApproval(fx, root, directory, semaphore);
  if (approval.kind === 'absent') return { kind: 'gone' };
  pending.reason = approval.kind === 'denied' ? approval.error : undefined;
  if (approval.kind === 'denied') return { kind: 'again', ms: settle };
  // What is malformed is claimed all the same: the producer finds the reason in failed/.
  const options: SemaphoreOptions = approval.kind === 'malformed' ? {} : approval.options;
  const quiet = root.approval.mode === 'quiet';
  const wanted = quiet ? quietNames : options.files && options.files.length + surplusNames;
  const snapshot = await fx.watching.snapshot(directory, wanted);
  if (snapshot === undefined) return { kind: 'gone' };
  pending.settling = observe(pending.settling, snapshot, now);
  const left = untilSettled(pending.settling, fx.clock.monotonic(), settle);
  if (left > 0) return { kind: 'again', ms: left };
  const { names = [] } = snapshot;
  if (quiet && names.length <= quietNames && !names.some((name) => rules.role(Buffer.from(name, 'latin1')) === 'document')) {
    pending.reason = new SealError('SEAL-BATCH-EMPTY', 'it holds no document yet', { where: displayName(directory), retryable: true });
    return { kind: 'again', ms: settle };
  }
  const different = options.files && compareFiles(options.files, names, rules.role);
  if (options.files !== undefined && different !== undefined) {
    pending.reason = incomplete(different, options.files.length, displayName(directory));
    return { kind: 'again', ms: settle };
  }
  return { kind: 'ready', candidate: toCandidate(root, pending, options, snapshot.fingerprint) };
}

/** A candidate as it stands; without options and fingerprint only its claim can find out what became of it. */
export function toCandidate(
  root: RootConfig,
  { approved, approvedAt, batch }: Pending,
  options: SemaphoreOptions = {},
  fingerprint = '',
): Candidate {
  return {
    ...approved,
    root: root.name,
    rootPriority: root.priority,
    priority: options.priority ?? root.priority,
    approvedAt,
    options,
    fingerprint,
    ...(batch === undefined ? {} : { batch }),
  };
}
