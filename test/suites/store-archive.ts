import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { hashList } from '../../src/formats/ers-hash.ts';
import { batchWith, documentLeaf, newDocuments, sealError, sha256, sign, through, treeOptions } from './store-samples.ts';
import type { OpenStoreUnderTest } from './store-samples.ts';
import type { Blob, NewLeaf } from '../../src/model/archive.ts';

const blob = (text: string, kind: Blob['kind'] = 'crl'): Blob => ({ sha256: sha256(text), kind, bytes: Buffer.from(text) });
const leaves = (from: number, count: number): NewLeaf[] => Array.from({ length: count }, (_, n) => documentLeaf(`leaf ${from + n}`));

/** Leaves: appended once, found again, in their order. */
export function archiveSuite(open: OpenStoreUnderTest): void {
  test('leaves of a batch and its move to archived are one transaction', async (t) => {
    const { store } = await open(t);
    const documents = (await batchWith(store, 'b1', newDocuments(2))).map(({ id }) => id);
    await sign(store, documents);
    const append = { tree: treeOptions, leaves: [documentLeaf('a', documents[0])], blobs: [blob('crl')], batch: 'b1' };
    await assert.rejects(store.appendLeaves(append), sealError('SEAL-BATCH-STATE'));
    assert.deepEqual([await store.trees({}), await store.blob(sha256('crl'))], [[], undefined], 'nothing of it is there');
    await through(store, 'b1', 'admitted', 'signed');
    await store.appendLeaves(append);
    assert.equal((await store.batch('b1'))?.state, 'archived');
    assert.deepEqual(await store.batchBlobs('b1'), [blob('crl')]);
    await assert.rejects(store.appendLeaves(append), sealError('SEAL-BATCH-STATE'));
    assert.equal((await store.trees({}))[0]?.leaves, 1);
  });

  test('a single leaf is the hash itself, a group the hash of its sorted members (RFC 4998 §4.2)', async (t) => {
    const { store } = await open(t);
    const members = [sha256('signature'), sha256('document')];
    const [document] = await batchWith(store, 'b1', newDocuments(1));
    const references = await store.appendLeaves({
      tree: treeOptions,
      leaves: [documentLeaf('x', document?.id), { kind: 'group', members, ...(document && { document: document.id }), batch: 'b1' }],
      blobs: [],
    });
    assert.deepEqual(references, [
      { tree: '2026-11-22.1', index: 0, what: 'document' },
      { tree: '2026-11-22.1', index: 1, what: 'group' },
    ]);
    const group = {
      tree: '2026-11-22.1',
      index: 1,
      kind: 'group',
      hash: hashList(members, 'sha256'),
      members,
      document: document?.id,
      batch: 'b1',
    };
    assert.deepEqual(await store.leaf('2026-11-22.1', 1), group);
    for (const hash of [...members, group.hash]) assert.deepEqual(await store.findLeaves(hash), [group]);
    assert.deepEqual(await store.documentLeaves(document?.id ?? 0), references);
    assert.deepEqual((await store.document(document?.id ?? 0))?.leaves, references);
    assert.deepEqual(await store.documentLeaves(999), []);
    assert.equal(await store.leaf('2026-11-22.1', 2), undefined);
  });

  test('equal hashes share a leaf index within a tree, also after a restart; rows stay per document', async (t) => {
    const under = await open(t);
    const documents = (await batchWith(under.store, 'b1', newDocuments(3))).map(({ id }) => id);
    const append = async (
      names: readonly (readonly [name: string, document?: number | undefined])[],
      date = '2026-11-22',
    ): Promise<number[]> =>
      (
        await under.store.appendLeaves({
          tree: { ...treeOptions, date },
          leaves: names.map(([name, document]) => documentLeaf(name, document)),
          blobs: [],
        })
      ).map(({ index }) => index);
    assert.deepEqual(await append([['a', documents[0]], ['b'], ['a', documents[1]]]), [0, 1, 0]);
    await under.reopen();
    assert.deepEqual(await append([['c'], ['b'], ['c'], ['a', documents[2]]]), [2, 1, 2, 0]);
    assert.equal((await under.store.leafHashes('2026-11-22.1')).length, 3 * 32);
    assert.deepEqual(
      (await under.store.findLeaves(sha256('a'))).map(({ document }) => document),
      documents,
    );
    assert.deepEqual(
      (await under.store.leavesPage('2026-11-22.1', -1, 1)).map(({ index }) => index),
      [0, 0, 0],
    );
    for (const [n, document] of documents.entries())
      assert.deepEqual(await under.store.documentLeaves(document), [{ tree: '2026-11-22.1', index: 0, what: 'document' }], `document ${n}`);
    await under.store.seal('2026-11-22.1', 6_000);
    assert.deepEqual(await append([['a']], '2026-11-23'), [0], 'another tree has a leaf of its own');
    assert.deepEqual(
      (await under.store.findLeaves(sha256('a'))).map(({ tree }) => tree),
      [...documents.map(() => '2026-11-22.1'), '2026-11-23.1'],
    );
  });

  test('leaf hashes come in the order of their appending, whole or in part, over page borders', async (t) => {
    const { store } = await open(t);
    const names = Array.from({ length: 1_000 }, (_, n) => `leaf ${n}`);
    for (let at = 0, step = 1; at < names.length; at += step, step += 37)
      await store.appendLeaves({ tree: treeOptions, leaves: names.slice(at, at + step).map((name) => documentLeaf(name)), blobs: [] });
    const expected = Buffer.concat(names.map(sha256));
    assert.ok((await store.leafHashes('2026-11-22.1')).equals(expected));
    for (const [first, count] of [
      [0, 1],
      [255, 2],
      [256, 256],
      [999, 5],
      [1_000, 1],
      [300, 600],
    ] as const)
      assert.ok(
        (await store.leafHashes('2026-11-22.1', first, count)).equals(expected.subarray(first * 32, (first + count) * 32)),
        `${first} ${count}`,
      );
    const page = await store.leavesPage('2026-11-22.1', 254, 3);
    assert.deepEqual(
      page.map(({ index, hash }) => [index, hash]),
      [255, 256, 257].map((n) => [n, sha256(`leaf ${n}`)]),
    );
  });

  test('any leaf is found by its hash in an archive of many, and no other', async (t) => {
    const under = await open(t);
    const perTree = 40_000;
    for (const [n, date] of ['2026-11-20', '2026-11-21', '2026-11-22', '2026-11-23'].entries()) {
      await under.store.appendLeaves({ tree: { ...treeOptions, date }, leaves: leaves(n * perTree, perTree), blobs: [] });
      await under.store.appendLeaves({
        tree: { ...treeOptions, date },
        leaves: [{ kind: 'group', members: [sha256(`s ${n}`), sha256(`d ${n}`)] }],
        blobs: [],
      });
      if (n < 3) await under.store.seal(`${date}.1`, 6_000);
    }
    await under.reopen();
    for (const [name, tree, index] of [
      ['leaf 0', '2026-11-20.1', 0],
      ['leaf 39999', '2026-11-20.1', 39_999],
      ['s 0', '2026-11-20.1', 40_000],
      ['leaf 65999', '2026-11-21.1', 25_999],
      ['d 1', '2026-11-21.1', 40_000],
      ['leaf 131072', '2026-11-23.1', 11_072],
      ['leaf 159999', '2026-11-23.1', 39_999],
      ['d 3', '2026-11-23.1', 40_000],
    ] as const)
      assert.deepEqual(
        (await under.store.findLeaves(sha256(name))).map((leaf) => [leaf.tree, leaf.index]),
        [[tree, index]],
        name,
      );
    for (const stranger of [sha256('leaf 160000'), Buffer.alloc(32), Buffer.alloc(0), Buffer.from('ab'), Buffer.alloc(64, 1)])
      assert.deepEqual(await under.store.findLeaves(stranger), []);
    assert.deepEqual(await under.store.integrity(), []);
  });

  test('a document that was hashed anew is found by its new digest, too', async (t) => {
    const { store } = await open(t);
    await store.appendLeaves({
      tree: treeOptions,
      leaves: [documentLeaf('a'), { kind: 'group', members: [sha256('d'), sha256('s')] }],
      blobs: [],
    });
    const anew = (name: string): Buffer => createHash('sha512').update(name).digest();
    await store.addRehashed(
      'sha512',
      ['a', 's', 'stranger'].map((name) => ({ hash: sha256(name), rehashed: anew(name) })),
    );
    assert.deepEqual(await store.findLeaves(anew('a')), await store.findLeaves(sha256('a')));
    assert.deepEqual(
      (await store.findLeaves(anew('s'))).map(({ index }) => index),
      [1],
    );
    for (const name of ['d', 'stranger', 'b']) assert.deepEqual(await store.findLeaves(anew(name)), [], name);
  });

  test('a leaf of another digest than the open tree has is refused until that tree is closed', async (t) => {
    const { store } = await open(t);
    await store.openTree(treeOptions);
    const leaf: NewLeaf = { kind: 'document', members: [Buffer.alloc(64, 1)] };
    const append = { tree: { ...treeOptions, digest: 'sha512' as const }, leaves: [documentLeaf('a'), leaf], blobs: [] };
    await assert.rejects(store.appendLeaves(append), sealError('SEAL-ARCHIVE-OPEN'));
    await store.appendLeaves({ ...append, leaves: [documentLeaf('b')] });
    assert.deepEqual(await store.leafHashes('2026-11-22.1'), sha256('b'), 'the refused chunk left nothing');
    await store.seal('2026-11-22.1', 1);
    const [reference] = await store.appendLeaves({ ...append, leaves: [leaf] });
    assert.deepEqual([reference?.tree, await store.leafHashes('2026-11-22.2')], ['2026-11-22.2', Buffer.alloc(64, 1)]);
  });

  test('a blob is kept once, by the hash it really has', async (t) => {
    const { store } = await open(t);
    await store.putBlobs([blob('a'), blob('a'), blob('b', 'certificate')]);
    assert.deepEqual(await store.blob(sha256('b')), blob('b', 'certificate'));
    assert.equal(await store.blob(sha256('c')), undefined);
    await assert.rejects(store.putBlobs([{ ...blob('a'), sha256: sha256('other') }]), sealError('SEAL-INTERNAL'));
  });
}
