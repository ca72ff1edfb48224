import { errnoOf, SealError } from '../errors.ts';
import { displayName } from '../formats/names.ts';
import { isGlob, nameMatcher } from '../formats/globs.ts';
import { reservedName } from '../formats/places.ts';
import type { FileKind } from '../ports/files.ts';
import type { DirectoryReader, NearMiss, SweepReport, WatchedTree, WatchHint } from '../ports/watching.ts';
import { nearMissCheck } from './near-miss.ts';
import { approvedOf, DirectoryTree, relativePath, type DirectoryNode } from './nodes.ts';

/** As everything here, `incoming` is the latin1 form of its bytes. */
export type ScannedTree = WatchedTree & { readonly incoming: string };

export interface ScanOptions {
  readonly mode: 'events' | 'poll';
  /** Why a tree that asks for events is polled. */
  readonly fallback?: string;
  readonly hint: WatchHint;
  /** Called when there is work for `step`. */
  readonly wake: () => void;
  /** ms; never jumps. */
  readonly monotonic: () => number;
}

/** ms after which two changes have different times on every file system (FAT: 2 s). */
const tick = 2_500;
/** Directories looked at in one step. */
const stretch = 200;
const nearMissLimit = 100;
const unreadableLimit = 10;

/**
 * The directories of one incoming tree: which hold a semaphore, kept up to date by one watch per directory and by passes over the mtimes.
 * Synchronous, in steps: it runs in a worker thread. Events are hints; a pass finds everything they missed.
 */
export class TreeScan {
  readonly #reader: DirectoryReader;
  readonly #watched: ScannedTree;
  readonly #options: ScanOptions;
  readonly #tree = new DirectoryTree();
  readonly #semaphore: (name: string) => boolean;
  readonly #nearMiss: (name: string, kind: FileKind) => string | undefined;
  /** New or doubtful directories; before the pass in turn. */
  readonly #explore: DirectoryNode[] = [];
  #pass: { readonly stack: DirectoryNode[]; readonly began: number; readonly done: (report: SweepReport | SealError) => void } | undefined;
  #passing = false;
  #mode: 'events' | 'poll';
  #fallback: string | undefined;

