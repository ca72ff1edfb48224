import { lstatSync, opendirSync, readdirSync, statfsSync, statSync, watch } from 'node:fs';
import type { FileKind } from '../ports/files.ts';
import type { DirectoryReader, TreeSnapshot } from '../ports/watching.ts';
import { errnoOf } from '../errors.ts';
import { digestOf } from '../formats/digests.ts';
import { asBytes, kindOf, nameOf } from './files-open.ts';

/** A directory larger than this (bytes of its own) is read piece by piece. */
const largeDirectory = 4 << 20;

/** The directories of this machine, synchronously: for worker threads only. */
export const directoryReader: DirectoryReader = {
  look(path, follow) {
    const stats = follow ? statSync(native(path), { throwIfNoEntry: false }) : lstatSync(native(path), { throwIfNoEntry: false });
    return stats?.isDirectory() === true ? { inode: stats.ino, mtime: stats.mtimeMs, size: stats.size } : undefined;
  },
  entries: (path, size) => (size > largeDirectory ? piecewise(path) : atOnce(path)),
  watch(path, owner, changed) {
    const watcher = watch(native(path), { encoding: 'latin1', persistent: false });
    const told: Told = { owner, changed: changed as Told['changed'], emit: tell, _events: undefined };
    Object.assign(watcher, told);
    return watcher;
  },
};

/**
 * What a watcher holds in place of listeners: one method for all of them, and no table of events, which takes 280 bytes each. Only memory depends on
 * the name `_events`: with `emit` its own nothing reads the table.
 */
interface Told {
  readonly owner: object;
  readonly changed: (owner: object, name: string | undefined) => void;
  readonly emit: (event: string, ...args: readonly unknown[]) => boolean;
  readonly _events: undefined;
}

function tell(this: Told, event: string, type?: unknown, name?: unknown): boolean {
  // `change` of a name is about the content of a file: settling looks at that.
  if (event === 'error') this.changed(this.owner, undefined);
  else if (event === 'change' && (type === 'rename' || name === null))
    this.changed(this.owner, typeof name === 'string' ? name : undefined);
  return true;
}

const beyondAscii = /[^\0-\x7f]/;

/** A path for node:fs: plain text stays a string, which is faster; other bytes become a Buffer. */
function native(latin1: string): string | Buffer {
  return beyondAscii.test(latin1) ? Buffer.from(latin1, 'latin1') : latin1;
}

function* atOnce(path: string): Generator<readonly [string, FileKind], void> {
  const place = native(path);
  if (typeof place === 'string') {
    for (const entry of readdirSync(place, { encoding: 'latin1', withFileTypes: true })) yield [entry.name, kindOf(entry)];
    return;
  }
  // Both as bytes: where the file system tells no kinds, Node joins the two.
  for (const entry of readdirSync(place, { encoding: 'buffer', withFileTypes: true })) yield [entry.name.toString('latin1'), kindOf(entry)];
}

function* piecewise(path: string): Generator<readonly [string, FileKind], void> {
  const directory = opendirSync(Buffer.from(path, 'latin1'), asBytes);
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync())
      yield [nameOf(entry).toString('latin1'), kindOf(entry)];
  } finally {
    directory.closeSync();
  }
}

/** File systems on which another machine's changes raise no event here: NFS, SMB, 9P, FUSE, Ceph, AFS, Lustre, GPFS, OCFS2, GFS2, VirtualBox. */
const shared = new Set([
  0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x01021997, 0x65735546, 0x00c36400, 0x5346414f, 0x0bd00bd0, 0x47504653, 0x7461636f, 0x01161970,
  0x786f4256,
]);

/** Whether a directory lies on a file system that other machines may change. */
export function isShared(path: string): boolean {
  try {
    return shared.has(statfsSync(native(path)).type >>> 0);
  } catch {
    return false;
  }
}

/** Entries looked at between two points at which a snapshot can be put aside. */
const stretch = 500;

/**
 * Names, kinds, sizes and times of everything below a directory, condensed; in any order of reading the same. Undefined when it is not there.
 * What vanishes while it is read is left out: the next snapshot differs.
 */
export function* snapshotOf(directory: string, names?: number): Generator<void, TreeSnapshot | undefined> {
  const top = directoryReader.look(directory, false);
  if (top === undefined) return undefined;
  const sum = Buffer.alloc(32);
  const listed: string[] = [];
  let files = 0;
  let bytes = 0;
  let seen = 0;
  const stack = [{ below: '', size: top.size }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { below, size } = next;
    for (const [name, kind] of present(() => directoryReader.entries(`${directory}/${below}`, size))) {
      const path = `${below}${name}`;
      const stats = lstatSync(native(`${directory}/${path}`), { throwIfNoEntry: false });
      if (stats === undefined) continue;
      if (kind === 'directory') stack.push({ below: `${path}/`, size: stats.size });
      else {
        files++;
        bytes += stats.size;
        if (names !== undefined && listed.length <= names) listed.push(path);
      }
      // A directory's own time says nothing that its names do not say.
      const times = kind === 'directory' ? '' : `${stats.size} ${stats.mtimeMs}`;
      add(sum, digestOf('sha256', Buffer.from(`${path}\0${kind} ${stats.ino} ${times}`, 'latin1')));
      if (++seen % stretch === 0) yield;
    }
  }
  return { fingerprint: sum.toString('base64'), files, bytes, ...(names === undefined ? {} : { names: listed }) };
}

/** A directory that vanished has no entries; one that cannot be read is an error. */
function* present(list: () => Iterable<readonly [string, FileKind]>): Generator<readonly [string, FileKind], void> {
  try {
    yield* list();
  } catch (thrown) {
    if (errnoOf(thrown) !== 'ENOENT') throw thrown;
  }
}

/** Addition mod 2^32 in each of eight words: the order of the entries does not matter, equal ones do not cancel out. */
function add(sum: Buffer, digest: Buffer): void {
  for (let at = 0; at < sum.length; at += 4) sum.writeUInt32LE((sum.readUInt32LE(at) + digest.readUInt32LE(at)) >>> 0, at);
}
