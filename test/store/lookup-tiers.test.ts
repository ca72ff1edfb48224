import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import Database from 'better-sqlite3';
import { lookupTiers, runSize } from '../../src/store/lookup-tiers.ts';
import { migrate } from '../../src/store/migrations.ts';
import { temporaryDirectory } from '../support/files.ts';

const hashOf = (leaf: number): Buffer => createHash('sha256').update(`${leaf}`).digest();

function open(t: TestContext): Database.Database {
  const db = new Database(join(temporaryDirectory(t), 'lookup.db'));
  t.after(() => db.close());
  migrate(db);
  return db;
}

/** More runs of tier 0 with every `step`-th of their leaf numbers. */
function fill(db: Database.Database, runs: number, step: number): void {
  const tiers = lookupTiers({ db, now: () => 0 });
  db.transaction(() => {
    for (let n = 0; n < runs; n++) {
      const first = tiers.end();
      const places = Array.from({ length: runSize / step }, (_, n) => n * step);
      tiers.add(places.map((place) => ({ prefix: hashOf(first + place).readBigUInt64BE(0), place })));
    }
  })();
}

const rows = (db: Database.Database): readonly [tier: number, rows: number, entries: number, most: number][] =>
  db
    .prepare('SELECT tier, count(*), sum(length(entries)) / 8, max(length(entries)) / 8 FROM hash_lookup GROUP BY tier ORDER BY tier')
    .raw()
    .all() as [number, number, number, number][];

test('every hash is found before, while and after runs are merged, and no other', (t) => {
  const db = open(t);
  const step = 512;
  const per = runSize / step;
  const tiers = lookupTiers({ db, now: () => 0 });
  for (const runs of [1, 15, 1, 7, 9, 300]) {
    fill(db, runs, step);
    const leaves = tiers.end() / step;
    assert.equal(
      rows(db).reduce((sum, [, , entries]) => sum + entries, 0),
      leaves,
      'each entry once',
    );
    for (let n = 0; n < leaves; n += Math.ceil(leaves / 97)) assert.deepEqual(tiers.find(hashOf(n * step)), [n * step]);
  }
  assert.equal(tiers.end(), 333 * runSize);
  assert.deepEqual(tiers.find(hashOf(1)), []);
  const [zero, one, two] = rows(db);
  assert.ok((zero?.[2] ?? 0) <= 32 * per && (one?.[2] ?? 0) <= 32 * 16 * per && (two?.[0] ?? 0) === 2, 'sixteen runs become one');
});

test('equal hashes of several leaves are all told, those of one run and those of others', (t) => {
  const db = open(t);
  const tiers = lookupTiers({ db, now: () => 0 });
  const prefix = hashOf(7).readBigUInt64BE(0);
  for (let run = 0; run < 40; run++) tiers.add([3, 4095].map((place) => ({ prefix, place })));
  const expected = Array.from({ length: 40 }, (_, run) => [run * runSize + 3, run * runSize + 4095]).flat();
  assert.deepEqual(
    tiers.find(hashOf(7)).sort((a, b) => a - b),
    expected,
  );
});

test('what a search reads grows with the logarithm of the archive', (t) => {
  const db = open(t);
  fill(db, 100, 1);
  assert.deepEqual(lookupTiers({ db, now: () => 0 }).find(hashOf(123_456)), [123_456]);
  for (const [tier, , , most] of rows(db)) assert.ok(most < 200, `${most} entries in a row of tier ${tier}`);
  const read = db.prepare('SELECT max(n) FROM (SELECT count(*) AS n FROM hash_lookup GROUP BY tier, bucket)').pluck().get();
  assert.ok(Number(read) <= 32, `${String(read)} rows of a bucket`);
});
