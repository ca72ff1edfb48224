import { errnoOf, SealError } from '../errors.ts';
import { batchId } from '../formats/batch-id.ts';
import { displayName, joinPath } from '../formats/names.ts';
import { claimPlaces } from '../formats/places.ts';
import type { Batch } from '../model/batch.ts';
import type { RootConfig } from '../model/config.ts';
import type { Effects } from '../ports/effects.ts';
import { findFailed, removeFailureFiles } from './failure-files.ts';

/**
 * Takes a failed or cancelled batch, or the failed part of a delivered one, out of failed/ and claims it anew under a new id, as a claim does:
 * row first, then one rename. Signatures that were made already are taken over when it is spooled.
 * @param options again: also what was refused as a duplicate
 * @returns the id of the new batch, which is `claimed`
 * @throws SealError SEAL-BATCH-STATE when there is nothing to retry, SEAL-INPUT-MISSING when failed/ does not hold it any more
 */
export async function retry(
  fx: Pick<Effects, 'clock' | 'files' | 'random' | 'store'>,
  root: RootConfig,
  batch: Batch,
  options: { readonly again: boolean },
): Promise<string> {
  demandRetryable(batch, options.again);
  const source = await findFailed(fx, root.failed, batch.relPath, batch.id);
  if (source === undefined) {
    throw new SealError('SEAL-INPUT-MISSING', `the documents of ${batch.id} are not in failed/ any more`, {
      where: displayName(joinPath(root.failed, batch.relPath)),
      hint: 'somebody took them away; put them into incoming and approve them there',
    });
  }
  const now = fx.clock.now();
  const id = batchId(now, fx.random.bytes(5));
  const { relPath, options: semaphoreOptions, priority, profile, keys, semaphore } = batch;
  await fx.store.createBatch({
    ...{ id, root: root.name, relPath, options: semaphoreOptions, priority, profile, keys, semaphore },
    outPath: batch.state === 'delivered' ? remainder(batch) : batch.outPath,
    partOf: batch.id,
    approvedAt: now,
    claimedAt: now,
    state: 'claiming',
  });
  const claimed = await moveToClaim(fx, root, source, id);
  await removeFailureFiles(fx, claimed, batch.id);
  await fx.store.advance(id, 'claiming', 'claimed');
  return id;
}

function demandRetryable(batch: Batch, again: boolean): void {
  const part = batch.state === 'delivered' && batch.failed > 0;
  if (!part && batch.state !== 'failed' && batch.state !== 'cancelled') {
    throw new SealError('SEAL-BATCH-STATE', `batch ${batch.id} is ${batch.state}: there is nothing to retry`, {
      hint: batch.state === 'delivered' ? 'all of its documents were delivered' : '“batch show” tells where it stands',
    });
  }
  if (batch.error?.code === 'SEAL-BATCH-DUPLICATE' && !again)
    throw new SealError('SEAL-BATCH-STATE', batch.error.message, { hint: 'with --again it is signed once more all the same' });
}

/** `a` → `a~2` → `a~3`: what remains of a batch whose other documents were delivered. */
function remainder({ relPath, outPath }: Batch): Buffer {
  const suffix = outPath.subarray(relPath.length).toString('latin1');
  const number = /^~(\d+)$/.exec(suffix)?.[1];
  return Buffer.concat([relPath, Buffer.from(`~${number === undefined ? 2 : Number(number) + 1}`)]);
}

async function moveToClaim(
  { files, store }: Pick<Effects, 'files' | 'store'>,
  root: RootConfig,
  source: Buffer,
  id: string,
): Promise<Buffer> {
  let refusal: unknown;
  for (const place of claimPlaces(root)) {
    const target = joinPath(place, id);
    try {
      await files.makeDirectory(place, 0o700);
      await files.rename(source, target);
      return target;
    } catch (thrown) {
      refusal = thrown;
      if (errnoOf(thrown) !== 'EXDEV') break;
    }
  }
  await store.advance(id, 'claiming', 'abandoned');
  throw refusal;
}
