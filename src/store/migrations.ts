import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Database } from 'better-sqlite3';
import { SealError } from '../errors.ts';
import { schema1 } from './schema-1.ts';
import { schemaLookup } from './schema-lookup.ts';
import { schemaRenewals } from './schema-renewals.ts';
import { schemaStacks } from './schema-stacks.ts';
import { schemaTallies } from './schema-tallies.ts';
import { schemaTiles } from './schema-tiles.ts';

/** Forward only. A released migration never changes; the next one is appended. Version n is migrations[n - 1]. */
export const migrations: readonly string[] = [schema1, schemaRenewals, schemaTallies, schemaTiles, schemaLookup, schemaStacks];

/** `SEAL` in ASCII: tells our databases from others (PRAGMA application_id). */
const applicationId = 0x5345414c;

/**
 * Brings the schema to this version. What exists is copied to `<file>.before-<version>` first; all steps are one transaction, so that what an
 * interrupted migration leaves is what was there, and the next one copies it again.
 * @param steps another list than the built-in one: for tests
 * @throws SealError SEAL-STORE-SCHEMA for a newer schema, for another program's database, and for an older one opened for reading;
 *   errors of SQLite as they are
 */
export function migrate(db: Database, steps: readonly string[] = migrations): void {
  const version = schemaVersion(db);
  if (version > steps.length)
    throw new SealError('SEAL-STORE-SCHEMA', `the database has schema ${version}, this version knows ${steps.length}`, {
      where: db.name,
      hint: 'run the version of Sealtree that wrote it, or a newer one; there is no way back but the backup',
    });
  if (version === steps.length) return;
  if (db.readonly)
    throw new SealError('SEAL-STORE-SCHEMA', `the database has schema ${version}, this version reads ${steps.length}`, {
      where: db.name,
      hint: 'start the daemon once: it migrates the database',
    });
  if (version > 0) backUp(db, `${db.name}.before-${steps.length}`);
  db.transaction(() => {
    for (const step of steps.slice(version)) db.exec(step);
    db.pragma(`application_id = ${applicationId}`);
    db.pragma(`user_version = ${steps.length}`);
  }).immediate();
}

function schemaVersion(db: Database): number {
  const version = Number(db.pragma('user_version', { simple: true }));
  const application = Number(db.pragma('application_id', { simple: true }));
  const tables = Number(db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get());
  if (application !== applicationId && (tables > 0 || application !== 0))
    throw new SealError('SEAL-STORE-SCHEMA', 'this is the database of another program', {
      where: db.name,
      hint: 'give the daemon a data directory of its own',
    });
  return version;
}

/** A consistent copy, on disk when this returns. A copy that an interrupted migration left is replaced: the original is still the same. */
function backUp(db: Database, copy: string): void {
  const unfinished = `${copy}.tmp`;
  if (existsSync(unfinished)) rmSync(unfinished);
  db.prepare('VACUUM INTO ?').run(unfinished);
  sync(unfinished);
  renameSync(unfinished, copy);
  sync(dirname(copy));
}

function sync(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