  readonly #changed = (node: DirectoryNode, name: string | undefined): void => {
    if (!node.gone) this.#onChange(node, name);
  };

  constructor(reader: DirectoryReader, watched: ScannedTree, options: ScanOptions) {
    this.#reader = reader;
    this.#watched = watched;
    this.#options = options;
    const quiet = watched.approval === 'quiet';
    const matches = nameMatcher(watched.semaphore);
    const check = nearMissCheck(watched.semaphore);
    const exact = isGlob(watched.semaphore) ? undefined : Buffer.from(watched.semaphore).toString('latin1');
    this.#semaphore = (name) => !quiet && (exact === undefined ? matches(bytes(name)) : name === exact);
    this.#nearMiss = (name, kind) => (quiet || (kind === 'directory' && name !== exact) ? undefined : check(bytes(name), kind));
    this.#mode = options.mode;
    this.#fallback = options.fallback;
  }

  /** Begins a pass over everything; one at a time. */
  sweep(done: (report: SweepReport | SealError) => void): void {
    this.#pass = { stack: [this.#tree.root], began: this.#options.monotonic(), done };
    this.#options.wake();
  }

  /** Works for a few milliseconds; true while there is more to do. */
  step(): boolean {
    for (let n = 0; n < stretch; n++) {
      const node = this.#explore.pop();
      if (node !== undefined) this.#visit(node);
      else if (!this.#passOn()) return false;
    }
    return true;
  }

  close(): void {
    this.#explore.length = 0;
    this.#pass = undefined;
    this.#tree.forgetBelow(this.#tree.root);
    this.#tree.unwatch(this.#tree.root);
    this.#tree.root.gone = true;
  }

  /** One directory of the pass; false when there is nothing to do. */
  #passOn(): boolean {
    const pass = this.#pass;
    if (pass === undefined) return false;
    const node = pass.stack.pop();
    if (node === undefined) {
      this.#pass = undefined;
      pass.done(this.#report(pass.began));
      return false;
    }
    try {
      if (node.parent === undefined) this.#demandIncoming();
    } catch (thrown) {
      if (!(thrown instanceof SealError)) throw thrown;
      this.#pass = undefined;
      pass.done(thrown);
      return false;
    }
    this.#passing = true;
    this.#visit(node);
    this.#passing = false;
    for (const child of node.children?.values() ?? []) pass.stack.push(child);
    return true;
  }

  #report(began: number): SweepReport {
    const { approved, nearMisses, unreadable, size } = this.#tree;
    return {
      approved: [...approved].map(approvedOf),
      nearMisses: [...nearMisses.values()].flat().slice(0, nearMissLimit),
      directories: size,
      took: this.#options.monotonic() - began,
      mode: this.#mode,
      ...(this.#fallback === undefined ? {} : { fallback: this.#fallback }),
      unreadable: [...unreadable].slice(0, unreadableLimit).map(([node, why]) => `${displayName(bytes(this.#pathOf(node)))}: ${why}`),
    };
  }

  #pathOf(node: DirectoryNode): string {
    return node.parent === undefined ? this.#watched.incoming : `${this.#watched.incoming}/${relativePath(node)}`;
  }

  #demandIncoming(): void {
    let cause: unknown;
    try {
      if (this.#reader.look(this.#watched.incoming, true)) return;
    } catch (thrown) {
      cause = thrown;
    }
    const { root } = this.#tree;
    this.#tree.forgetBelow(root);
    this.#tree.unwatch(root);
    root.mtime = -1;
    throw new SealError('SEAL-ROOT-UNUSABLE', `incoming cannot be used: ${errnoOf(cause) ?? 'there is no such directory'}`, {
      where: displayName(bytes(this.#watched.incoming)),
      hint: 'create it, mount its file system, or correct the path of the root',
      cause,
    });
  }

  /** Looks whether a directory is still there and reads it when it has changed. */
  #visit(node: DirectoryNode): void {
    if (node.gone) return;
    const path = this.#pathOf(node);
    try {
      const info = this.#reader.look(path, node.parent === undefined);
      if (info === undefined) this.#tree.forget(node);
      else this.#compare(node, path, info);
    } catch (cause) {
      if (errnoOf(cause) === 'ENOENT') this.#tree.forget(node);
      else this.#tree.unreadable.set(node, errnoOf(cause) ?? String(cause));
    }
  }

  #compare(node: DirectoryNode, path: string, info: NonNullable<ReturnType<DirectoryReader['look']>>): void {
    const replaced = node.inode !== info.inode;
    const changed = replaced || node.mtime !== info.mtime;
    if (!changed && node.seenAt === 0) return;
    const now = Math.ceil(this.#options.monotonic());
    if (replaced) this.#tree.unwatch(node);
    if (changed) node.seenAt = now;
    node.inode = info.inode;
    node.mtime = info.mtime;
    // In quiet mode a child of incoming is a batch, whatever is in it.
    if (this.#watched.approval === 'semaphore' || node.parent === undefined) this.#read(node, path, info.size);
    // Not before: an unreadable directory is tried each time.
    if (now - node.seenAt > tick) node.seenAt = 0;
  }

  /** Reads the names of a directory and what follows from them. Throws errno errors. */
  #read(node: DirectoryNode, path: string, size: number): void {
    this.#watch(node, path);
    const found: Found = { semaphore: undefined, directories: new Set(), nearMisses: [] };
    for (const [name, kind] of this.#reader.entries(path, size)) this.#sort(node, name, kind, found);
    this.#tree.unreadable.delete(node);
    if (found.semaphore !== undefined) {
      this.#approve(node, found.semaphore);
      return;
    }
    this.#tree.withdraw(node);
    if (found.nearMisses.length > 0) this.#tree.nearMisses.set(node, found.nearMisses);
    else this.#tree.nearMisses.delete(node);
    for (const child of node.children?.values() ?? []) if (!found.directories.has(child.name)) this.#tree.forget(child);
    for (const name of found.directories) this.#add(node, name);
  }

  #sort(node: DirectoryNode, name: string, kind: FileKind, found: Found): void {
    const incoming = node.parent === undefined;
    let message = this.#nearMiss(name, kind);
    if (kind === 'directory') {
      if (!incoming || name !== reservedName) found.directories.add(name);
    } else if (kind === 'file' && this.#semaphore(name)) {
      // Of several that match a glob always the same one.
      if (!incoming && (found.semaphore === undefined || name < found.semaphore)) found.semaphore = name;
      if (incoming) message = `“${displayName(bytes(name))}” lies in incoming itself; a batch is a directory below it`;
    }
    if (message === undefined || found.nearMisses.length >= nearMissLimit) return;
    found.nearMisses.push({ relPath: bytes(relativePath(node)), found: bytes(name), message });
  }

  #add(parent: DirectoryNode, name: string): void {
    const child = this.#tree.add(parent, name);
    if (child === undefined) return;
    if (this.#watched.approval === 'quiet') this.#approve(child, '');
    // A pass goes on to the children by itself.
    if (this.#passing) return;
    this.#explore.push(child);
    this.#options.wake();
  }

  #approve(node: DirectoryNode, semaphore: string): void {
    if (this.#tree.approve(node, semaphore)) this.#options.hint(approvedOf(node));
  }

  #watch(node: DirectoryNode, path: string): void {
    if (this.#mode === 'poll' || node.watcher !== undefined) return;
    try {
      node.watcher = this.#reader.watch(path, node, this.#changed);
    } catch (cause) {
      const errno = errnoOf(cause);
      // A directory that vanished or may not be read is the pass's business.
      if (errno === 'ENOSPC' || errno === 'EMFILE' || errno === 'ENOSYS') this.#fallBack(errno);
    }
  }

  /** Gives all watches of this tree back: half of them would cost other programs theirs and still need the passes. */
  #fallBack(errno: string): void {
    this.#mode = 'poll';
    this.#fallback =
      errno === 'ENOSYS'
        ? 'this system reports no changes of directories'
        : `the system's limit of watched directories is reached (${errno}): raise fs.inotify.max_user_${errno === 'EMFILE' ? 'instances' : 'watches'}`;
    for (const node of this.#tree.nodes()) this.#tree.unwatch(node);
  }

  /** A name came, went or became something else. */
  #onChange(node: DirectoryNode, name: string | undefined): void {
    if (name === undefined) {
      this.#lookAgain(node);
      return;
    }
    const directory = this.#lookUp(`${this.#pathOf(node)}/${name}`);
    const child = node.children?.get(name);
    if (child !== undefined && (directory === undefined || (child.inode !== 0 && child.inode !== directory.inode)))
      this.#tree.forget(child);
    if (directory !== undefined) {
      if (node.semaphore === undefined && (node.parent !== undefined || name !== reservedName)) this.#add(node, name);
    } else if (this.#semaphore(name) || this.#tree.nearMisses.has(node) || this.#nearMiss(name, 'file') !== undefined)
      this.#lookAgain(node);
  }

  #lookUp(path: string): ReturnType<DirectoryReader['look']> {
    try {
      return this.#reader.look(path, false);
    } catch {
      // A hint that leads nowhere; the pass tells what is wrong.
      return undefined;
    }
  }

  #lookAgain(node: DirectoryNode): void {
    node.mtime = -1;
    this.#explore.push(node);
    this.#options.wake();
  }
}

interface Found {
  semaphore: string | undefined;
  readonly directories: Set<string>;
  readonly nearMisses: NearMiss[];
}

function bytes(latin1: string): Buffer {
  return Buffer.from(latin1, 'latin1');
}
