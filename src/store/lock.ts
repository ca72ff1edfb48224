import { closeSync, existsSync, openSync } from 'node:fs';
import Database from 'better-sqlite3';
import { displayName } from '../formats/names.ts';
import { SealError } from '../errors.ts';
import { storeError } from './faults.ts';

export interface Lock {
  release(): void;
}

// A connection that nobody refers to is closed by the garbage collector, and its lock with it.
const held = new Set<Database.Database>();

/**
 * Makes this process the only one that works on a data directory: an exclusive transaction on a small database of its own (Node has no
 * flock), which the kernel ends with the process, however that ends. The main database stays readable for others.
 * @param file of the lock, e.g. `daemon.lock` in the data directory; created
 * @throws SealError SEAL-DAEMON-RUNNING when another process (or this one) holds it; SEAL-DISK-*
 */
export function acquireLock(file: string): Lock {
  const db = open(file);
  try {
    db.pragma('journal_mode = MEMORY');
    db.exec('BEGIN EXCLUSIVE');
  } catch (thrown) {
    db.close();
    const error = storeError(thrown, file);
    if (error.code !== 'SEAL-STORE-BUSY') throw error;
    throw new SealError('SEAL-DAEMON-RUNNING', 'another Sealtree works on this data directory', {
      where: displayName(file),
      hint: 'stop it first, or give this one a data directory of its own (setting “data”)',
      cause: thrown,
    });
  }
  held.add(db);
  return {
    release: () => {
      held.delete(db);
      db.close();
    },
  };
}

function open(file: string): Database.Database {
  try {
    if (!existsSync(file)) closeSync(openSync(file, 'a', 0o600));
    return new Database(file, { timeout: 0 });
  } catch (thrown) {
    throw storeError(thrown, file);
  }
}
