import { directoryName, joinPath } from '../formats/names.ts';
import { claimPlaces, spoolDirectory } from '../formats/places.ts';
import type { Batch } from '../model/batch.ts';
import { done, type StepResult } from '../model/step.ts';
import type { Effects } from '../ports/effects.ts';
import { demandMounted, deskOf, documentPages, type Delivery, type DeliveryEffects } from './delivery.ts';
import { writeErrors } from './error-report.ts';
import { move, moveInto, underWay } from './moving.ts';
import { noteDone } from './retention.ts';

type Keep = 'none' | 'signatures' | 'documents';

/** Where a batch's claimed directory lies; undefined when it was moved on already. */
async function claimedDirectory({ files }: Pick<Effects, 'files'>, { root }: Delivery, batch: string): Promise<Buffer | undefined> {
  for (const place of claimPlaces(root)) {
    const path = joinPath(place, batch);
    if ((await files.stat(path))?.kind === 'directory') return path;
  }
  return undefined;
}

/**
 * released → delivered: what failed goes to failed/ with its reasons, the originals to done/. `keep` decides what stays beyond hashes: with
 * `documents` the private copies move to `<data>/kept/<batch>`. May run again after a kill.
 */
export async function fileOriginals(fx: DeliveryEffects, delivery: Delivery, batch: Batch, keep: Keep): Promise<StepResult> {
  const { root } = delivery;
  await demandMounted(fx, root);
  const claimed = await claimedDirectory(fx, delivery, batch.id);
  if (claimed !== undefined && batch.failed > 0) await fileFailed(fx, delivery, batch, claimed);
  if (claimed !== undefined || (await underWay(fx, root, 'done', batch.id)))
    await moveInto(fx, root, { tree: 'done', batch: batch.id, path: batch.outPath, from: claimed }, async (source, target) => {
      await noteDone(fx, root, source, target);
    });
  await removeSpool(fx, delivery, batch.id, keep);
  for (const tree of ['outgoing', 'failed', 'done'] as const) await fx.files.remove(await deskOf(fx, root, tree, batch.id));
  return done;
}

/** failing → failed: the whole batch, with its original bytes, the semaphore FAILED and error.json. */
export async function failBatch(fx: DeliveryEffects, delivery: Delivery, batch: Batch): Promise<StepResult> {
  const { root } = delivery;
  await demandMounted(fx, root);
  const claimed = (await claimedDirectory(fx, delivery, batch.id)) ?? (await emptyPlace(fx, delivery, batch.id));
  const moving = await underWay(fx, root, 'failed', batch.id);
  if (claimed !== undefined && !moving) await writeErrors(fx, batch, claimed);
  // Before the move: a spool without a claimed directory means that somebody removed that one, not that it has arrived.
  await removeSpool(fx, delivery, batch.id, 'none');
  if (claimed !== undefined || moving) await moveInto(fx, root, { tree: 'failed', batch: batch.id, path: batch.relPath, from: claimed });
  for (const tree of ['failed', 'outgoing'] as const) await fx.files.remove(await deskOf(fx, root, tree, batch.id));
  return done;
}

async function removeSpool({ files }: DeliveryEffects, { dataDir }: Delivery, batch: string, keep: Keep): Promise<void> {
  const spool = spoolDirectory(dataDir, batch);
  if (keep === 'documents' && (await files.stat(spool)) !== undefined) {
    const kept = joinPath(dataDir, 'kept');
    await files.makeDirectory(kept, 0o700);
    await files.rename(spool, joinPath(kept, batch));
  } else await files.remove(spool);
}

/**
 * For a batch whose claimed directory somebody removed: a directory to hold the reason, so that the producer finds one. Its spool tells that it
 * has not ended.
 */
async function emptyPlace({ files }: DeliveryEffects, { root, dataDir }: Delivery, batch: string): Promise<Buffer | undefined> {
  const spool = spoolDirectory(dataDir, batch);
  if ((await files.stat(spool)) === undefined || (await underWay({ files }, root, 'failed', batch))) return undefined;
  const place = joinPath(claimPlaces(root)[0], batch);
  await files.makeDirectory(place, 0o755);
  return place;
}

/** Moves what failed out of the claimed directory into a directory of its own below failed/. */
async function fileFailed(fx: DeliveryEffects, delivery: Delivery, batch: Batch, claimed: Buffer): Promise<void> {
  const { files } = fx;
  const desk = await deskOf(fx, delivery.root, 'failed', batch.id);
  if (await alreadyMoved(fx, desk, claimed, batch)) return;
  const place = joinPath(desk, 'batch');
  await files.makeDirectory(directoryName(desk), 0o700);
  await files.makeDirectory(place);
  for await (const page of documentPages(fx, batch.id, ['bytes', 'report'])) {
    for (const { state, relPath } of page) {
      if (state !== 'failed') continue;
      const directory = directoryName(relPath);
      if (directory.length > 0) await files.makeDirectory(joinPath(place, directory));
      await move(fx, joinPath(claimed, relPath), joinPath(place, relPath), joinPath(desk, 'part'));
    }
  }
  await writeErrors(fx, batch, place);
  await moveInto(fx, delivery.root, { tree: 'failed', batch: batch.id, path: batch.relPath, from: place });
}

/** After a kill: the failed documents have left the claimed directory, and the desk has left for failed/. */
async function alreadyMoved(fx: DeliveryEffects, desk: Buffer, claimed: Buffer, batch: Batch): Promise<boolean> {
  if ((await fx.files.stat(joinPath(desk, 'batch'))) !== undefined) return false;
  for await (const page of documentPages(fx, batch.id, ['bytes', 'report']))
    for (const { state, relPath } of page)
      if (state === 'failed' && (await fx.files.stat(joinPath(claimed, relPath))) !== undefined) return false;
  return true;
}
