import { constants, copyFileSync } from 'node:fs';
import { diskError } from './files-errors.ts';

/** What is to be copied: opened, so that it stays what it is. */
export interface ReflinkSource {
  readonly descriptor: number;
  /** Of its file system. */
  readonly device: bigint;
  /** For messages. */
  readonly path: Buffer;
}

// File systems that were found not to share blocks.
const noReflink = new Set<bigint>();
const descriptors = process.platform === 'linux' ? '/proc/self/fd' : undefined;

/**
 * Shares the blocks of the source with a new file where the file system can (btrfs, XFS, NFS 4.2). The source is named by its open
 * descriptor: what was looked at is what is copied, whatever happens to the path meanwhile.
 * @returns false when it cannot: the bytes are to be copied
 * @throws SealError SEAL-DISK-* when the target exists, or the disk is full or broken
 */
export function reflink({ descriptor, device, path }: ReflinkSource, target: Buffer): boolean {
  if (descriptors === undefined || noReflink.has(device)) return false;
  try {
    copyFileSync(`${descriptors}/${descriptor}`, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch (cause) {
    const errno = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (errno === 'EEXIST') throw diskError(cause, target, 'create the file');
    if (errno === 'ENOSPC' || errno === 'EDQUOT' || errno === 'EIO') throw diskError(cause, path, 'copy the file');
    noReflink.add(device);
    return false;
  }
}
