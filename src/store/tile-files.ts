import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { asSealError, errnoOf, SealError } from '../errors.ts';
import { digestLengths } from '../formats/digests.ts';
import { checkOffset, damagedTile, fileHashes, nodesOfLevel, tileFileName, tileFileSize, tileHashes } from '../formats/tile-file.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { TileFile } from '../model/archive.ts';

/** A tree whose hashes lie in files. */
export interface FiledTree {
  readonly id: string;
  readonly digest: DigestAlgorithm;
  readonly leaves: number;
}

/** Reads tile files (docs/archive-format.md). Every tile that is read is compared with its check. */
export interface TileFiles {
  /**
   * Hashes of a level from `first` on, concatenated; fewer than `count` at the end.
   * @throws SealError SEAL-STORE-CORRUPT for a file that is missing, cut or changed, naming it and the tile; SEAL-DISK-IO
   */
  read(tree: FiledTree, level: number, first: number, count: number): Buffer;
  /** Reads a whole file. @returns what is wrong with it */
  damage(tree: Pick<FiledTree, 'id' | 'digest'>, file: TileFile): string | undefined;
}

const openFiles = 64;
const pieceSize = 1 << 20;

/** @param directory `tiles` of the data directory; need not be there while no tree is in files */
export function tileFiles(directory: string): TileFiles {
  const descriptors = new Map<string, number>();

  /** The least recently used one is closed. */
  const descriptorOf = (path: string): number => {
    const known = descriptors.get(path);
    descriptors.delete(path);
    const descriptor = known ?? openSync(path, 'r');
    descriptors.set(path, descriptor);
    const [oldest] = descriptors;
    if (descriptors.size > openFiles && oldest !== undefined) {
      descriptors.delete(oldest[0]);
      closeSync(oldest[1]);
    }
    return descriptor;
  };

  /** What was put back is opened anew. */
  const forget = (path: string): void => {
    const descriptor = descriptors.get(path);
    descriptors.delete(path);
    if (descriptor !== undefined) closeSync(descriptor);
  };

  const readAt = (path: string, at: number, length: number): Buffer => {
    const bytes = Buffer.allocUnsafeSlow(length);
    try {
      const descriptor = descriptorOf(path);
      for (let done = 0; done < length;) {
        const count = readSync(descriptor, bytes, done, length - done, at + done);
        if (count === 0) throw corrupt(path, 'ends too early');
        done += count;
      }
    } catch (thrown) {
      forget(path);
      throw readError(thrown, path);
    }
    return bytes;
  };

  /** Tiles `from` to `end - 1` of a file that holds `held` hashes. */
  const tiles = (path: string, size: number, held: number, from: number, end: number): Buffer => {
    const first = from * tileHashes * size;
    const hashes = readAt(path, first, Math.min(end * tileHashes, held) * size - first);
    const checks = readAt(path, checkOffset(held, size, from), checkOffset(held, size, end) - checkOffset(held, size, from));
    const damaged = damagedTile(hashes, checks, size);
    if (damaged < 0) return hashes;
    forget(path);
    throw corrupt(path, `has changed: its hashes from ${(from + damaged) * tileHashes} on are not those that were written`);
  };

  return {
    read: ({ id, digest, leaves }, level, first, count) => {
      const size = digestLengths[digest];
      const nodes = nodesOfLevel(leaves, level);
      const end = Math.min(first + count, nodes);
      if (first < 0 || end <= first || (level > 0 && nodes === 1)) return Buffer.alloc(0);
      const hashes = Buffer.allocUnsafeSlow((end - first) * size);
      for (let base = first - (first % fileHashes); base < end; base += fileHashes) {
        const [from, to] = [Math.max(first, base) - base, Math.min(end, base + fileHashes) - base];
        const tile = Math.floor(from / tileHashes);
        const path = join(directory, id, tileFileName(level, base));
        const read = tiles(path, size, Math.min(fileHashes, nodes - base), tile, Math.ceil(to / tileHashes));
        read.copy(hashes, (base + from - first) * size, (from - tile * tileHashes) * size, (to - tile * tileHashes) * size);
      }
      return hashes;
    },
    damage: ({ id, digest }, { level, first, count, sha256 }) => {
      const path = join(directory, id, tileFileName(level, first));
      try {
        const length = fstatSync(descriptorOf(path)).size;
        if (length !== tileFileSize(count, digestLengths[digest])) return corrupt(path, 'is of another size than was written').message;
        const hash = createHash('sha256');
        for (let at = 0; at < length; at += pieceSize) hash.update(readAt(path, at, Math.min(pieceSize, length - at)));
        return hash.digest().equals(sha256) ? undefined : corrupt(path, 'has changed').message;
      } catch (thrown) {
        return readError(thrown, path).message;
      }
    },
  };
}

function corrupt(path: string, what: string, cause?: unknown): SealError {
  return new SealError('SEAL-STORE-CORRUPT', `${path} ${what}`, {
    where: path,
    hint: 'tile files never change: put back this file from any backup of the data directory (docs/operations.md)',
    ...(cause === undefined ? {} : { cause }),
  });
}

function readError(thrown: unknown, path: string): SealError {
  const errno = errnoOf(thrown);
  if (errno === undefined) return asSealError(thrown);
  if (errno === 'ENOENT' || errno === 'ENOTDIR') return corrupt(path, 'is missing', thrown);
  return new SealError('SEAL-DISK-IO', `${path} cannot be read: ${errno}`, {
    where: path,
    hint: 'look at the kernel log for the disk, and at owner and mode of the file',
    cause: thrown,
  });
}
