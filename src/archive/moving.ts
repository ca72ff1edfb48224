import { errnoOf } from '../errors.ts';
import { directoryName, joinPath } from '../formats/names.ts';
import { ownNames } from '../formats/places.ts';
import type { RootConfig } from '../model/config.ts';
import type { Effects } from '../ports/effects.ts';
import { copyOne, copyTree } from './copy-tree.ts';
import { deskOf } from './delivery.ts';
import { isNoted } from './retention.ts';

type MovingEffects = Pick<Effects, 'files'>;

/**
 * Moves a file or a link: a rename; across file systems a copy that is on disk before the original goes. What is not there was moved before.
 * @param aside on the file system of `to`, for the copy
 */
export async function move({ files }: MovingEffects, from: Buffer, to: Buffer, aside: Buffer): Promise<void> {
  // Asked first: between two file systems a rename says EXDEV even when there is nothing to rename.
  if ((await files.stat(from)) === undefined) return;
  try {
    await files.rename(from, to);
  } catch (thrown) {
    if (errnoOf(thrown) !== 'EXDEV') throw thrown;
    await copyOne({ files }, from, to, aside);
    await files.remove(from);
  }
}

export interface Journey {
  readonly tree: 'failed' | 'done';
  readonly batch: string;
  /** Below the tree. */
  readonly path: Buffer;
  /** The directory to be moved; undefined when a copy of it is under way already (`underWay`). */
  readonly from: Buffer | undefined;
}

/** The whole copy of a directory that is moved across file systems; it exists only complete, and from then on the original may go. */
async function copyPlace(fx: MovingEffects, root: RootConfig, tree: Journey['tree'], batch: string): Promise<Buffer> {
  return joinPath(await deskOf(fx, root, tree, batch), 'moving');
}

/** Whether a move across file systems was interrupted after its copy was complete. */
export async function underWay(fx: MovingEffects, root: RootConfig, tree: Journey['tree'], batch: string): Promise<boolean> {
  return (await fx.files.stat(await copyPlace(fx, root, tree, batch))) !== undefined;
}

/**
 * Moves a directory to its path below `failed` or `done`; `name~2` when that is taken. Across file systems a copy is completed on the other side
 * and the original removed before it appears, so that a kill at any point leaves exactly one of the two to go on with.
 * @param before called with source and target before the rename that makes it appear
 */
export async function moveInto(
  fx: MovingEffects,
  root: RootConfig,
  journey: Journey,
  before: (source: Buffer, target: Buffer) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const { files } = fx;
  const { tree, batch, from } = journey;
  const copy = await copyPlace(fx, root, tree, batch);
  let source = from;
  if ((await files.stat(copy)) !== undefined) {
    if (from !== undefined) await files.remove(from);
    source = copy;
  }
  while (source !== undefined) {
    const target = await freePath(fx, root, journey);
    await files.makeDirectory(directoryName(target));
    await before(source, target);
    try {
      await files.rename(source, target);
      return;
    } catch (thrown) {
      if (errnoOf(thrown) !== 'EXDEV' || source === copy) throw thrown;
      await copyOver(fx, source, copy);
      await files.remove(source);
      source = copy;
    }
  }
}

/**
 * A free path below the tree: the one that is wanted, or with numbers. Never inside the directory of another batch, which may be collected, retried
 * or retired as a whole: `a~2/b` where `a` is one.
 */
async function freePath(fx: MovingEffects, root: RootConfig, { tree, path }: Journey): Promise<Buffer> {
  let place: Buffer = Buffer.from(root[tree]);
  for (let start = 0; start <= path.length;) {
    const slash = path.indexOf(0x2f, start);
    const end = slash < 0 ? path.length : slash;
    const name = path.subarray(start, end);
    for (let n = 1; ; n++) {
      const candidate = joinPath(place, n === 1 ? name : Buffer.concat([name, Buffer.from(`~${n}`)]));
      const info = await fx.files.stat(candidate);
      if (info !== undefined && (end === path.length || info.kind !== 'directory' || (await isBatch(fx, root, tree, candidate)))) continue;
      place = candidate;
      break;
    }
    start = end + 1;
  }
  return place;
}

async function isBatch(fx: MovingEffects, root: RootConfig, tree: Journey['tree'], directory: Buffer): Promise<boolean> {
  if (tree === 'done') return await isNoted(fx, root, directory);
  return (await fx.files.stat(joinPath(directory, ownNames.failed))) !== undefined;
}

async function copyOver(fx: MovingEffects, from: Buffer, copy: Buffer): Promise<void> {
  const { files } = fx;
  const part = Buffer.concat([copy, Buffer.from('.part')]);
  await files.makeDirectory(directoryName(copy), 0o700);
  await files.remove(part);
  await copyTree(fx, from, part);
  await files.rename(part, copy);
}
