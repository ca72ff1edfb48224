import { randomBytes } from 'node:crypto';
import { link, lstat, mkdir, open, rename, stat, unlink } from 'node:fs/promises';
import { errnoOf, SealError } from '../errors.ts';
import { directoryName, joinPath } from '../formats/names.ts';
import type { Path } from '../ports/files.ts';
import { diskError, shown } from './files-errors.ts';
import { openNew } from './files-open.ts';
import { syncDirectory } from './files-sync.ts';

/** The directory that holds the last name of a path. */
function parentOf(path: Path): Buffer {
  const parent = directoryName(trimmed(path));
  return parent.length === 0 ? Buffer.from('.') : parent;
}

function trimmed(path: Path): Buffer {
  const bytes = joinPath(path);
  let end = bytes.length;
  while (end > 1 && bytes[end - 1] === 0x2f) end--;
  return bytes.subarray(0, end);
}

/** A new file beside `path`, written and fsynced; the caller gives it its name. */
async function writeBeside(path: Path, bytes: Uint8Array, mode: number): Promise<Buffer> {
  const temporary = joinPath(parentOf(path), `.sealtree-${randomBytes(9).toString('base64url')}`);
  const handle = await open(temporary, openNew, mode).catch((cause: unknown) => {
    throw diskError(cause, path, 'create the file');
  });
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } catch (cause) {
    await handle.close();
    await unlink(temporary).catch(() => undefined);
    throw diskError(cause, path, 'write the file');
  }
  await handle.close();
  return temporary;
}

/** Temporary file, fsync, rename, fsync of the directory. */
export async function writeDurable(path: Path, bytes: Uint8Array, mode = 0o644): Promise<void> {
  const temporary = await writeBeside(path, bytes, mode);
  try {
    await rename(temporary, path);
  } catch (cause) {
    await unlink(temporary).catch(() => undefined);
    throw diskError(cause, path, 'put the file into place');
  }
  await syncDirectory(parentOf(path));
}

/** The same with link(2), which never replaces. Where there are no links (SMB, FAT) an exclusive open decides who comes first. */
export async function claimDurable(path: Path, bytes: Uint8Array, mode = 0o644): Promise<boolean> {
  const temporary = await writeBeside(path, bytes, mode);
  try {
    await link(temporary, path);
  } catch (cause) {
    const errno = errnoOf(cause);
    if (errno === 'EEXIST') return false;
    if (errno === undefined || !['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(errno))
      throw diskError(cause, path, 'create the file');
    if (!(await createExclusive(path, bytes, mode))) return false;
  } finally {
    await unlink(temporary).catch(() => undefined);
  }
  await syncDirectory(parentOf(path));
  return true;
}

async function createExclusive(path: Path, bytes: Uint8Array, mode: number): Promise<boolean> {
  const handle = await open(path, openNew, mode).catch((cause: unknown) => {
    if (errnoOf(cause) === 'EEXIST') return undefined;
    throw diskError(cause, path, 'create the file');
  });
  if (handle === undefined) return false;
  try {
    await handle.writeFile(bytes);
    await handle.sync();
    return true;
  } catch (cause) {
    await unlink(path).catch(() => undefined);
    throw diskError(cause, path, 'write the file');
  } finally {
    await handle.close();
  }
}

/** mkdir -p. Each new directory is on disk with its name before the next one is made in it. */
export async function makeDirectory(path: Path, mode = 0o755): Promise<void> {
  const directory = trimmed(path);
  try {
    await mkdir(directory, { mode });
  } catch (cause) {
    const errno = errnoOf(cause);
    if (errno === 'EEXIST' || errno === 'EISDIR') {
      await demandDirectory(directory);
      return;
    }
    const parent = parentOf(directory);
    if (errno !== 'ENOENT' || parent.equals(directory)) throw diskError(cause, directory, 'create the directory');
    await makeDirectory(parent, mode);
    await makeDirectory(directory, mode);
    return;
  }
  await syncDirectory(parentOf(directory));
}

async function demandDirectory(path: Buffer): Promise<void> {
  // A link to a directory is fine here: an administrator may have put a tree elsewhere.
  const info = await stat(path).catch(() => lstat(path));
  if (info.isDirectory()) return;
  const cause = Object.assign(new Error('EEXIST'), { code: 'EEXIST' });
  throw new SealError('SEAL-DISK-IO', 'a file stands where a directory belongs', {
    where: shown(path),
    hint: 'rename the file or choose another place',
    cause,
  });
}

/** Rename on one file system; the names are on disk at both ends when it resolves. */
export async function renameDurable(from: Path, to: Path): Promise<void> {
  await rename(from, to).catch((cause: unknown) => {
    throw diskError(cause, from, `rename to ${shown(to)}`);
  });
  const source = parentOf(from);
  const target = parentOf(to);
  await syncDirectory(target);
  if (!source.equals(target)) await syncDirectory(source);
}
