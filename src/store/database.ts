import { closeSync, existsSync, openSync, statSync } from 'node:fs';
import Database from 'better-sqlite3';

/** The open connection and the caller's time: what every part of the store works with. */
export interface Connection {
  readonly db: Database.Database;
  /** UTC ms, as the caller's clock showed it when it called. */
  readonly now: () => number;
}

/** ms that a statement waits for another connection's lock. */
const busyTimeout = 10_000;

/**
 * Opens the file and sets what the store relies on: WAL (readers beside the writer), synchronous=FULL (a commit survives a power cut),
 * foreign keys. A reader changes nothing, not even the journal mode.
 */
export function openDatabase(file: string, readOnly: boolean): Database.Database {
  demandFile(file, readOnly);
  const db = new Database(file, { readonly: readOnly, fileMustExist: readOnly, timeout: busyTimeout });
  try {
    if (!readOnly) {
      db.pragma('journal_mode = WAL');
      db.pragma('synchronous = FULL');
      db.pragma('wal_autocheckpoint = 4000');
      db.pragma('journal_size_limit = 67108864');
    }
    db.pragma('foreign_keys = ON');
    db.pragma('cache_size = -65536');
    db.pragma('temp_store = MEMORY');
    return db;
  } catch (thrown) {
    db.close();
    throw thrown;
  }
}

/**
 * Creates a missing file for its user alone: -wal and -shm get its mode, and names of documents are nobody else's business. A file that
 * exists is not opened: closing it would end the locks that other connections of this process hold on it (fcntl).
 */
function demandFile(file: string, readOnly: boolean): void {
  if (readOnly) statSync(file);
  else if (!existsSync(file)) closeSync(openSync(file, 'a', 0o600));
}
