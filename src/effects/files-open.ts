import { closeSync, constants, fstatSync, openSync, type BigIntStats } from 'node:fs';
import { SealError } from '../errors.ts';
import type { FileInfo, FileKind, Path } from '../ports/files.ts';
import { diskError, shown } from './files-errors.ts';

/** Reading never follows a link and never waits for the other end of a FIFO. */
export const openForReading = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** A new file and nothing else: what is there already is an error, a link too. */
export const openNew = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** For opendir: names as bytes. Node's types say that names are strings; with this encoding they are Buffers, as `readdir` types them. */
export const asBytes: { readonly encoding: BufferEncoding; readonly bufferSize: number } = {
  encoding: 'buffer' as BufferEncoding,
  bufferSize: 512,
};

/** The name of an entry of a directory that was opened with `asBytes`. */
export function nameOf(entry: { readonly name: unknown }): Buffer {
  if (!Buffer.isBuffer(entry.name)) throw new TypeError('a directory was opened without asBytes');
  return entry.name;
}

/** What lstat or fstat saw. */
export function fileInfo(stats: BigIntStats): FileInfo {
  return {
    kind: kindOf(stats),
    size: Number(stats.size),
    mtimeNs: String(stats.mtimeNs),
    ctimeNs: String(stats.ctimeNs),
    inode: String(stats.ino),
    device: String(stats.dev),
    uid: Number(stats.uid),
    mode: Number(stats.mode) & 0o7777,
    links: Number(stats.nlink),
  };
}

/** The part of a Stats or Dirent that tells what it is. */
export interface Kinds {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
  isFIFO(): boolean;
  isSocket(): boolean;
}

export function kindOf(entry: Kinds): FileKind {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'directory';
  if (entry.isSymbolicLink()) return 'symlink';
  if (entry.isFIFO()) return 'fifo';
  return entry.isSocket() ? 'socket' : 'device';
}

export function notRegular(path: Path, kind: FileKind): SealError {
  return new SealError('SEAL-DOC-TYPE', `not a regular file but a ${kind}`, { where: shown(path), hint: 'put the file itself there' });
}

export interface OpenedFile {
  readonly descriptor: number;
  readonly stats: BigIntStats;
}

/** Opens a regular file and nothing else. @throws SealError SEAL-DOC-TYPE, SEAL-INPUT-MISSING, SEAL-DISK-* */
export function openRegular(path: Path): OpenedFile {
  let descriptor: number;
  try {
    descriptor = openSync(path, openForReading);
  } catch (cause) {
    throw diskError(cause, path, 'open the file');
  }
  try {
    const stats = fstatSync(descriptor, { bigint: true });
    if (!stats.isFile()) throw notRegular(path, kindOf(stats));
    return { descriptor, stats };
  } catch (cause) {
    closeSync(descriptor);
    throw diskError(cause, path, 'look at the file');
  }
}
