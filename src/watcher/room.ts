import { SealError } from '../errors.ts';
import { readableSize } from '../formats/sizes.ts';
import type { Config, RootConfig } from '../model/config.ts';
import type { Effects } from '../ports/effects.ts';

/** Inodes that stay free besides those that a batch needs. */
const spareInodes = 64;

/** What a batch will still write. */
export interface Need {
  readonly bytes: number;
  readonly files: number;
}

/**
 * Whether every file system that a batch touches keeps `minFree` after it: the data directory and the four trees. Undefined: there is room.
 * Asked before a signature is spent; the batch waits and goes on by itself.
 */
export async function lackOfRoom(
  { files }: Pick<Effects, 'files'>,
  config: Pick<Config, 'dataDir'>,
  root: RootConfig,
  need: Need = { bytes: 0, files: 0 },
): Promise<SealError | undefined> {
  const seen = new Set<string>();
  for (const path of [config.dataDir, root.path, root.incoming, root.outgoing, root.done, root.failed]) {
    const device = (await files.stat(path))?.device;
    if (device === undefined || seen.has(device)) continue;
    seen.add(device);
    const { freeBytes, freeInodes } = await files.space(path);
    const short = root.minFree + need.bytes - freeBytes;
    if (short > 0)
      return new SealError(
        'SEAL-DISK-FULL',
        `${readableSize(short)} too little room for a batch of ${readableSize(need.bytes)} and minFree of ${readableSize(root.minFree)}`,
        {
          where: path,
          hint: 'make room, or lower minFree of the root; work goes on by itself',
        },
      );
    if (freeInodes < need.files + spareInodes)
      return new SealError('SEAL-DISK-FULL', `only ${freeInodes} inodes are free for ${need.files} files`, {
        where: path,
        hint: 'remove files on this file system; work goes on by itself',
      });
  }
  return undefined;
}
