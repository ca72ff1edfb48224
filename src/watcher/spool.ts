import { SealError } from '../errors.ts';
import { directoryName, displayName } from '../formats/names.ts';
import { spoolDirectory } from '../formats/places.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { Batch, SemaphoreOptions } from '../model/batch.ts';
import type { Config, RootConfig } from '../model/config.ts';
import { done, type StepResult } from '../model/step.ts';
import type { Effects } from '../ports/effects.ts';
import type { BatchChange } from '../ports/batch-store.ts';
import { readApproval } from './approval.ts';
import { findClaimed, unusable } from './claim.ts';
import { copyPages, type CopyJob } from './copy.ts';
import { removeFailureFiles } from './failure-files.ts';
import { changed, inventory } from './inventory.ts';
import { lackOfRoom } from './room.ts';
import { rulesOf } from './rules.ts';
import { narrow } from './semaphore.ts';
import { readMark, writeMark } from './settling-mark.ts';
import type { SortedItems } from './sorted-items.ts';

type SpoolEffects = Pick<Effects, 'clock' | 'files' | 'store' | 'watching'>;
type SpoolConfig = Pick<Config, 'dataDir' | 'profiles' | 'pools' | 'archive'>;

/**
 * Copies a claimed batch to the private spool and hashes it; what is signed later is this copy. Writes claimed → spooled with one row a
 * document. The claimed semaphore decides about the options. A batch that still changes waits until it stands still and is copied again.
 * @throws SealError SEAL-STORE-*, SEAL-DISK-*
 */
export async function spool(
  fx: SpoolEffects,
  config: SpoolConfig,
  root: RootConfig,
  batch: Batch,
  signal?: AbortSignal,
): Promise<StepResult> {
  const { files } = fx;
  const claimed = await findClaimed(fx, root, batch.id);
  if (claimed === undefined) return await vanished(fx, config, root, batch);
  const full = await lackOfRoom(fx, config, root);
  if (full !== undefined) return { kind: 'wait', reason: full.toJSON() };
  const moving = await stillMoving(fx, config, root, batch, claimed);
  if (moving !== undefined) return { kind: 'wait', reason: moving.toJSON() };
  const approved = await approvedOptions(fx, config, root, batch, claimed);
  if (approved instanceof SealError) return { kind: 'refused', error: approved.toJSON() };
  // What `fail` wrote for the attempt before is no document.
  if (batch.partOf !== undefined) await removeFailureFiles(fx, claimed, batch.partOf);
  const place = spoolDirectory(config.dataDir, batch.id);
  await files.remove(place);
  await files.makeDirectory(directoryName(place), 0o700);
  await files.spread(directoryName(place));
  await files.makeDirectory(place, 0o700);
  try {
    return await copyBatch(fx, config, root, batch, { claimed, place, approved }, signal);
  } catch (thrown) {
    // Nothing of half a copy is used, and a full disk is not kept full.
    await files.remove(place).catch(() => undefined);
    if (!(thrown instanceof SealError) || thrown.code !== 'SEAL-BATCH-CHANGED') throw thrown;
    await noteChange(fx, config, batch.id, claimed);
    return { kind: 'wait', reason: thrown.toJSON() };
  }
}

interface Approved {
  readonly options: SemaphoreOptions;
  readonly change: BatchChange;
  readonly profile: string;
  /** A remainder: its semaphore went with the others, and its list of files speaks of them too. */
  readonly partial: boolean;
}

async function copyBatch(
  fx: SpoolEffects,
  config: SpoolConfig,
  root: RootConfig,
  batch: Batch,
  { claimed, place, approved }: { readonly claimed: Buffer; readonly place: Buffer; readonly approved: Approved },
  signal: AbortSignal | undefined,
): Promise<StepResult> {
  const before = await fx.watching.snapshot(claimed);
  const owner = (await fx.files.stat(claimed))?.uid ?? -1;
  const items = await inventory(fx, claimed, rulesOf(root).role);
  const { files } = approved.options;
  const expected =
    files === undefined || approved.partial ? undefined : new Map(files.map((file) => [Buffer.from(file.name).toString('latin1'), file]));
  const incomplete = items.length === 0 ? empty(batch) : missing(batch, items, expected);
  if (incomplete !== undefined) return { kind: 'refused', error: incomplete.toJSON() };
  const digests = digestsFor(config, approved.profile);
  const job: CopyJob = { config, batch: batch.id, claimed, owner, digests, expected };
  // A page is written while the next one is copied.
  let written = Promise.resolve();
  for await (const page of copyPages(fx, job, items, signal)) {
    await written;
    written = fx.store.addSpooled(batch.id, page, approved.change);
    written.catch(() => undefined);
  }
  await written;
  const after = await fx.watching.snapshot(claimed);
  if (before === undefined || before.fingerprint !== after?.fingerprint) throw changed(claimed);
  await fx.files.syncTree(place);
  await fx.store.recordSpooled(batch.id, [], approved.change);
  return done;
}

