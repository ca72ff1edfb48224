import { SealError } from '../errors.ts';
import { directoryName, displayName, joinPath } from '../formats/names.ts';
import { deskPlaces, reservedName } from '../formats/places.ts';
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

/**
 * The desk of a batch for a tree, on that tree's file system.
 * @throws SealError SEAL-ROOT-UNUSABLE when the root is not there, or the tree was a file system of its own and is not
 */
export async function deskOf(fx: Pick<Effects, 'files'>, root: RootConfig, tree: Tree, batch: string): Promise<Buffer> {
  const { files } = fx;
  await demandMounted(fx, root);
  const [near, inside] = deskPlaces(root, tree, batch);
  const [ofRoot, ofTree] = await Promise.all([files.stat(root.path), files.stat(root[tree])]);
  const apart = ofTree !== undefined && ofTree.device !== ofRoot?.device;
  await rememberApart(fx, root, tree, apart);
  return apart ? inside : near;
}

type Tree = 'outgoing' | 'failed' | 'done';

/** Whether what a tree does not show is really not there. */
export async function isMounted(fx: Pick<Effects, 'files'>, root: RootConfig, tree: Tree): Promise<boolean> {
  if ((await fx.files.stat(root[tree])) === undefined) return false;
  return await deskOf(fx, root, tree, '').then(
    () => true,
    () => false,
  );
}

/** Where a mount point was left empty everything would go to a place that nobody sees: a tree that was once a file system of its own is noted. */
async function rememberApart({ files }: Pick<Effects, 'files'>, root: RootConfig, tree: Tree, apart: boolean): Promise<void> {
  const note = joinPath(root.path, reservedName, `apart-${tree}`);
  const noted = (await files.stat(note)) !== undefined;
  if (noted === apart) return;
  if (apart) {
    await files.makeDirectory(directoryName(note));
    await files.claimDurable(note, Buffer.from(root[tree]), 0o600);
    return;
  }
  if ((await files.read(note, 4096)).toString() === root[tree]) throw notMounted(root, root[tree], note);
  await files.remove(note);
}

/** Nothing is concluded from what is missing in a root that is not there. @throws SealError SEAL-ROOT-UNUSABLE */
export async function demandMounted({ files }: Pick<Effects, 'files'>, root: RootConfig): Promise<void> {
  const own = joinPath(root.path, reservedName);
  if ((await files.stat(own)) === undefined) throw notMounted(root, root.path, own);
}

function notMounted({ name }: RootConfig, place: string, evidence: Buffer): SealError {
  const hint = evidence.equals(joinPath(place, reservedName))
    ? 'mount it; work goes on by itself'
    : `mount it; if it shall lie on the root’s file system from now on, remove ${displayName(evidence)}`;
  return new SealError('SEAL-ROOT-UNUSABLE', `the file system of root ${name} is not there`, { where: displayName(place), hint });
}
