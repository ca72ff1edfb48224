import { asSealError, errnoOf, SealError } from '../errors.ts';
import { batchId } from '../formats/batch-id.ts';
import { directoryName, displayName, joinPath } from '../formats/names.ts';
import { claimPlaces } from '../formats/places.ts';
import type { Batch } from '../model/batch.ts';
import type { Config, RootConfig } from '../model/config.ts';
import { done, type StepResult } from '../model/step.ts';
import type { Effects } from '../ports/effects.ts';
import type { Candidate, ClaimResult } from './candidate.ts';
import { narrow, type Narrowed } from './semaphore.ts';
import { writeMark } from './settling-mark.ts';

type ClaimEffects = Pick<Effects, 'clock' | 'files' | 'log' | 'random' | 'store' | 'watching'>;
type ClaimConfig = Pick<Config, 'dataDir' | 'pools'>;

/**
 * Takes a batch out of its producer's reach: the row first (`claiming`), then one rename, then `claimed`. After a kill in between
 * `resumeClaim` finds out which of it happened. A rename that is refused (a file is open on a Windows share, rights) means “not yet”.
 * @throws SealError SEAL-STORE-*, SEAL-DISK-*
 */
export async function claim(fx: ClaimEffects, config: ClaimConfig, root: RootConfig, candidate: Candidate): Promise<ClaimResult> {
  const batch = candidate.batch ?? (await createRow(fx, config, root, candidate));
  const outcome = await moveAway(fx, root, candidate, batch);
  if (outcome === 'gone') {
    await fx.store.advance(batch, 'claiming', 'abandoned');
    return { kind: 'gone' };
  }
  if (outcome instanceof SealError) {
    await fx.store.setWaiting(batch, { ...outcome.toJSON(), since: fx.clock.now() });
    return { kind: 'refused', batch, error: outcome };
  }
  if (await withdrawn(fx, root, candidate, outcome)) {
    await fx.store.advance(batch, 'claiming', 'abandoned');
    return { kind: 'gone' };
  }
  const now = await fx.watching.snapshot(outcome);
  if (now?.fingerprint !== candidate.fingerprint)
    await writeMark(fx, config, batch, { fingerprint: now?.fingerprint ?? '', since: fx.clock.now() });
  await fx.store.advance(batch, 'claiming', 'claimed');
  return { kind: 'claimed', batch };
}

async function createRow(
  { clock, random, store }: ClaimEffects,
  config: ClaimConfig,
  root: RootConfig,
  candidate: Candidate,
): Promise<string> {
  const { relPath, semaphore, options, priority, approvedAt } = candidate;
  const { profile, keys } = narrowed(config, root, candidate);
  const claimedAt = clock.now();
  for (let tries = 0; ; tries++) {
    const id = batchId(claimedAt, random.bytes(5));
    try {
      await store.createBatch({
        ...{ id, root: root.name, relPath, options, priority, profile, keys, outPath: relPath, approvedAt, claimedAt, semaphore },
        state: 'claiming',
      });
      return id;
    } catch (thrown) {
      // Two of one second that drew the same letters.
      if (!(thrown instanceof SealError) || thrown.code !== 'SEAL-BATCH-STATE' || tries >= 5) throw thrown;
    }
  }
}

/** What the root does not permit is refused with the claimed semaphore, where it can be told to the producer. */
function narrowed(config: ClaimConfig, root: RootConfig, candidate: Candidate): Narrowed {
  try {
    return narrow(candidate.options, root, config.pools);
  } catch (thrown) {
    if (!(thrown instanceof SealError)) throw thrown;
    return { profile: root.profile, keys: root.keys, priority: root.priority };
  }
}