/** SHA-256 always (duplicates, READY, retries), and what profile and archive will ask for: documents are read once. */
function digestsFor({ profiles, archive }: SpoolConfig, profile: string): DigestAlgorithm[] {
  return [...new Set<DigestAlgorithm>(['sha256', profiles[profile]?.digest ?? 'sha256', archive.digest])];
}

async function vanished({ files }: SpoolEffects, config: SpoolConfig, root: RootConfig, batch: Batch): Promise<StepResult> {
  if ((await files.stat(root.incoming)) === undefined) return { kind: 'wait', reason: unusable(root).toJSON() };
  // The spool tells `fail` that the batch has not ended: failed/ shall hold the reason although there is nothing else to put there.
  await files.makeDirectory(spoolDirectory(config.dataDir, batch.id), 0o700);
  const error = new SealError('SEAL-INPUT-MISSING', 'the claimed directory has disappeared', {
    where: displayName(batch.relPath),
    hint: 'somebody removed it from .sealtree/claimed; let the producer deliver it again',
  });
  return { kind: 'refused', error: error.toJSON() };
}

/** Undefined when nothing speaks against copying. A batch that was seen to change must stand still for `settle` first. */
async function stillMoving(
  fx: SpoolEffects,
  config: SpoolConfig,
  root: RootConfig,
  batch: Batch,
  claimed: Buffer,
): Promise<SealError | undefined> {
  const mark = await readMark(fx, config, batch.id);
  if (mark === undefined) return undefined;
  const now = fx.clock.now();
  const snapshot = await fx.watching.snapshot(claimed);
  // A clock that was set back starts the time anew.
  if (snapshot?.fingerprint !== mark.fingerprint || mark.since > now) {
    await writeMark(fx, config, batch.id, { fingerprint: snapshot?.fingerprint ?? '', since: now });
    return changed(claimed);
  }
  return now - mark.since < root.settle ? changed(claimed) : undefined;
}

async function noteChange(fx: SpoolEffects, config: SpoolConfig, batch: string, claimed: Buffer): Promise<void> {
  const snapshot = await fx.watching.snapshot(claimed);
  await writeMark(fx, config, batch, { fingerprint: snapshot?.fingerprint ?? '', since: fx.clock.now() });
}

/**
 * The options as the claimed semaphore states them. A retry needs none, an operator asked for it; but one that is there counts, since it may
 * forbid what the root permits.
 */
async function approvedOptions(
  fx: SpoolEffects,
  config: SpoolConfig,
  root: RootConfig,
  batch: Batch,
  claimed: Buffer,
): Promise<Approved | SealError> {
  const isRetry = batch.partOf !== undefined;
  const { owner, ...anybody } = root.approval;
  const rule = isRetry || owner === undefined ? anybody : root.approval;
  const unnamed = batch.semaphore.length === 0 && root.approval.mode !== 'quiet';
  const approval = unnamed ? { kind: 'absent' as const } : await readApproval(fx, { approval: rule }, claimed, batch.semaphore);
  if (approval.kind === 'malformed' || approval.kind === 'denied') return approval.error;
  if (approval.kind === 'absent')
    return isRetry ? { options: batch.options, change: {}, profile: batch.profile, partial: true } : withdrawn(batch);
  try {
    const { options } = approval;
    const { profile, keys } = narrow(options, root, config.pools);
    return { options, profile, change: { options, profile, keys }, partial: false };
  } catch (thrown) {
    if (thrown instanceof SealError) return thrown;
    throw thrown;
  }
}

function withdrawn(batch: Batch): SealError {
  return new SealError('SEAL-BATCH-APPROVAL', 'the approval semaphore is no longer there', {
    where: displayName(batch.relPath),
    hint: 'approve the batch again; it was claimed in the moment in which its approval was taken back',
  });
}

function empty(batch: Batch): SealError {
  return new SealError('SEAL-BATCH-EMPTY', 'the batch holds no document', {
    where: displayName(batch.relPath),
    hint: 'put documents beside the semaphore; ignored files do not count',
  });
}

function missing(batch: Batch, items: SortedItems, expected: CopyJob['expected']): SealError | undefined {
  if (expected === undefined) return undefined;
  const missed = new Map(expected);
  for (const { relPath } of items) missed.delete(relPath.toString('latin1'));
  const absent = [...missed.values()];
  const [first] = absent;
  if (first === undefined) return undefined;
  return new SealError(
    'SEAL-DOC-HASH',
    `${absent.length} of ${expected.size} documents that the semaphore names are missing, “${displayName(first.name)}” first`,
    {
      where: displayName(batch.relPath),
      hint: 'deliver the batch again, complete',
    },
  );
}
