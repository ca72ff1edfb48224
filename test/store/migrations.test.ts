import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import Database from 'better-sqlite3';
import { migrate, migrations } from '../../src/store/migrations.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { fileTrees } from '../../src/archive/tile-keeping.ts';
import { levelsAbove } from '../../src/archive/tree.ts';
import { treeWorker } from '../../src/effects/trees.ts';
import { newBatch, sealError, sha256 } from '../suites/store-samples.ts';
import { ManualClock } from '../support/clock.ts';
import { CollectingLog } from '../support/log.ts';
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

test('a migration over several versions is whole or not at all: the copy of what was there stays', async (t) => {
  const file = await filled(t);
  const db = new Database(file);
  t.after(() => db.close());
  const steps = [...migrations, 'CREATE TABLE later (n INTEGER) STRICT'];
  assert.throws(() => {
    migrate(db, [...steps, 'INSERT INTO nowhere VALUES (1)']);
  }, /no such table: nowhere/);
  assert.equal(db.pragma('user_version', { simple: true }), migrations.length);
  migrate(db, [...steps, 'CREATE TABLE latest (n INTEGER) STRICT']);
  const backup = new Database(`${file}.before-${steps.length + 1}`, { readonly: true });
  t.after(() => backup.close());
  assert.equal(backup.pragma('user_version', { simple: true }), migrations.length);
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

test('a database of schema 3 keeps its trees: hashes are read from their rows, then from the files they move to', async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'sealtree.db');
  const old = new Database(file);
  migrate(old, migrations.slice(0, 3));
  const leaves = 70_000;
  const hashes = Buffer.concat(Array.from({ length: leaves }, (_, n) => sha256(`${n}`)));
  const levels = levelsAbove(hashes, 'sha256');
  const root = levels.at(-1) ?? Buffer.alloc(0);
  old.prepare("INSERT INTO trees VALUES (1, '2026-01-01.1', 'anchored', 'sha256', 1, 1, 2, 3, 256, ?, ?)").run(leaves, root);
  const tile = old.prepare('INSERT INTO leaf_tiles VALUES (?, ?)');
  const leaf = old.prepare('INSERT INTO leaves (id, kind) VALUES (?, 0)');
  const node = old.prepare('INSERT INTO tree_nodes VALUES (1, ?, ?, ?)');
  old.transaction(() => {
    for (let n = 0; n * 256 < leaves; n++) tile.run(n + 1, hashes.subarray(n * 256 * 32, (n + 1) * 256 * 32));
    for (let n = 0; n < leaves; n++) leaf.run(256 + n);
    for (const level of [8, 16])
      for (let n = 0; n * 8192 < (levels[level]?.length ?? 0); n++) node.run(level, n, levels[level]?.subarray(n * 8192, (n + 1) * 8192));
    layOutAsSchema3(old, hashes);
  })();
  old.close();
  const store = await openStore(fx, { file });
  t.after(() => store.close());
  const trees = treeWorker(join(directory, 'tiles'));
  t.after(() => trees.close());
  const sound = async (): Promise<void> => {
    assert.deepEqual(await store.integrity(), []);
    assert.ok((await store.leafHashes('2026-01-01.1')).equals(hashes));
    assert.ok((await store.nodes('2026-01-01.1', 8, 0, 1000)).equals(levels[8] ?? Buffer.alloc(0)));
    for (const n of [0, 65_279, 65_280, 69_999])
      assert.deepEqual(
        (await store.findLeaves(sha256(`${n}`))).map(({ index }) => index),
        [n],
      );
  };
  await sound();
  await fileTrees({ store, trees, log: new CollectingLog() });
  assert.equal((await store.tileFiles('2026-01-01.1')).length, 3);
  await sound();
});

/** Leaf numbers 0 to 65,535 by the first 10 bits of their hashes, as schema 3 had them: entries of 6 bytes of the hash and 2 of the place. */
function layOutAsSchema3(db: Database.Database, hashes: Buffer): void {
  const buckets = new Map<number, Buffer[]>();
  for (let number = 256; number < 65_536; number++) {
    const entry = Buffer.alloc(8);
    hashes.copy(entry, 0, (number - 256) * 32, (number - 256) * 32 + 6);
    entry.writeUInt16BE(number, 6);
    const bucket = entry.readUInt16BE(0) >>> 6;
    buckets.set(bucket, [...(buckets.get(bucket) ?? []), entry]);
  }
  const add = db.prepare('INSERT INTO leaf_lookup (bucket, run, entries) VALUES (?, 0, ?)');
  for (const [bucket, entries] of buckets) add.run(bucket, Buffer.concat(entries.sort((a, b) => a.compare(b))));
  db.exec('INSERT INTO leaf_runs VALUES (0)');
}
