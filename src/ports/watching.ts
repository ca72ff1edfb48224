import type { FileKind, Path } from './files.ts';

/** What is watched: the `incoming` tree of one root, and what in it matters. Plain data: it crosses to a worker thread. */
export interface WatchedTree {
  /** Name of the root. */
  readonly name: string;
  readonly incoming: Path;
  readonly approval: 'semaphore' | 'quiet';
  /** File name or glob of the approval semaphore. */
  readonly semaphore: string;
  /** `auto`: events, unless the file system is known not to report what other machines do. */
  readonly watch: 'auto' | 'events' | 'poll';
}

/** A directory that holds an approval semaphore (or, in quiet mode, any direct child of incoming). */
export interface ApprovedDirectory {
  /** Below incoming. */
  readonly relPath: Buffer;
  /** Name of the semaphore; empty in quiet mode. */
  readonly semaphore: Buffer;
}

/** A name that looks as if it were meant as a semaphore and is not one. */
export interface NearMiss {
  /** Directory below incoming; empty: incoming itself. */
  readonly relPath: Buffer;
  readonly found: Buffer;
  /** Plain words: what was found and what is expected. */
  readonly message: string;
}

export interface SweepReport {
  readonly approved: readonly ApprovedDirectory[];
  /** The first hundred. */
  readonly nearMisses: readonly NearMiss[];
  readonly directories: number;
  /** ms */
  readonly took: number;
  readonly mode: 'events' | 'poll';
  /** Why a tree that should be watched by events is polled. */
  readonly fallback?: string;
  /** Directories that cannot be read, the first ten: `path: reason`. */
  readonly unreadable: readonly string[];
}

/** Everything below a directory, condensed: two equal ones mean that names, kinds, sizes and times are the same. */
export interface TreeSnapshot {
  readonly fingerprint: string;
  readonly files: number;
  readonly bytes: number;
  /** Relative paths (latin1 of the bytes) of what is not a directory, when they were asked for; cut off at `names` + 1. */
  readonly names?: readonly string[];
}

/**
 * A hint: `approved` may be a batch now, or something moved inside it. Hints come early, late, twice or not at all; the sweep is the truth.
 */
export type WatchHint = (approved: ApprovedDirectory) => void;

export interface TreeWatch {
  /** One pass over the whole tree; cheap where nothing changed. The first one is complete when `open` resolves. */
  sweep(): Promise<SweepReport>;
  close(): Promise<void>;
}

/** Watching of directory trees, in worker threads, so that a slow file server stops neither the daemon nor the other roots. */
export interface Watching {
  /** @throws SealError SEAL-ROOT-UNUSABLE when incoming is not there or cannot be read */
  open(tree: WatchedTree, hint: WatchHint): Promise<{ readonly watch: TreeWatch; readonly first: SweepReport }>;
  /** Undefined when there is no such directory. @param names ask for names, at most so many */
  snapshot(directory: Path, names?: number): Promise<TreeSnapshot | undefined>;
  close(): Promise<void>;
}

/**
 * The synchronous part of a file system that looking through directories needs; for worker threads. Throws errno errors.
 * Paths and names are the latin1 form of their bytes: with 100,000 directories strings are half the memory of Buffers.
 */
export interface DirectoryReader {
  /** Undefined when there is no directory of this name. @param follow a link to a directory counts */
  look(path: string, follow: boolean): { readonly inode: number; readonly mtime: number; readonly size: number } | undefined;
  /** Names in the order of the file system. @param size of the directory itself, bytes: very large ones are read piece by piece */
  entries(path: string, size: number): Iterable<readonly [string, FileKind]>;
  /** Tells of names that came or went; undefined: something did, nobody knows what. `owner` comes back: no closure for each directory. */
  watch<Owner extends object>(path: string, owner: Owner, changed: (owner: Owner, name: string | undefined) => void): { close(): void };
}
