import type { BatchMaterial } from '../archive/append.ts';
import { SealError } from '../errors.ts';
import { joinPath } from '../formats/names.ts';
import { claimPlaces, spoolFile } from '../formats/places.ts';
import type { Batch, BatchDocument } from '../model/batch.ts';
import type { ArchiveConfig, RootConfig } from '../model/config.ts';
import type { Effects } from '../ports/effects.ts';
import type { ReleaseDocument, ReleaseVerifier } from '../verify/release.ts';
import { ReleaseReport } from './release-report.ts';

export interface MaterialParts {
  readonly fx: Pick<Effects, 'files' | 'store'>;
  readonly config: { readonly dataDir: string; readonly archive: Pick<ArchiveConfig, 'digest'> };
  readonly release: ReleaseVerifier;
}

export interface MaterialOptions {
  /** Undefined: the command line; nobody approved a batch. */
  readonly root?: Pick<RootConfig, 'path' | 'incoming' | 'outgoing' | 'failed' | 'done'>;
  /** For encrypted documents; the caller zeroes it. */
  readonly password?: Buffer;
}

const page = 500;
const largestSemaphore = 16 << 20;

/** What was used when a batch was verified, who approved it and how it was judged: kept once beside its documents. */
export async function materialOf(
  { fx, config, release }: MaterialParts,
  batch: Batch,
  { root, password }: MaterialOptions,
  signal?: AbortSignal,
): Promise<BatchMaterial> {
  const report = new ReleaseReport(fx, batch, config.archive.digest);
  const whole = async ({ id, seq }: BatchDocument): Promise<ReleaseDocument | undefined> => {
    const document = await fx.store.document(id);
    const input = spoolFile(config.dataDir, batch.id, seq);
    return document && { document, input, ...(password === undefined ? {} : { password }) };
  };
  const semaphore = root === undefined || batch.semaphore.length === 0 ? undefined : await semaphoreOf(fx, root, batch);
  const proofs = await release.material(report.noting(documentsOf(fx, batch.id)), whole, signal);
  return {
    ...proofs,
    reports: await report.end(),
    ...(semaphore === undefined ? {} : { semaphore }),
  };
}

/** What verification found, and the shape of the outputs: their bytes are not needed here. */
async function* documentsOf({ store }: Pick<Effects, 'store'>, batch: string): AsyncGenerator<BatchDocument> {
  for (let afterSeq = -1; ;) {
    const documents = await store.documents(batch, { afterSeq, limit: page, omit: ['bytes'] });
    yield* documents;
    const last = documents.at(-1);
    if (last === undefined || documents.length < page) return;
    afterSeq = last.seq;
  }
}

/** The approval as it lies in the claimed directory; undefined for a remainder, whose semaphore went with the others. */
async function semaphoreOf(
  { files }: Pick<Effects, 'files'>,
  root: NonNullable<MaterialOptions['root']>,
  { id, semaphore }: Batch,
): Promise<Buffer | undefined> {
  for (const place of claimPlaces(root)) {
    const path = joinPath(place, id, semaphore);
    const found = await files.read(path, largestSemaphore).catch((thrown: unknown) => {
      if (thrown instanceof SealError && (thrown.code === 'SEAL-INPUT-MISSING' || thrown.code.startsWith('SEAL-DOC-'))) return undefined;
      throw thrown;
    });
    if (found !== undefined) return found;
  }
  return undefined;
}
