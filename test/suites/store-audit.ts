import assert from 'node:assert/strict';
import { test } from 'node:test';
import { auditFault, auditHash, auditStart } from '../../src/formats/audit.ts';
import { newBatch } from './store-samples.ts';
import type { OpenStoreUnderTest } from './store-samples.ts';

/** The audit log. */
export function auditSuite(open: OpenStoreUnderTest): void {
  test('every line carries the hash of the line before it, and every move of a batch is a line', async (t) => {
    const under = await open(t);
    assert.deepEqual(await under.store.auditHead(), { seq: 0, hash: auditStart });
    await under.store.createBatch(newBatch('b1'));
    await under.store.advance('b1', 'claimed', 'failing');
    await under.store.audit({ at: 9, actor: 'alice', action: 'key.activate', details: { ü: [1, { b: 2, a: null }], key: 'card-1' } });
    await under.reopen();
    const rows = await under.store.auditRows(0, 100);
    assert.deepEqual(
      rows.map(({ seq, actor, action }) => [seq, actor, action]),
      [
        [1, 'sealtree', 'batch.claimed'],
        [2, 'sealtree', 'batch.failing'],
        [3, 'alice', 'key.activate'],
      ],
    );
    const [first, second, third] = rows;
    assert.ok(first && second && third);
    assert.deepEqual(second.details, { batch: 'b1', root: 'pdf', from: 'claimed', to: 'failing' });
    assert.equal(second.at, under.clock.now());
    assert.deepEqual(third.details, { ü: [1, { b: 2, a: null }], key: 'card-1' });
    assert.equal(auditFault(rows), undefined);
    assert.equal(auditFault(rows.slice(1), first), undefined);
    const { hash, ...content } = second;
    assert.deepEqual(auditHash(first.hash, content), hash);
    assert.deepEqual(await under.store.auditHead(), { seq: 3, hash: third.hash });
    assert.deepEqual(
      (await under.store.auditRows(1, 1)).map(({ seq }) => seq),
      [2],
    );
  });

  test('a deleted, swapped, changed or inserted line is named; one cut off at the end differs from the head', async (t) => {
    const { store } = await open(t);
    for (let n = 1; n <= 5; n++) await store.audit({ at: n, actor: 'alice', action: `step ${n}`, details: {} });
    const rows = await store.auditRows(0, 100);
    const [a, b, c, d, e] = rows;
    assert.ok(a && b && c && d && e);
    assert.match(auditFault([a, c, d, e]) ?? '', /line 2 is missing/);
    assert.match(auditFault([b, c]) ?? '', /line 1 is missing/);
    assert.match(auditFault([a, c, b, d, e]) ?? '', /line 2 is missing/);
    assert.match(auditFault([a, b, b]) ?? '', /line 2 is out of order/);
    assert.match(auditFault([a, { ...c, seq: 2 }, { ...b, seq: 3 }]) ?? '', /line 2 does not follow/);
    assert.match(auditFault([a, { ...b, actor: 'mallory' }, c]) ?? '', /line 2 does not follow/);
    const forged = { ...b, at: 1 };
    assert.match(auditFault([a, { ...forged, hash: auditHash(a.hash, forged) }, c]) ?? '', /line 3 does not follow/);
    assert.notDeepEqual((await store.auditHead()).hash, d.hash);
  });
}
