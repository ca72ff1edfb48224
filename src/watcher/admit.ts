import { SealError } from '../errors.ts';
import { displayName } from '../formats/names.ts';
import type { Batch } from '../model/batch.ts';
import type { Config, RootConfig } from '../model/config.ts';
import { done, type StepResult } from '../model/step.ts';
import type { Effects } from '../ports/effects.ts';
import { destination } from './destination.ts';
import { documentsOf, duplicateOf } from './duplicates.ts';
import { OutputNames } from './output-names.ts';
import { lackOfRoom, type Need } from './room.ts';

type AdmitEffects = Pick<Effects, 'files' | 'store'>;
type AdmitConfig = Pick<Config, 'dataDir' | 'profiles'>;

/** An output is its document and a signature of some kilobytes, or the document again. */
const signatureBytes = 32 << 10;

/**
 * Everything that can be decided before a signature is spent: duplicates, names of the output, its place, room on the disks. A number for
 * `onExisting: number` is written with the batch. One batch of a root at a time, or two may choose the same place; `release` would notice.
 * @throws SealError SEAL-STORE-*, SEAL-DISK-*
 */
export async function admit(fx: AdmitEffects, config: AdmitConfig, root: RootConfig, batch: Batch): Promise<StepResult> {
  const duplicate = await duplicateOf(fx, batch);
  if (duplicate !== undefined) return { kind: 'refused', error: duplicate.toJSON() };
  const { failed, first, need } = await checkNames(fx, config, root, batch);
  if (first !== undefined && (root.onError === 'failBatch' || failed === batch.documents))
    return { kind: 'refused', error: refusedBecause(batch, failed, first).toJSON() };
  const place = await destination(fx, root, batch);
  if (place instanceof SealError) return { kind: 'wait', reason: place.toJSON() };
  const full = await lackOfRoom(fx, config, root, need);
  if (full !== undefined) return { kind: 'wait', reason: full.toJSON() };
  if (!place.equals(batch.outPath)) await fx.store.advance(batch.id, 'spooled', 'spooled', { outPath: place });
  return done;
}

interface NamesChecked {
  /** Documents that cannot be signed, from the spool and from here. */
  readonly failed: number;
  readonly first: SealError | undefined;
  readonly need: Need;
}

async function checkNames(fx: AdmitEffects, config: AdmitConfig, root: RootConfig, batch: Batch): Promise<NamesChecked> {
  const profile = batch.keys.length === 0 ? undefined : config.profiles[batch.profile];
  const scope = { root, batch: batch.id, profile };
  let names = new OutputNames(fx, config, scope, 'possible');
  const counts = await addAll(fx, names, batch);
  await compareAll(fx, names, batch);
  if (names.faults.size > 0 && profile?.format === 'auto') {
    names = new OutputNames(fx, config, scope, 'exact');
    await addAll(fx, names, batch);
    await compareAll(fx, names, batch);
  }
  const faults = [...names.faults];
  if (faults.length > 0) await fx.store.failDocuments(faults.map(([document, error]) => ({ document, error: error.toJSON() })));
  return { ...counts, failed: counts.failed + faults.length, first: counts.first ?? faults[0]?.[1] };
}

async function addAll(fx: AdmitEffects, names: OutputNames, batch: Batch): Promise<NamesChecked> {
  let failed = 0;
  let first: SealError | undefined;
  let bytes = 0;
  let count = 0;
  for await (const document of documentsOf(fx, batch.id)) {
    count++;
    bytes += 2 * document.size + signatureBytes;
    if (document.state !== 'failed') await names.add(document);
    else {
      failed++;
      if (document.error !== undefined) first ??= SealError.from(document.error);
    }
  }
  // Output, and originals where they are copied; two files a document at most, and our own.
  return { failed, first, need: { bytes, files: 2 * count + 8 } };
}

/** A second look, only where two names may be one. */
async function compareAll(fx: AdmitEffects, names: OutputNames, batch: Batch): Promise<void> {
  if (!names.suspicious) return;
  for await (const document of documentsOf(fx, batch.id)) if (document.state !== 'failed') await names.compare(document);
}

function refusedBecause(batch: Batch, failed: number, first: SealError): SealError {
  if (failed === 1) return first;
  return new SealError(first.code, `${failed} of ${batch.documents} documents cannot be signed; the first: ${first.message}`, {
    where: first.where ?? displayName(batch.relPath),
    ...(first.hint === undefined ? {} : { hint: first.hint }),
  });
}
