import { SealError } from '../errors.ts';
import { displayName, joinPath } from '../formats/names.ts';
import type { Batch, BatchState } from '../model/batch.ts';
import type { RootConfig } from '../model/config.ts';
import type { Effects } from '../ports/effects.ts';
import { liesBelow } from './rules.ts';

/** States in which a batch has a claim on its place under outgoing although nothing is there yet. */
const underWay: readonly BatchState[] = ['admitted', 'signed', 'archived', 'staged', 'released'];
const mostNumbers = 10_000;

/**
 * The path under outgoing for a batch: the one it has, or with a number where the root numbers. Never one that exists, that another batch is
 * on its way to, or that lies inside the output of another batch. An error means: wait until it is free.
 */
export async function destination(
  { files, store }: Pick<Effects, 'files' | 'store'>,
  root: RootConfig,
  batch: Batch,
): Promise<Buffer | SealError> {
  const rivals = (await store.batches({ root: root.name, states: underWay }))
    .filter(({ id }) => id !== batch.id)
    .map(({ outPath }) => outPath);
  const occupied = async (path: Buffer): Promise<boolean> =>
    rivals.some((rival) => rival.equals(path)) || (await files.stat(joinPath(root.outgoing, path))) !== undefined;
  // What is in the way: the output itself, or a directory on the way that is an output, or no directory at all.
  const blocker = async (path: Buffer): Promise<Buffer | undefined> => {
    for (let at = path.indexOf(0x2f); at >= 0; at = path.indexOf(0x2f, at + 1)) {
      const above = path.subarray(0, at);
      const info = await files.stat(joinPath(root.outgoing, above));
      if (info !== undefined && info.kind !== 'directory') return above;
      if (rivals.some((rival) => rival.equals(above)) || (await files.stat(joinPath(root.outgoing, above, root.ready))) !== undefined)
        return above;
    }
    return (await occupied(path)) || rivals.some((rival) => liesBelow(rival, path)) ? path : undefined;
  };
  const blocked = await blocker(batch.outPath);
  if (blocked === undefined) return batch.outPath;
  if (root.onExisting === 'wait') return inTheWay(root, blocked);
  for (let number = 2; number <= mostNumbers; number++) {
    const path = renumber(batch.outPath, blocked, number);
    if ((await blocker(path)) === undefined) return path;
  }
  return inTheWay(root, blocked);
}

/** `a/b/c` with `a/b` blocked and 2: `a/b~2/c`. */
function renumber(path: Buffer, blocked: Buffer, number: number): Buffer {
  return Buffer.concat([path.subarray(0, blocked.length), Buffer.from(`~${number}`), path.subarray(blocked.length)]);
}

function inTheWay(root: RootConfig, path: Buffer): SealError {
  return new SealError('SEAL-BATCH-STATE', 'outgoing holds this path already, or another batch is on its way there', {
    where: displayName(joinPath(root.outgoing, path)),
    hint: 'collect and remove the earlier output; or set onExisting: number for the root',
  });
}
