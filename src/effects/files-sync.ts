import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { open, opendir, statfs } from 'node:fs/promises';
import { release } from 'node:os';
import { isUtf8, joinPath } from '../formats/names.ts';
import type { Path } from '../ports/files.ts';
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

let available = process.platform === 'linux' && reportsErrors(release());

/** syncfs(2) tells of failed writes since Linux 5.8. */
function reportsErrors(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 5 || (major === 5 && minor >= 8);
}

/** One syncfs(2) through coreutils, as Node has no such call. False where it cannot be had or trusted. */
async function syncFileSystem(path: Path): Promise<boolean> {
  if (!available || (typeof path !== 'string' && !isUtf8(path))) return false;
  const { type } = await statfs(path);
  if (!trusted.has(type)) return false;
  const outcome = await new Promise<number | 'absent'>((resolve) => {
    const child = spawn('sync', ['-f', '--', path.toString()], { stdio: 'ignore' });
    child.on('error', () => {
      resolve('absent');
    });
    child.on('exit', (code) => {
      resolve(code ?? 1);
    });
  });
  if (outcome === 'absent') available = false;
  return outcome === 0;
}
