import { errnoOf, SealError, type ErrorReport } from '../errors.ts';
import { baseName, directoryName, displayName, joinPath } from '../formats/names.ts';
import { claimPlaces, ownNames, spoolDirectory } from '../formats/places.ts';
import type { Batch, BatchDocument } from '../model/batch.ts';
import { done, type StepResult } from '../model/step.ts';
import type { Effects } from '../ports/effects.ts';
import { copyTree } from './copy-tree.ts';
import { deskOf, documentPages, type Delivery, type DeliveryEffects } from './delivery.ts';

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
  const { files } = fx;
  const claimed = await claimedDirectory(fx, delivery, batch.id);
  if (claimed !== undefined) {
    if (batch.failed > 0) await fileFailed(fx, delivery, batch, claimed);
    const target = await moveInto(fx, delivery, 'done', batch, claimed);
    await noteDone(fx, delivery, batch, target);
  }
  await removeSpool(fx, delivery, batch.id, keep);
  await files.remove(await deskOf(fx, delivery.root, 'failed', batch.id));
  return done;
}

/** failing → failed: the whole batch, with its original bytes, the semaphore FAILED and error.json. */
export async function failBatch(fx: DeliveryEffects, delivery: Delivery, batch: Batch): Promise<StepResult> {
  const claimed = await claimedDirectory(fx, delivery, batch.id);
  if (claimed !== undefined) {
    await writeErrors(fx, batch, claimed);
    await moveInto(fx, delivery, 'failed', batch, claimed);
  }
  await fx.files.remove(await deskOf(fx, delivery.root, 'outgoing', batch.id));
  await removeSpool(fx, delivery, batch.id, 'none');
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

/** Moves what failed out of the claimed directory into a directory of its own below failed/. */
async function fileFailed(fx: DeliveryEffects, delivery: Delivery, batch: Batch, claimed: Buffer): Promise<void> {
  const { files } = fx;
  const desk = await deskOf(fx, delivery.root, 'failed', batch.id);
  if (await alreadyMoved(fx, desk, claimed, batch)) return;
  const place = joinPath(desk, 'batch');
  await files.makeDirectory(directoryName(desk), 0o700);
  await files.makeDirectory(place);
  for await (const page of documentPages(fx, batch.id)) {
    for (const { state, relPath } of page) {
      if (state !== 'failed') continue;
      const directory = directoryName(relPath);
      if (directory.length > 0) await files.makeDirectory(joinPath(place, directory));
      await move(fx, joinPath(claimed, relPath), joinPath(place, relPath));
    }
  }
  await writeErrors(fx, batch, place);
  await moveInto(fx, delivery, 'failed', batch, place);
}

/** After a kill: the failed documents have left the claimed directory, and the desk has left for failed/. */
async function alreadyMoved(fx: DeliveryEffects, desk: Buffer, claimed: Buffer, batch: Batch): Promise<boolean> {
  if ((await fx.files.stat(joinPath(desk, 'batch'))) !== undefined) return false;
  for await (const page of documentPages(fx, batch.id))
    for (const { state, relPath } of page)
      if (state === 'failed' && (await fx.files.stat(joinPath(claimed, relPath))) !== undefined) return false;
  return true;
}

/** A rename; across file systems a copy that is on disk before the original goes. What is not there was moved before. */
async function move(fx: DeliveryEffects, from: Buffer, to: Buffer): Promise<void> {
  try {
    await fx.files.rename(from, to);
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return;
    if (errnoOf(thrown) !== 'EXDEV') throw thrown;
    await copyTree(fx, from, to);
    await fx.files.remove(from);
  }
}

/**
 * Moves a directory to its relative path below `failed` or `done`; `name~2` when that is taken. Across file systems it is copied to a desk on
 * the other side first, so that it appears there whole.
 */
async function moveInto(fx: DeliveryEffects, { root }: Delivery, tree: 'failed' | 'done', batch: Batch, from: Buffer): Promise<Buffer> {
  const { files } = fx;
  const path = tree === 'failed' ? batch.relPath : batch.outPath;
  const parent = joinPath(root[tree], directoryName(path));
  await files.makeDirectory(parent);
  let source = from;
  for (let n = 1; ; n++) {
    const target = joinPath(parent, n === 1 ? baseName(path) : Buffer.concat([baseName(path), Buffer.from(`~${n}`)]));
    if ((await files.stat(target)) !== undefined) continue;
    try {
      await files.rename(source, target);
      if (source !== from) await files.remove(from);
      return target;
    } catch (thrown) {
      if (errnoOf(thrown) !== 'EXDEV') throw thrown;
      source = joinPath(await deskOf(fx, root, tree, batch.id), 'moving');
      await files.remove(source);
      await files.makeDirectory(directoryName(source), 0o700);
      await copyTree(fx, from, source);
      n--;
    }
  }
}

/** `error.json`: what failed, why, and what to do; then `FAILED`. A document of that name is never overwritten. */
async function writeErrors(fx: DeliveryEffects, batch: Batch, directory: Buffer): Promise<void> {
  const documents: object[] = [];
  for await (const page of documentPages(fx, batch.id))
    for (const document of page) if (document.error !== undefined) documents.push(documentError(document, document.error));
  const error = batch.error ?? summary(batch);
  const content = { batch: batch.id, root: batch.root, path: displayName(batch.relPath), ...remedied(error), documents };
  await place(fx, directory, ownNames.error, `${JSON.stringify(content, null, 2)}\n`);
  await place(
    fx,
    directory,
    ownNames.failed,
    `${JSON.stringify({ batch: batch.id, code: error.code, message: error.message }, null, 2)}\n`,
  );
}

/** Ours from before a kill is replaced; a stranger's file of that name stays, and ours gets a number. */
async function place({ files }: DeliveryEffects, directory: Buffer, name: string, content: string): Promise<void> {
  for (let n = 1; ; n++) {
    const path = joinPath(directory, n === 1 ? name : `${name}~${n}`);
    if (await files.claimDurable(path, Buffer.from(content))) return;
    const there = await files.read(path, 2 ** 20).catch(() => undefined);
    if (there?.toString() === content) return;
  }
}

function documentError({ relPath, digests }: BatchDocument, error: ErrorReport): object {
  const sha256 = digests.find(([algorithm]) => algorithm === 'sha256')?.[1].toString('hex');
  return { document: displayName(relPath), ...(sha256 === undefined ? {} : { sha256 }), ...remedied(error) };
}

function remedied({ code, message, where, hint, retryable }: ErrorReport): object {
  return { code, message, ...(where === undefined ? {} : { where }), remedy: hint ?? 'see the log', retryable };
}

function summary(batch: Batch): ErrorReport {
  return new SealError(
    'SEAL-VERIFY-FAILED',
    `${batch.failed} of ${batch.documents} documents could not be signed; the others were delivered`,
    {
      hint: `mend or replace them, then “sealtree batch retry ${batch.id}”`,
      retryable: true,
    },
  ).toJSON();
}

/** Remembers where the originals of a batch went, so that `retention` can remove them and nothing else. */
async function noteDone({ files, clock }: DeliveryEffects, { root }: Delivery, batch: Batch, target: Buffer): Promise<void> {
  const ledger = joinPath(root.path, '.sealtree', 'done');
  await files.makeDirectory(ledger, 0o700);
  await files.writeDurable(
    joinPath(ledger, `${batch.id}.json`),
    Buffer.from(JSON.stringify({ path: target.toString('latin1'), at: clock.now() })),
    0o600,
  );
}

/** Removes originals whose `retention` is over. @returns how many batches */
export async function retireOriginals({ files, clock }: Pick<Effects, 'clock' | 'files'>, { root }: Delivery): Promise<number> {
  const { retention } = root;
  const ledger = joinPath(root.path, '.sealtree', 'done');
  if (retention === undefined || (await files.stat(ledger)) === undefined) return 0;
  let retired = 0;
  for await (const { name } of files.list(ledger)) {
    const entry = joinPath(ledger, name);
    const noted: unknown = JSON.parse((await files.read(entry, 2 ** 16)).toString());
    if (
      typeof noted !== 'object' ||
      noted === null ||
      !('path' in noted) ||
      !('at' in noted) ||
      typeof noted.path !== 'string' ||
      typeof noted.at !== 'number'
    )
      continue;
    if (clock.now() - noted.at < retention) continue;
    await files.remove(Buffer.from(noted.path, 'latin1'));
    await files.remove(entry);
    retired++;
  }
  return retired;
}
