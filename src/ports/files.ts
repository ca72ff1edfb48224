import type { AnyDigest, DigestAlgorithm } from '../model/algorithms.ts';
import type { OutputPart } from './bytes.ts';

/** A path is bytes: a name that is not UTF-8 exists all the same. A string means its UTF-8 bytes. */
export type Path = string | Buffer;

export type FileKind = 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'device';

export interface FileInfo {
  readonly kind: FileKind;
  readonly size: number;
  /** ns since the epoch, as a bigint turned into a decimal string: exact, and survives JSON. */
  readonly mtimeNs: string;
  /** Like mtimeNs; the kernel sets it at every change of content, times, mode or links, and nobody else can. */
  readonly ctimeNs: string;
  readonly inode: string;
  readonly device: string;
  readonly uid: number;
  readonly mode: number;
  readonly links: number;
}

export interface DirectoryEntry {
  readonly name: Buffer;
  readonly kind: FileKind;
}

export interface CopiedFile {
  readonly size: number;
  readonly digests: ReadonlyMap<DigestAlgorithm, Buffer>;
  /** The source as fstat saw it on the open descriptor before the first and after the last byte. */
  readonly before: FileInfo;
  readonly after: FileInfo;
}

export interface WrittenFile {
  readonly size: number;
  readonly digest: Buffer;
}

export interface DiskSpace {
  readonly freeBytes: number;
  readonly totalBytes: number;
  /** Number.MAX_SAFE_INTEGER where the file system makes inodes as it needs them. */
  readonly freeInodes: number;
}

/**
 * The file system. Every call takes and gives bytes as names. Errors are SealErrors: `SEAL-DISK-FULL` (ENOSPC, EDQUOT),
 * `SEAL-DISK-READONLY` (EROFS), `SEAL-DISK-IO` (EIO and the rest), `SEAL-INPUT-MISSING` (ENOENT), each with the errno
 * error as its cause; the path stands escaped in `where`.
 */
export interface Files {
  /** lstat: never follows a link. Undefined when there is nothing. */
  stat(path: Path): Promise<FileInfo | undefined>;
  /** Iterates, so that a directory of a million names stays small in memory. Order is the file system's. */
  list(path: Path): AsyncIterable<DirectoryEntry>;
  /** Reads a small regular file with O_NOFOLLOW | O_NONBLOCK; longer than `maxBytes` is `SEAL-DOC-LIMIT`, not a file `SEAL-DOC-TYPE`. */
  read(path: Path, maxBytes: number): Promise<Buffer>;
  /** A piece of a regular file, opened like `read`; shorter only at its end. Small: it is held in memory. */
  readAt(path: Path, offset: number, length: number): Promise<Buffer>;
  /**
   * Copies a regular file (O_NOFOLLOW, O_NONBLOCK, fstat before the first read) to a new file (O_EXCL, mode 0600), hashing the bytes
   * that are written. Reflink where the file system has it. Off the main thread; does not fsync (`sync` does, once per batch).
   */
  copyHashed(source: Path, target: Path, algorithms: readonly DigestAlgorithm[], signal?: AbortSignal): Promise<CopiedFile>;
  /** Writes a new file (O_EXCL, default mode 0644) from parts; ranges are copied from `source`. Returns its digest and size. No fsync. */
  assemble(
    target: Path,
    parts: readonly OutputPart[],
    source: Path,
    algorithm: DigestAlgorithm,
    signal?: AbortSignal,
    mode?: number,
  ): Promise<WrittenFile>;
  /** Makes a symbolic link like another one. Never followed, never replaces. No fsync. */
  copyLink(source: Path, target: Path): Promise<void>;
  /** Writes a new file (O_EXCL) from pieces as they come: a report of a million lines is never in memory as a whole. No fsync. */
  create(target: Path, pieces: AsyncIterable<Uint8Array>, algorithm: DigestAlgorithm): Promise<WrittenFile>;
  /** Digests of a regular file, off the main thread. */
  digest(path: Path, algorithms: readonly AnyDigest[], signal?: AbortSignal): Promise<ReadonlyMap<AnyDigest, Buffer>>;
  /** Temporary file beside it, fsync, rename into place, fsync of the directory: there whole or not at all. */
  writeDurable(path: Path, bytes: Uint8Array, mode?: number): Promise<void>;
  /** Like `writeDurable`, but never replaces: false, and nothing changed, when something of that name is there. Of two callers one wins. */
  claimDurable(path: Path, bytes: Uint8Array, mode?: number): Promise<boolean>;
  /** mkdir -p; new directories get `mode` (default 0755) and are fsynced with their parents. */
  makeDirectory(path: Path, mode?: number): Promise<void>;
  /**
   * Directories made in this one from now on lie apart from each other on disk, so that thousands of files made and removed in one do not slow down
   * the others. A hint to the file system; never fails.
   */
  spread(path: Path): Promise<void>;
  /** Rename on one file system; parents' directories fsynced. EXDEV is `SEAL-DISK-IO` with cause.code 'EXDEV'. */
  rename(from: Path, to: Path): Promise<void>;
  /** Everything below (files and directories) is on disk when it resolves. */
  syncTree(path: Path): Promise<void>;
  syncDirectory(path: Path): Promise<void>;
  /** Removes a file or a tree; nothing there is fine. Never follows a link. */
  remove(path: Path): Promise<void>;
  space(path: Path): Promise<DiskSpace>;
}