/** The rename. Where the batch lies then; `gone` when there is nothing to rename; an error that means “not yet”. */
async function moveAway(
  { files }: ClaimEffects,
  root: RootConfig,
  { relPath }: Candidate,
  batch: string,
): Promise<Buffer | 'gone' | SealError> {
  const source = joinPath(root.incoming, relPath);
  const already = await findClaimed({ files }, root, batch);
  if (already !== undefined) return already;
  let refusal: SealError | undefined;
  for (const place of await placesInOrder({ files }, root)) {
    const target = joinPath(place, batch);
    try {
      await files.makeDirectory(place, 0o700);
      await files.rename(source, target);
      return target;
    } catch (thrown) {
      refusal = asSealError(thrown);
      if (refusal.code === 'SEAL-INTERNAL') throw thrown;
      // The rename may have happened and only the sync failed: found at the next attempt.
      if (errnoOf(thrown) !== 'EXDEV') break;
    }
  }
  if ((await files.stat(source)) === undefined && (await findClaimed({ files }, root, batch)) === undefined) return 'gone';
  return new SealError('SEAL-ROOT-UNUSABLE', `the batch cannot be claimed yet: ${refusal?.message ?? 'no place'}`, {
    where: displayName(source),
    hint: hintFor(errnoOf(refusal)),
    cause: refusal,
  });
}

function hintFor(errno: string | undefined): string {
  if (errno === 'EXDEV') return 'the batch is a file system of its own: mount it above incoming, not inside';
  if (errno === 'EACCES' || errno === 'EPERM') return 'let the account of Sealtree write to incoming and to the batch directory itself';
  return 'somebody may still have a file open; it is tried again';
}

/** The place on the file system of incoming first. */
async function placesInOrder({ files }: Pick<Effects, 'files'>, root: RootConfig): Promise<readonly Buffer[]> {
  const [near, inside] = claimPlaces(root);
  const [own, incoming] = await Promise.all([files.stat(root.path), files.stat(root.incoming)]);
  return own?.device === incoming?.device ? [near, inside] : [inside, near];
}

/**
 * The approval was taken back in the last moment: the batch goes back to where it was. If something else is there by now it stays claimed,
 * and `spool` refuses it.
 */
async function withdrawn(
  { files, log }: ClaimEffects,
  root: RootConfig,
  { relPath, semaphore }: Candidate,
  claimed: Buffer,
): Promise<boolean> {
  if (semaphore.length === 0 || (await files.stat(joinPath(claimed, semaphore))) !== undefined) return false;
  const source = joinPath(root.incoming, relPath);
  if ((await files.stat(source)) !== undefined) return false;
  await files.makeDirectory(directoryName(source));
  await files.rename(claimed, source);
  log.info({ root: root.name, path: displayName(relPath) }, 'the approval was taken back; the directory is where it was');
  return true;
}

/** Where a claimed batch lies; undefined when it does not. */
export async function findClaimed({ files }: Pick<Effects, 'files'>, root: RootConfig, batch: string): Promise<Buffer | undefined> {
  for (const place of claimPlaces(root)) {
    const path = joinPath(place, batch);
    if ((await files.stat(path))?.kind === 'directory') return path;
  }
  return undefined;
}

/**
 * After a restart: what became of a claim. Done: the directory is ours. Refused: the rename did not happen, the producer has it still, and
 * the watcher finds it again.
 */
export async function resumeClaim({ files }: Pick<Effects, 'files'>, root: RootConfig, batch: Batch): Promise<StepResult> {
  const claimed = await findClaimed({ files }, root, batch.id);
  if (claimed !== undefined) {
    await files.syncDirectory(directoryName(claimed));
    return done;
  }
  if ((await files.stat(root.incoming)) === undefined) return { kind: 'wait', reason: unusable(root).toJSON() };
  const error = new SealError('SEAL-BATCH-CHANGED', 'the claim was not completed', {
    where: displayName(batch.relPath),
    hint: 'nothing: the directory was left where it was and is claimed anew',
  });
  return { kind: 'refused', error: error.toJSON() };
}

/** The root's file system is not there: nothing is concluded from missing files. */
export function unusable(root: RootConfig): SealError {
  return new SealError('SEAL-ROOT-UNUSABLE', `the root ${root.name} is not there`, {
    where: root.incoming,
    hint: 'mount its file system or create its directories; work goes on by itself',
  });
}
