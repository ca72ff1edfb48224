import { displayName } from '../formats/names.ts';
import { asSealError, SealError, type ErrorCode } from '../errors.ts';

interface Fault {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

const corrupt: Fault = {
  code: 'SEAL-STORE-CORRUPT',
  message: 'the database is damaged',
  hint: 'keep a copy of the file with its -wal beside it, then restore the last backup of the data directory (docs/operations.md); delete nothing',
};

const unopened: Fault = {
  code: 'SEAL-DISK-IO',
  message: 'the database cannot be opened',
  hint: 'check that directory and file exist and belong to this user',
};

/** SQLite's result codes (https://sqlite.org/rescode.html) by prefix, extended ones included, and what opening the file itself says. */
const faults: readonly (readonly [prefix: string, fault: Fault])[] = [
  ['SQLITE_BUSY', { code: 'SEAL-STORE-BUSY', message: 'the database is in use', hint: 'wait until the other program has ended' }],
  ['SQLITE_LOCKED', { code: 'SEAL-STORE-BUSY', message: 'the database is in use', hint: 'wait until the other program has ended' }],
  ['SQLITE_CORRUPT', corrupt],
  ['SQLITE_NOTADB', corrupt],
  ['SQLITE_IOERR_CORRUPTFS', corrupt],
  ['SQLITE_FULL', { code: 'SEAL-DISK-FULL', message: 'no room left for the database', hint: 'make room on its file system' }],
  [
    'SQLITE_READONLY',
    { code: 'SEAL-DISK-READONLY', message: 'the database cannot be written', hint: 'check mount options, owner and mode' },
  ],
  ['SQLITE_PERM', { code: 'SEAL-DISK-READONLY', message: 'the database may not be opened', hint: 'run as the user of the daemon' }],
  ['SQLITE_CANTOPEN', unopened],
  [
    'SQLITE_IOERR',
    { code: 'SEAL-DISK-IO', message: 'reading or writing the database failed', hint: 'look at the kernel log for the disk' },
  ],
  ['EROFS', { code: 'SEAL-DISK-READONLY', message: 'the database cannot be written', hint: 'mount its file system for writing' }],
  ['ENOSPC', { code: 'SEAL-DISK-FULL', message: 'no room left for the database', hint: 'make room on its file system' }],
  ...['ENOENT', 'EACCES', 'EPERM', 'ENOTDIR', 'EIO'].map((code): [string, Fault] => [code, unopened]),
];

/** Any thrown value as a SealError: what SQLite reports becomes SEAL-STORE-* or SEAL-DISK-*. @param file of the database, for `where` */
export function storeError(thrown: unknown, file: string): SealError {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  const fault = faults.find(([prefix]) => code.startsWith(prefix))?.[1];
  if (fault === undefined || !(thrown instanceof Error)) return asSealError(thrown);
  return new SealError(fault.code, `${fault.message} (${thrown.message})`, { where: displayName(file), hint: fault.hint, cause: thrown });
}
