import { deskPlaces } from '../formats/places.ts';
import type { BatchDocument } from '../model/batch.ts';
import type { RootConfig } from '../model/config.ts';
import type { Effects } from '../ports/effects.ts';

export type DeliveryEffects = Pick<Effects, 'clock' | 'files' | 'store'>;

export interface Delivery {
  readonly root: RootConfig;
  readonly dataDir: string;
}

/*
 * The desk: a private directory on outgoing's file system. `<desk>/batch` becomes the output by one rename, `<desk>/ready.json` its ready
 * semaphore by another; the desk goes once `released` is written. So its content tells after a kill how far release came.
 */
const pageSize = 200;

/** Pages of a batch's documents in their order. @param omit what the reader has no use for: store.documents */
export async function* documentPages(
  { store }: Pick<Effects, 'store'>,
  batch: string,
  omit: readonly ('bytes' | 'report')[] = [],
): AsyncGenerator<BatchDocument[]> {
  for (let afterSeq = -1; ;) {
    const page = await store.documents(batch, { afterSeq, limit: pageSize, omit });
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    if (page.length < pageSize) return;
    afterSeq = last.seq;
  }
}

/** The desk of a batch for a tree, on that tree's file system. */
export async function deskOf(
  { files }: Pick<Effects, 'files'>,
  root: RootConfig,
  tree: 'outgoing' | 'failed' | 'done',
  batch: string,
): Promise<Buffer> {
  const [near, inside] = deskPlaces(root, tree, batch);
  const [ofRoot, ofTree] = await Promise.all([files.stat(root.path), files.stat(root[tree])]);
  return ofRoot !== undefined && ofRoot.device === ofTree?.device ? near : inside;
}
