import assert from 'node:assert/strict';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { documentSearch } from '../../src/store/document-search.ts';
import { migrate } from '../../src/store/migrations.ts';
import type { Connection } from '../../src/store/database.ts';

void test('a search looks at a stretch of documents by their number: no statement of it goes through a whole table', () => {
  const db = new Database(':memory:');
  migrate(db);
  const plans: string[] = [];
  const values = { after: 0, until: 1, name: null, key: null, certificate: null, batch: null, from: 0, to: 1 };
  const prepare = (sql: string): unknown => {
    const given = sql.includes('@') ? [values] : Array.from(sql.matchAll(/\?/g), () => 1);
    for (const row of db.prepare<unknown[], { readonly detail: string }>(`EXPLAIN QUERY PLAN ${sql}`).all(...given)) plans.push(row.detail);
    return db.prepare(sql);
  };
  documentSearch({ db: { prepare }, now: () => 0 } as unknown as Connection, () => '[]');
  assert.ok(plans.includes('SEARCH d USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)'), plans.join('\n'));
  assert.deepEqual(
    plans.filter((plan) => plan.startsWith('SCAN') && plan !== 'SCAN CONSTANT ROW'),
    [],
  );
});
