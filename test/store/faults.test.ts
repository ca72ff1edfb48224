import assert from 'node:assert/strict';
import { test } from 'node:test';
import { storeError } from '../../src/store/faults.ts';
import { SealError } from '../../src/errors.ts';

const sqlite = (code: string): Error => Object.assign(new Error('as SQLite says'), { code });

test('what SQLite or the file system reports has a code of ours, the path, and what to do', () => {
  for (const [reported, code] of [
    ['SQLITE_BUSY', 'SEAL-STORE-BUSY'],
    ['SQLITE_BUSY_SNAPSHOT', 'SEAL-STORE-BUSY'],
    ['SQLITE_CORRUPT_INDEX', 'SEAL-STORE-CORRUPT'],
    ['SQLITE_NOTADB', 'SEAL-STORE-CORRUPT'],
    ['SQLITE_FULL', 'SEAL-DISK-FULL'],
    ['SQLITE_IOERR_FSYNC', 'SEAL-DISK-IO'],
    ['SQLITE_IOERR_CORRUPTFS', 'SEAL-STORE-CORRUPT'],
    ['SQLITE_READONLY_DBMOVED', 'SEAL-DISK-READONLY'],
    ['SQLITE_CANTOPEN', 'SEAL-DISK-IO'],
    ['ENOSPC', 'SEAL-DISK-FULL'],
    ['EROFS', 'SEAL-DISK-READONLY'],
    ['EACCES', 'SEAL-DISK-IO'],
  ] as const) {
    const error = storeError(sqlite(reported), '/data/a\nb.db');
    assert.deepEqual([error.code, error.where], [code, '/data/a\\nb.db'], reported);
    assert.ok(error.hint !== undefined && error.cause instanceof Error && error.message.includes('as SQLite says'));
  }
});

test('an error of ours stays what it is; a breach of a constraint is a defect', () => {
  const ours = new SealError('SEAL-BATCH-STATE', 'no');
  assert.equal(storeError(ours, 'f'), ours);
  assert.equal(storeError(sqlite('SQLITE_CONSTRAINT_FOREIGNKEY'), 'f').code, 'SEAL-INTERNAL');
});
