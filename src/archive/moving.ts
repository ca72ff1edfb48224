import { errnoOf } from '../errors.ts';
import { baseName, directoryName, joinPath } from '../formats/names.ts';
import type { RootConfig } from '../model/config.ts';
import type { Effects } from '../ports/effects.ts';
import { copyTree } from './copy-tree.ts';
import { deskOf } from './delivery.ts';

type MovingEffects = Pick<Effects, 'files'>;

/** A rename; across file systems a copy that is on disk before the original goes. What is not there was moved before. */
export async function move({ files }: MovingEffects, from: Buffer, to: Buffer): Promise<void> {
  // Asked first: between two file systems a rename says EXDEV even when there is nothing to rename.
  if ((await files.stat(from)) === undefined) return;
  try {
    await files.rename(from, to);
  } catch (thrown) {
    if (errnoOf(thrown) !== 'EXDEV') throw thrown;
    // What a kill left is no whole copy as long as the original is there.
    await files.remove(to);
    await copyTree({ files }, from, to);
    await files.syncDirectory(directoryName(to));
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
  const { tree, batch, path, from } = journey;
  const parent = joinPath(root[tree], directoryName(path));
  await files.makeDirectory(parent);
  const copy = await copyPlace(fx, root, tree, batch);
  let source = from;
  if ((await files.stat(copy)) !== undefined) {
    if (from !== undefined) await files.remove(from);
    source = copy;
  }
  while (source !== undefined) {
    const target = await freeName(fx, parent, baseName(path));
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

async function freeName({ files }: MovingEffects, parent: Buffer, name: Buffer): Promise<Buffer> {
  for (let n = 1; ; n++) {
    const target = joinPath(parent, n === 1 ? name : Buffer.concat([name, Buffer.from(`~${n}`)]));
    if ((await files.stat(target)) === undefined) return target;
  }
}

async function copyOver(fx: MovingEffects, from: Buffer, copy: Buffer): Promise<void> {
  const { files } = fx;
  const part = Buffer.concat([copy, Buffer.from('.part')]);
  await files.makeDirectory(directoryName(copy), 0o700);
  await files.remove(part);
  await copyTree(fx, from, part);
  await files.rename(part, copy);
}
