import { errnoOf, SealError } from '../errors.ts';
import { displayName, joinPath } from '../formats/names.ts';
import { spoolFile } from '../formats/places.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { Config } from '../model/config.ts';
import type { SemaphoreOptions } from '../model/batch.ts';
import type { Effects } from '../ports/effects.ts';
import type { CopiedFile } from '../ports/files.ts';
import type { NewDocument } from '../ports/batch-store.ts';
import { changed } from './inventory.ts';
import type { Item } from './sorted-items.ts';

/** Documents that are recorded together. */
const pageSize = 1_000;

/** Copies that run at the same time: enough for all hashing threads. */
const parallel = 24;

export interface CopyJob {
  readonly config: Pick<Config, 'dataDir'>;
  readonly batch: string;
  readonly claimed: Buffer;
  /** Who owns the batch directory: hard links of others are planted. */
  readonly owner: number;
  readonly digests: readonly DigestAlgorithm[];
  readonly expected: ReadonlyMap<string, NonNullable<SemaphoreOptions['files']>[number]> | undefined;
}

/**
 * Private copies of all documents, hashed while they are copied; in the order of the items, a page at a time. What is no document (a link, a FIFO) or
 * cannot be read becomes a failed one.
 * @throws SealError SEAL-BATCH-CHANGED, SEAL-DISK-*
 */
export async function* copyPages(
  fx: Pick<Effects, 'files'>,
  job: CopyJob,
  items: Iterable<Item>,
  signal?: AbortSignal,
): AsyncGenerator<NewDocument[]> {
  let from = 0;
  let page: Item[] = [];
  for (const item of items) {
    if (page.push(item) < pageSize) continue;
    yield await copyPage(fx, job, from, page, signal);
    from += page.length;
    page = [];
  }
  if (page.length > 0) yield await copyPage(fx, job, from, page, signal);
}

/** @param from `seq` of the first */
async function copyPage(
  fx: Pick<Effects, 'files'>,
  job: CopyJob,
  from: number,
  items: readonly Item[],
  signal?: AbortSignal,
): Promise<NewDocument[]> {
  const documents: NewDocument[] = new Array<NewDocument>(items.length);
  const rest = items.entries();
  let failed = false;
  const worker = async (): Promise<void> => {
    for (const [index, item] of rest) {
      if (failed) return;
      try {
        documents[index] = await copyOne(fx, job, from + index, item, signal);
      } catch (thrown) {
        failed = true;
        throw thrown;
      }
    }
  };
  // All of them end before the first error is told: nobody writes to the spool any more.
  const ends = await Promise.allSettled(Array.from({ length: Math.min(parallel, items.length) }, worker));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return documents;
}

async function copyOne(
  { files }: Pick<Effects, 'files'>,
  job: CopyJob,
  seq: number,
  { relPath, kind }: Item,
  signal?: AbortSignal,
): Promise<NewDocument> {
  const failure = (error: SealError): NewDocument => ({ seq, relPath, size: 0, digests: [], error: error.toJSON() });
  const where = displayName(relPath);
  if (kind !== 'file') {
    const hint = 'put the file itself into the batch';
    return failure(new SealError('SEAL-DOC-TYPE', `not a regular file but a ${kind}`, { where, hint }));
  }
  const source = joinPath(job.claimed, relPath);
  const target = spoolFile(job.config.dataDir, job.batch, seq);
  let copy: CopiedFile;
  try {
    copy = await files.copyHashed(source, target, job.digests, signal);
  } catch (thrown) {
    const reason = sourceFault(thrown, source);
    if (reason === undefined) throw thrown;
    if (reason === 'changed') throw changed(source);
    return failure(
      new SealError('SEAL-INPUT-MISSING', 'the document cannot be read', {
        where,
        hint: 'let the account of Sealtree read it',
        cause: thrown,
      }),
    );
  }
  if (!steady(copy)) throw changed(source);
  if (copy.before.links > 1 && copy.before.uid !== job.owner) {
    await files.remove(target);
    const hint = 'put a copy into the batch; a file that belongs to somebody else may not be meant for it';
    return failure(new SealError('SEAL-DOC-TYPE', 'a hard link to a file of another owner', { where, hint }));
  }
  const digests = [...copy.digests];
  const error = unexpected(job, relPath, copy);
  return { seq, relPath, size: copy.size, digests, ...(error === undefined ? {} : { error: error.toJSON() }) };
}

/** The file was the same before the first and after the last byte. */
function steady({ size, before, after }: CopiedFile): boolean {
  return size === after.size && before.size === after.size && before.mtimeNs === after.mtimeNs && before.ctimeNs === after.ctimeNs;
}

/** A fault of the document, not of our disk. */
function sourceFault(thrown: unknown, source: Buffer): 'changed' | 'unreadable' | undefined {
  if (!(thrown instanceof SealError) || thrown.where !== displayName(source)) return undefined;
  if (thrown.code === 'SEAL-DOC-TYPE' || thrown.code === 'SEAL-INPUT-MISSING') return 'changed';
  const errno = errnoOf(thrown);
  return errno === 'EACCES' || errno === 'EPERM' ? 'unreadable' : undefined;
}

function unexpected({ expected }: CopyJob, relPath: Buffer, { digests }: CopiedFile): SealError | undefined {
  if (expected === undefined) return undefined;
  const file = expected.get(relPath.toString('latin1'));
  const where = displayName(relPath);
  const hint = 'approve the batch again with the names and hashes that it has';
  if (file === undefined) return new SealError('SEAL-DOC-HASH', 'the semaphore does not name this document', { where, hint });
  if (file.sha256 === undefined || digests.get('sha256')?.toString('hex') === file.sha256) return undefined;
  return new SealError('SEAL-DOC-HASH', 'the document is not the one that the semaphore names: its SHA-256 differs', { where, hint });
}
