import { constants } from 'node:fs';
import { open, opendir, stat, statfs } from 'node:fs/promises';
import { release } from 'node:os';
import { isUtf8, joinPath } from '../formats/names.ts';
import type { Path } from '../ports/files.ts';
import { FileSystemSync } from './file-system-sync.ts';
import { diskError } from './files-errors.ts';
import { asBytes, nameOf, openForReading } from './files-open.ts';

/** Files synced one by one up to this number; more of them go with one syncfs(2). Measured: docs/decisions/0005-syncing.md. */
const fewFiles = 32;
const parallel = 16;
/** File systems whose syncfs(2) means what it says: ext2–4, XFS, btrfs, tmpfs, F2FS, ZFS. Not FUSE and not the network ones. */
const trusted = new Set([0xef53, 0x58465342, 0x9123683e, 0x01021994, 0xf2f52010, 0x2fc12fc1]);

/** fsync of a directory: the names in it are on disk. A file system that has no such thing (EINVAL) needs none. */
export async function syncDirectory(path: Path): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY).catch((cause: unknown) => {
    throw diskError(cause, path, 'open the directory');
  });
  try {
    await handle.sync();
  } catch (cause) {
    const errno = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (errno !== 'EINVAL' && errno !== 'ENOTSUP') throw diskError(cause, path, 'sync the directory');
  } finally {
    await handle.close();
  }
}

/** fdatasync of one file. After an error the descriptor is closed and never tried again: the kernel forgets failed pages. */
async function syncFile(path: Path): Promise<void> {
  const handle = await open(path, openForReading).catch((cause: unknown) => {
    throw diskError(cause, path, 'open the file');
  });
  try {
    await handle.datasync();
  } catch (cause) {
    throw diskError(cause, path, 'sync the file');
  } finally {
    await handle.close();
  }
}

/** Everything below is on disk when it resolves: each file, then each directory, deepest first; or all at once where there are many. */
export async function syncTree(path: Path): Promise<void> {
  const files: Buffer[] = [];
  const directories: Buffer[] = [joinPath(path)];
  let known: boolean | undefined;
  // Directories are appended while the loop runs: parents come before their children.
  for (const directory of directories) {
    try {
      for await (const entry of await opendir(directory, asBytes)) {
        const child = joinPath(directory, nameOf(entry));
        if (entry.isDirectory()) directories.push(child);
        else if (entry.isFile()) files.push(child);
      }
    } catch (cause) {
      throw diskError(cause, directory, 'list the directory');
    }
    if (files.length > fewFiles && known !== false) {
      known = await syncFileSystem(path);
      if (known) return;
    }
  }
  await inParallel(files, syncFile);
  for (const directory of directories.reverse()) await syncDirectory(directory);
}

async function inParallel(items: readonly Buffer[], work: (item: Buffer) => Promise<void>): Promise<void> {
  const rest = items.values();
  await Promise.all(
    Array.from({ length: Math.min(parallel, items.length) }, async () => {
      for (const item of rest) await work(item);
    }),
  );
}

const available = process.platform === 'linux' && reportsErrors(release());

/** syncfs(2) tells of failed writes since Linux 5.8. */
function reportsErrors(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 5 || (major === 5 && minor >= 8);
}

/** By device: one after the other on each. */
const fileSystems = new Map<number, FileSystemSync>();

/** One syncfs(2). False where it cannot be had or trusted. */
async function syncFileSystem(path: Path): Promise<boolean> {
  if (!available || (typeof path !== 'string' && !isUtf8(path)) || path.includes('\n')) return false;
  const [{ type }, { dev }] = await Promise.all([statfs(path), stat(path)]);
  if (!trusted.has(type)) return false;
  const fileSystem = fileSystems.get(dev) ?? new FileSystemSync();
  fileSystems.set(dev, fileSystem);
  return await fileSystem.sync(path.toString());
}
