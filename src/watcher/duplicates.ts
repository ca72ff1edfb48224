import { SealError } from '../errors.ts';
import { displayName } from '../formats/names.ts';
import type { Batch, BatchDocument } from '../model/batch.ts';
import type { Effects } from '../ports/effects.ts';

/** Documents read from the store at once. */
const page = 1000;

/** All documents of a batch in their order, a page in memory at a time. */
export async function* documentsOf({ store }: Pick<Effects, 'store'>, batch: string): AsyncGenerator<BatchDocument, void> {
  for (let afterSeq = -1; ;) {
    const documents = await store.documents(batch, { afterSeq, limit: page });
    yield* documents;
    const last = documents.at(-1);
    if (last === undefined || documents.length < page) return;
    afterSeq = last.seq;
  }
}

/**
 * An earlier batch of the same path whose documents have the same names and hashes; undefined when there is none. Retries are no duplicates:
 * an operator asked for them.
 */
export async function duplicateOf(fx: Pick<Effects, 'store'>, batch: Batch): Promise<SealError | undefined> {
  if (batch.partOf !== undefined) return undefined;
  for (const earlier of await fx.store.deliveredAt(batch.root, batch.relPath)) {
    if (earlier.id === batch.id || earlier.documents !== batch.documents || !(await equal(fx, earlier.id, batch.id))) continue;
    return new SealError('SEAL-BATCH-DUPLICATE', `the same path with the same documents was delivered as ${earlier.id}`, {
      where: displayName(batch.relPath),
      hint: `use the output of ${earlier.id}; “sealtree batch retry --again ${batch.id}” signs it once more`,
    });
  }
  return undefined;
}

/** Both in the order of their names, as the spool recorded them. */
async function equal(fx: Pick<Effects, 'store'>, a: string, b: string): Promise<boolean> {
  const others = documentsOf(fx, b);
  try {
    for await (const document of documentsOf(fx, a)) {
      const { value: other } = await others.next();
      if (other === undefined || !other.relPath.equals(document.relPath)) return false;
      const digest = sha256Of(document);
      if (digest === undefined || sha256Of(other)?.equals(digest) !== true) return false;
    }
    return (await others.next()).done === true;
  } finally {
    await others.return();
  }
}

function sha256Of(document: BatchDocument): Buffer | undefined {
  return document.digests.find(([algorithm]) => algorithm === 'sha256')?.[1];
}
