import assert from 'node:assert/strict';
import { test } from 'node:test';
import { documentLeaf, sealError, sha256, treeOptions } from './store-samples.ts';
import type { OpenStoreUnderTest } from './store-samples.ts';
import type { TreeToken } from '../../src/model/archive.ts';

const minute = 60_000;
const token = (tree: string, n: number, change: Partial<TreeToken> = {}): TreeToken => {
  return { tree, n, tsa: 'first', token: Buffer.from(`token ${n}`), genTime: 7_000, accuracy: 500, frozen: false, ...change };
};

/** Trees, their timestamps, and the days. */
export function treeSuite(open: OpenStoreUnderTest): void {
  test('one tree is open; sealing lets the next one open, numbered within its day', async (t) => {
    const { store } = await open(t);
    const first = await store.openTree(treeOptions);
    assert.deepEqual(first, { id: '2026-11-22.1', seq: 1, state: 'open', digest: 'sha256', layout: 1, openedAt: 5_000, leaves: 0 });
    assert.equal((await store.openTree({ ...treeOptions, date: '2026-11-23' })).id, first.id);
    await store.appendLeaves({ tree: treeOptions, leaves: [documentLeaf('a')], blobs: [] });
    assert.deepEqual(await store.seal(first.id, 6_000), { ...first, state: 'sealed', sealedAt: 6_000, leaves: 1 });
    assert.equal(await store.seal(first.id, 6_001), undefined);
    assert.equal((await store.openTree(treeOptions)).id, '2026-11-22.2');
    await store.seal('2026-11-22.2', 6_002);
    assert.equal((await store.openTree({ ...treeOptions, date: '2026-11-23' })).id, '2026-11-23.1');
    await assert.rejects(store.leafHashes('2026-11-24.1'), sealError('SEAL-ARCHIVE-UNKNOWN'));
  });

  test('an empty tree between two full ones confuses no leaf', async (t) => {
    const { store } = await open(t);
    const [before] = await store.appendLeaves({ tree: treeOptions, leaves: [documentLeaf('a')], blobs: [] });
    await store.seal('2026-11-22.1', 1);
    await store.openTree(treeOptions);
    await store.seal('2026-11-22.2', 2);
    const [after] = await store.appendLeaves({ tree: treeOptions, leaves: [documentLeaf('b')], blobs: [] });
    assert.deepEqual([before?.tree, after?.tree], ['2026-11-22.1', '2026-11-22.3']);
    assert.deepEqual(
      (await store.findLeaves(sha256('b'))).map(({ tree }) => tree),
      ['2026-11-22.3'],
    );
    assert.equal((await store.leafHashes('2026-11-22.2')).length, 0);
  });

  test('a sealed tree gets its root and kept nodes once; a timestamp anchors it, further ones are added', async (t) => {
    const under = await open(t);
    const { id } = await under.store.openTree(treeOptions);
    await assert.rejects(under.store.setRoot(id, sha256('root')), sealError('SEAL-ARCHIVE-DAMAGED'));
    await under.store.seal(id, 6_000);
    await assert.rejects(under.store.addToken(token(id, 1), 8_000), sealError('SEAL-ARCHIVE-OPEN'));
    const hashes = Buffer.concat(Array.from({ length: 600 }, (_, n) => sha256(`node ${n}`)));
    await under.store.setRoot(id, sha256('root'), [
      { level: 8, hashes },
      { level: 16, hashes: hashes.subarray(0, 96) },
    ]);
    await under.store.setRoot(id, sha256('root'));
    await assert.rejects(under.store.setRoot(id, sha256('other')), sealError('SEAL-ARCHIVE-DAMAGED'));
    for (const [first, count] of [
      [0, 1],
      [255, 2],
      [256, 256],
      [599, 10],
      [600, 1],
      [100, 450],
    ] as const)
      assert.ok(
        (await under.store.nodes(id, 8, first, count)).equals(hashes.subarray(first * 32, (first + count) * 32)),
        `${first} ${count}`,
      );
    assert.equal((await under.store.nodes(id, 24, 0, 1)).length, 0);

    await under.store.addToken(token(id, 1), 8_000);
    await under.store.addToken(token(id, 1), 8_001);
    await under.store.addToken(token(id, 2, { tsa: 'second', frozen: true }), 9_000);
    await assert.rejects(under.store.addToken(token(id, 1, { token: Buffer.from('x') }), 9_001), sealError('SEAL-ARCHIVE-DAMAGED'));
    await under.reopen();
    const [tree] = await under.store.trees({ id });
    assert.deepEqual([tree?.state, tree?.anchoredAt, tree?.root], ['anchored', 8_000, sha256('root')]);
    assert.deepEqual(await under.store.tokens(id), [token(id, 1), token(id, 2, { tsa: 'second', frozen: true })]);
  });

  test('a token takes fresher revocation data until it is frozen', async (t) => {
    const { store } = await open(t);
    const { id } = await store.openTree(treeOptions);
    await store.seal(id, 6_000);
    await store.setRoot(id, sha256('root'));
    await store.addToken(token(id, 1), 8_000);
    assert.deepEqual(await store.unfrozenTokens(), [token(id, 1)]);
    await store.replaceToken(token(id, 1, { token: Buffer.from('fresher') }));
    const frozen = token(id, 1, { token: Buffer.from('final'), frozen: true });
    await store.replaceToken(frozen);
    await assert.rejects(store.replaceToken(token(id, 1)), sealError('SEAL-ARCHIVE-DAMAGED'));
    await assert.rejects(store.replaceToken(token(id, 2)), sealError('SEAL-ARCHIVE-DAMAGED'));
    assert.deepEqual([await store.tokens(id), await store.unfrozenTokens()], [[frozen], []]);
  });

  test('trees are listed in their order or the newest first, by state, in pages', async (t) => {
    const { store } = await open(t);
    for (let n = 1; n <= 4; n++) {
      await store.openTree(treeOptions);
      if (n < 4) await store.seal(`2026-11-22.${n}`, n);
    }
    await store.setRoot('2026-11-22.1', sha256('root'));
    await store.addToken(token('2026-11-22.1', 1), 1);
    const list = async (query: Parameters<typeof store.trees>[0]): Promise<string> =>
      (await store.trees(query)).map(({ seq }) => seq).join();
    assert.equal(await list({}), '1,2,3,4');
    assert.equal(await list({ states: ['sealed'] }), '2,3');
    assert.equal(await list({ states: ['sealed', 'anchored'], newestFirst: true, limit: 2 }), '3,2');
    assert.equal(await list({ afterSeq: 1, limit: 2 }), '2,3');
    assert.equal(await list({ id: '2026-11-22.3' }), '3');
  });

  test('a day is closed once, with or without trees', async (t) => {
    const under = await open(t);
    assert.equal(await under.store.lastDay(), undefined);
    await under.store.recordDay('2026-11-22', 1, ['2026-11-22.1']);
    await under.store.recordDay('2026-11-21', 2, []);
    await under.store.recordDay('2026-11-22', 3, []);
    await under.reopen();
    assert.equal(await under.store.lastDay(), '2026-11-22');
  });

  test('timestamps are counted by authority and outcome from a minute on', async (t) => {
    const { store } = await open(t);
    await Promise.all([1, 2, 3].map((n) => store.countTimestamp('first', n * minute, Buffer.from([n]))));
    await store.countTimestamp('first', 3 * minute + 59_999);
    await store.countTimestamp('second', 2 * minute);
    assert.deepEqual([await store.tsaCertificate('first'), await store.tsaCertificate('second')], [Buffer.from([3]), undefined]);
    assert.deepEqual(await store.timestampCounts(2 * minute), [
      { tsa: 'first', ok: 2, failed: 1 },
      { tsa: 'second', ok: 0, failed: 1 },
    ]);
    assert.deepEqual(await store.timestampCounts(4 * minute), []);
    assert.deepEqual(await store.timestampCounts(0, 0), [], 'the end does not count');
  });

  test('single values are kept and replaced', async (t) => {
    const under = await open(t);
    assert.equal(await under.store.meta('epoch'), undefined);
    await under.store.setMeta('epoch', '1');
    await under.store.setMeta('epoch', '2');
    await under.reopen();
    assert.equal(await under.store.meta('epoch'), '2');
  });
}
