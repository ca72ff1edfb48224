import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import Database from 'better-sqlite3';
import { migrate, migrations } from '../../src/store/migrations.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { newBatch, sealError } from '../suites/store-samples.ts';
import { ManualClock } from '../support/clock.ts';
import { temporaryDirectory } from '../support/files.ts';

const fx = { clock: new ManualClock() };

/** A database with a batch in it, at this version's schema. */
async function filled(t: TestContext): Promise<string> {
  const file = join(temporaryDirectory(t), 'sealtree.db');
  const store = await openStore(fx, { file });
  await store.createBatch(newBatch('b1'));
  await store.close();
  return file;
}

function change(file: string, sql: string): void {
  const db = new Database(file);
  db.exec(sql);
  db.close();
}

test('a newer schema is refused and left as it is', async (t) => {
  const file = await filled(t);
  change(file, `PRAGMA user_version = ${migrations.length + 1}`);
  const before = readFileSync(file);
  await assert.rejects(openStore(fx, { file }), {
    ...sealError('SEAL-STORE-SCHEMA'),
    message: /schema \d+, this version knows/,
    hint: /newer/,
  });
  await assert.rejects(openStore(fx, { file, readOnly: true }), sealError('SEAL-STORE-SCHEMA'));
  assert.ok(readFileSync(file).equals(before));
});

test("another program's database is refused", async (t) => {
  const file = join(temporaryDirectory(t), 'other.db');
  change(file, 'CREATE TABLE bookmarks (url TEXT)');
  await assert.rejects(openStore(fx, { file }), { ...sealError('SEAL-STORE-SCHEMA'), message: /another program/ });
});

test('an older schema is backed up, then migrated; content and backup are both whole', async (t) => {
  const file = await filled(t);
  const db = new Database(file);
  migrate(db, [...migrations, 'ALTER TABLE batches ADD COLUMN colour TEXT', 'CREATE TABLE later (n INTEGER) STRICT']);
  assert.equal(db.pragma('user_version', { simple: true }), migrations.length + 2);
  assert.deepEqual(db.prepare('SELECT id, colour FROM batches').all(), [{ id: 'b1', colour: null }]);
  db.close();
  const backup = new Database(`${file}.before-${migrations.length + 2}`, { readonly: true });
  assert.equal(backup.pragma('user_version', { simple: true }), migrations.length);
  assert.deepEqual(backup.prepare('SELECT id FROM batches').pluck().all(), ['b1']);
  backup.close();
});

test('a migration that fails changes nothing, and the next try replaces what it left', async (t) => {
  const file = await filled(t);
  const db = new Database(file);
  t.after(() => db.close());
  writeFileSync(`${file}.before-${migrations.length + 1}.tmp`, 'half a copy');
  const broken = 'CREATE TABLE later (n INTEGER) STRICT; INSERT INTO nowhere VALUES (1)';
  assert.throws(() => {
    migrate(db, [...migrations, broken]);
  }, /no such table: nowhere/);
  assert.equal(db.pragma('user_version', { simple: true }), migrations.length);
  assert.equal(db.prepare("SELECT count(*) FROM sqlite_schema WHERE name = 'later'").pluck().get(), 0);
  migrate(db, [...migrations, 'CREATE TABLE later (n INTEGER) STRICT']);
  assert.equal(existsSync(`${file}.before-${migrations.length + 1}.tmp`), false);
});

test('a reader does not migrate', async (t) => {
  const file = await filled(t);
  change(file, 'PRAGMA user_version = 0');
  await assert.rejects(openStore(fx, { file, readOnly: true }), { ...sealError('SEAL-STORE-SCHEMA'), hint: /start the daemon/ });
});

test('a damaged file is SEAL-STORE-CORRUPT and says what to do; nothing is written to it', async (t) => {
  const file = join(temporaryDirectory(t), 'sealtree.db');
  writeFileSync(file, Buffer.alloc(8_192, 'not a database'));
  const before = readFileSync(file);
  await assert.rejects(openStore(fx, { file }), { ...sealError('SEAL-STORE-CORRUPT'), hint: /restore the last backup/ });
  assert.ok(readFileSync(file).equals(before));
});

test('damage inside is found by the integrity check or reported by the call that meets it', async (t) => {
  const file = await filled(t);
  const bytes = readFileSync(file);
  for (let at = bytes.indexOf('day/b1'); at >= 0; at = bytes.indexOf('day/b1', at - (at % 4_096) + 4_096))
    bytes.fill(0xff, at - (at % 4_096), at - (at % 4_096) + 100);
  writeFileSync(file, bytes);
  const store = await openStore(fx, { file });
  t.after(() => store.close());
  const found = await store.integrity().catch((error: unknown) => [String(error)]);
  assert.notDeepEqual(found, []);
  await assert.rejects(store.batches({}), sealError('SEAL-STORE-CORRUPT'));
});

test('a directory that is not there is an I/O error with the path', async (t) => {
  const file = join(temporaryDirectory(t), 'missing', 'sealtree.db');
  await assert.rejects(openStore(fx, { file }), { ...sealError('SEAL-DISK-IO'), where: file });
  await assert.rejects(openStore(fx, { file, readOnly: true }), sealError('SEAL-DISK-IO'));
});
