import { accessSync, chmodSync, constants, mkdirSync, mkdtempSync, rmSync, statSync, type Stats } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { errnoOf, SealError, type ErrorCode } from '../errors.ts';
import { displayName } from '../formats/names.ts';

/**
 * Makes or opens the data directory, private to its user.
 * @throws SealError SEAL-NOT-PERMITTED, SEAL-DISK-*, SEAL-CONFIG-INVALID when it is no directory
 */
export function openDataDirectory(path: string): void {
  try {
    make(path);
    const { mode, uid } = statSync(path);
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    if ((mode & 0o077) === 0) return;
    if (uid !== process.getuid?.())
      throw new SealError('SEAL-NOT-PERMITTED', `the data directory can be read by others (mode ${(mode & 0o777).toString(8)})`, {
        where: path,
        hint: `chmod 700 ${path}`,
      });
    chmodSync(path, 0o700);
  } catch (thrown) {
    throw thrown instanceof SealError ? thrown : refused(thrown, path);
  }
}

/**
 * For commands that only read: makes nothing and changes nothing. A data directory without database is a file system that is not mounted, a
 * mistake in the configuration, or an installation that never ran.
 * @param file the database
 * @throws SealError SEAL-STORE-ABSENT, SEAL-NOT-PERMITTED, SEAL-DISK-*
 */
export function demandDatabase(path: string, file: string): void {
  try {
    if (look(file)?.isFile() === true) {
      accessSync(file, constants.R_OK);
      return;
    }
  } catch (thrown) {
    throw refused(thrown, path);
  }
  throw new SealError('SEAL-STORE-ABSENT', `${displayName(path)} ${look(path) === undefined ? 'does not exist' : 'holds no database'}`, {
    where: path,
    hint: 'mount its file system, or correct “data:” of the configuration; where nothing ran before, “sealtree run” makes it',
  });
}

/** One directory after the other: below /proc a recursive mkdir of Node never ends. */
function make(path: string): void {
  const info = look(path);
  if (info?.isDirectory() === false)
    throw new SealError('SEAL-CONFIG-INVALID', `data: ${displayName(path)} is not a directory`, {
      where: path,
      hint: 'name a directory of its own under “data:”',
    });
  if (info !== undefined) return;
  if (dirname(path) !== path) make(dirname(path));
  mkdirSync(path, 0o700);
}

function look(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}

const faults: Readonly<Record<string, readonly [code: ErrorCode, message: string, hint: string]>> = {
  EACCES: ['SEAL-NOT-PERMITTED', 'the data directory belongs to another user', 'run the command as the user of the daemon'],
  EPERM: ['SEAL-NOT-PERMITTED', 'the data directory belongs to another user', 'run the command as the user of the daemon'],
  EROFS: ['SEAL-DISK-READONLY', 'the file system of the data directory cannot be written', 'mount it writable and look why it was not'],
  ENOSPC: ['SEAL-DISK-FULL', 'there is no room for the data directory', 'make room on its file system'],
};

function refused(thrown: unknown, path: string): SealError {
  const errno = errnoOf(thrown) ?? '';
  const [code, message, hint] = faults[errno] ?? [
    'SEAL-DISK-IO',
    `the data directory cannot be used: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
    'correct “data:” of the configuration, or mount the file system',
  ];
  return new SealError(code, message, { where: path, hint, cause: thrown });
}

/** A data directory for a trial, private, gone when it is removed. */
export function temporaryDataDirectory(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'sealtree-trial-'));
  return {
    path,
    remove: () => {
      rmSync(path, { recursive: true, force: true });
    },
  };
}

export function hasFile(path: string): boolean {
  return look(path)?.isFile() === true;
}
