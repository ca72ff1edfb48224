import type { Blob } from '../model/archive.ts';
import type { Effects } from '../ports/effects.ts';

/** Blobs read at once: a report comes in parts of some megabytes. */
const pageBlobs = 8;

/** Certificates, revocation data and reports of a batch, few of them in memory at a time. */
export async function* materialBlobs({ store }: Pick<Effects, 'store'>, batch: string): AsyncGenerator<Blob> {
  for (let skip = 0, read = pageBlobs; read === pageBlobs; skip += pageBlobs) {
    const blobs = await store.batchBlobs(batch, { skip, limit: pageBlobs });
    read = blobs.length;
    yield* blobs;
  }
}
