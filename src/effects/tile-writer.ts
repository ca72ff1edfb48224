import { createHash, type Hash } from 'node:crypto';
import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync, readSync, renameSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SealError } from '../errors.ts';
import { fileHashes, tileChecks, tileFileName, tileFileSize, tileHashes } from '../formats/tile-file.ts';
import type { TileFile } from '../model/archive.ts';
import { diskError } from './files-errors.ts';

/** Bytes that stay free for the database, which may have a day to close. */
const reserve = 64 << 20;
const pieceSize = 1 << 20;

interface OpenFile {
  readonly path: string;
  readonly descriptor: number;
  readonly level: number;
  readonly first: number;
  readonly hash: Hash;
  readonly checks: Buffer[];
  bytes: number;
}

/**
 * Writes the tile files of one tree (docs/archive-format.md), synchronously, for a thread of its own. Each file is written under another name,
 * synced, read back, renamed. What an interrupted writing left is replaced: a closed tree always gives the same bytes.
 */
export class TileWriter {
  readonly #directory: string;
  readonly #size: number;
  readonly #written: TileFile[] = [];
  #file: OpenFile | undefined;

  /**
   * @param directory of the tree; made with its parent @param size bytes of a hash
   * @throws SealError SEAL-DISK-FULL when there is no room for all of it, SEAL-DISK-*
   */
  constructor(directory: string, size: number, leaves: number) {
    this.#directory = directory;
    this.#size = size;
    this.#do(directory, 'create the directory', () => {
      for (const path of [dirname(directory), directory]) {
        mkdirSync(path, { recursive: true, mode: 0o700 });
        // Also where it is there: whoever made it may have been killed before this.
        syncDirectory(dirname(path));
      }
      const { bavail, bsize } = statfsSync(directory);
      // The kept levels are less than a 255th of the leaves.
      const wanted = Math.ceil(tileFileSize(leaves, size) * 1.005) + reserve;
      if (bavail * bsize >= wanted) return;
      throw new SealError('SEAL-DISK-FULL', `tile files of ${leaves} leaves need ${wanted} bytes, ${bavail * bsize} are free`, {
        where: directory,
        hint: 'make room on this file system; until then the hashes stay in the database',
      });
    });
  }

  /** The next hashes of a level, from its first node on. Only the last piece of a level may end within a tile. */
  add(level: number, hashes: Buffer): void {
    for (let at = 0; at < hashes.length;) {
      const file = this.#open(level);
      const piece = hashes.subarray(at, at + fileHashes * this.#size - file.bytes);
      this.#do(file.path, 'write the file', () => {
        this.#append(file, piece);
      });
      file.checks.push(tileChecks(piece, this.#size));
      file.bytes += piece.length;
      at += piece.length;
      if (file.bytes === fileHashes * this.#size) this.#complete();
    }
  }

  /** All files, on disk under their names. */
  finish(): readonly TileFile[] {
    this.#complete();
    this.#do(this.#directory, 'sync the directory', () => {
      syncDirectory(this.#directory);
    });
    return this.#written;
  }

  /** Gives up: nothing is left of the file under way. */
  abandon(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    closeSync(file.descriptor);
    rmSync(`${file.path}.tmp`, { force: true });
  }

  #open(level: number): OpenFile {
    if (this.#file !== undefined && this.#file.level !== level) this.#complete();
    if (this.#file !== undefined) return this.#file;
    const first = this.#written.reduce((sum, file) => (file.level === level ? sum + file.count : sum), 0);
    const path = join(this.#directory, tileFileName(level, first));
    this.#file = this.#do(path, 'create the file', (): OpenFile => {
      rmSync(`${path}.tmp`, { force: true });
      const descriptor = openSync(`${path}.tmp`, 'wx+', 0o600);
      return { path, descriptor, level, first, hash: createHash('sha256'), checks: [], bytes: 0 };
    });
    return this.#file;
  }

  #append({ descriptor, hash }: OpenFile, bytes: Buffer): void {
    hash.update(bytes);
    for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done);
  }

  #complete(): void {
    const file = this.#file;
    if (file === undefined) return;
    const { path, descriptor, level, first, bytes, hash } = file;
    const sha256 = this.#do(path, 'write the file', () => {
      this.#append(file, Buffer.concat(file.checks));
      fsyncSync(descriptor);
      const written = hash.digest();
      const length = bytes + Math.ceil(bytes / this.#size / tileHashes) * 4;
      if (!hashOf(descriptor, length).equals(written))
        throw new SealError('SEAL-DISK-IO', 'a tile file that was read back is not what was written', {
          where: path,
          hint: 'check the disk and the memory of this machine; the hashes stay in the database',
        });
      closeSync(descriptor);
      this.#file = undefined;
      // Nobody should write to it again.
      chmodSync(`${path}.tmp`, 0o400);
      renameSync(`${path}.tmp`, path);
      return written;
    });
    this.#written.push({ level, first, count: bytes / this.#size, sha256 });
  }

  /** After a failure nothing half-written is left. */
  #do<T>(path: string, doing: string, work: () => T): T {
    try {
      return work();
    } catch (thrown) {
      this.abandon();
      throw diskError(thrown, path, doing);
    }
  }
}

function hashOf(descriptor: number, length: number): Buffer {
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(pieceSize);
  for (let at = 0; at < length;) {
    const count = readSync(descriptor, piece, 0, Math.min(pieceSize, length - at), at);
    if (count === 0) break;
    hash.update(piece.subarray(0, count));
    at += count;
  }
  return hash.digest();
}

function syncDirectory(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
