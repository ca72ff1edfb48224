import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  batchWith,
  failure,
  newBatch,
  newDocument,
  newDocuments,
  newSignature,
  sealError,
  sha256,
  sign,
  through,
} from './store-samples.ts';
import type { OpenStoreUnderTest } from './store-samples.ts';

const bytes = Buffer.from([0x64, 0xff, 0x0a, 0x2f, 0x00, 0xc3, 0x28]);

/** Batches, their documents and their states. */
export function batchSuite(open: OpenStoreUnderTest): void {
  test('a spool that comes in pages: nobody works on it before the last; what an interrupted copy left is replaced', async (t) => {
    const under = await open(t);
    const [one, two, three] = newDocuments(3);
    assert.ok(one && two && three);
    await under.store.createBatch(newBatch('b1'));
    await under.store.addSpooled('b1', [one, { ...two, error: failure }]);
    await under.reopen();
    assert.deepEqual([(await under.store.batch('b1'))?.state, (await under.store.batch('b1'))?.documents], ['claimed', 0]);
    await under.store.addSpooled('b1', [one, two]);
    await under.store.addSpooled('b1', [{ ...three, error: failure }]);
    await under.store.recordSpooled('b1', [], { profile: 'narrowed' });
    const batch = await under.store.batch('b1');
    assert.deepEqual([batch?.state, batch?.profile, batch?.documents, batch?.failed], ['spooled', 'narrowed', 3, 1]);
    assert.deepEqual((await under.store.documents('b1')).map(({ seq, state }) => [seq, state]), [[0, 'spooled'], [1, 'spooled'], [2, 'failed']]); // prettier-ignore
    await assert.rejects(under.store.addSpooled('b1', [one]), sealError('SEAL-BATCH-STATE'));
  });

  test('earlier signatures are taken over in every page, by keys that the batch may use at last', async (t) => {
    const { store } = await open(t);
    const documents = (await batchWith(store, 'b1', newDocuments(4))).map(({ id }) => id);
    await sign(store, documents);
    await through(store, 'b1', 'admitted', 'failing', 'failed');
    const spooled = async (id: string, change: { keys?: string[] }): Promise<string[]> => {
      await store.createBatch(newBatch(id, { partOf: 'b1' }));
      await store.addSpooled(id, newDocuments(4).slice(0, 2), change);
      await store.addSpooled(id, newDocuments(4).slice(2), change);
      await store.recordSpooled(id, [], change);
      return (await store.documents(id)).map(({ state }) => state);
    };
    assert.deepEqual(await spooled('b2', {}), ['signed', 'signed', 'signed', 'signed']);
    assert.deepEqual(await spooled('b3', { keys: ['card-2'] }), ['spooled', 'spooled', 'spooled', 'spooled']);
  });

  test('a batch comes back as it was given, names that are no UTF-8 included', async (t) => {
    const { store } = await open(t);
    const options = { profile: 'p', keys: ['k'], priority: 7, files: [{ name: 'ä.pdf', sha256: 'ab' }] };
    const given = newBatch('b1', { relPath: bytes, outPath: bytes, semaphore: bytes, options, state: 'claiming', priority: -3 });
    await store.createBatch(given);
    assert.deepEqual(await store.batch('b1'), { ...given, documents: 0, failed: 0 });
    assert.equal(await store.batch('b2'), undefined);
    await assert.rejects(store.createBatch(given), sealError('SEAL-BATCH-STATE'));
  });

  test('a batch moves only from the state that was expected, and a refused move changes nothing', async (t) => {
    const { store } = await open(t);
    await store.createBatch(newBatch('b1', { state: 'claiming' }));
    const [one, other] = await Promise.allSettled([
      store.advance('b1', 'claiming', 'claimed'),
      store.advance('b1', 'claiming', 'abandoned'),
    ]);
    assert.deepEqual([one.status, other.status], ['fulfilled', 'rejected']);
    await assert.rejects(store.advance('b1', 'spooled', 'admitted', { profile: 'changed' }), sealError('SEAL-BATCH-STATE'));
    await assert.rejects(store.advance('b9', 'spooled', 'admitted'), sealError('SEAL-BATCH-UNKNOWN'));
    const batch = await store.batch('b1');
    assert.deepEqual([batch?.state, batch?.profile], ['claimed', 'pades-b-b']);
  });

  test('a move takes its changes along, ends the waiting, and a final state has a time', async (t) => {
    const { store, clock } = await open(t);
    await store.createBatch(newBatch('b1'));
    await store.setWaiting('b1', { ...failure, since: 4_000 });
    assert.deepEqual((await store.batch('b1'))?.waiting, { ...failure, since: 4_000 });
    const change = { error: failure, outPath: bytes, options: { priority: 1 }, profile: 'other', keys: ['k'] };
    await store.advance('b1', 'claimed', 'failing', change);
    await store.advance('b1', 'failing', 'failed');
    const batch = await store.batch('b1');
    assert.deepEqual(batch, { ...newBatch('b1'), ...change, state: 'failed', finishedAt: clock.now(), documents: 0, failed: 0 });
    await assert.rejects(store.setWaiting('b9', undefined), sealError('SEAL-BATCH-UNKNOWN'));
  });

  test('a restart resumes what has not ended, oldest first', async (t) => {
    const under = await open(t);
    await under.store.createBatch(newBatch('b2', { claimedAt: 10 }));
    await under.store.createBatch(newBatch('b1', { claimedAt: 20 }));
    await under.store.createBatch(newBatch('b3', { claimedAt: 5, state: 'claiming' }));
    await under.store.advance('b3', 'claiming', 'abandoned');
    await under.reopen();
    const ids = (await under.store.unfinished()).map(({ id }) => id);
    assert.deepEqual(ids, ['b2', 'b1']);
  });

  test('batches are listed newest first, by root and state, in pages', async (t) => {
    const { store } = await open(t);
    for (const id of ['b1', 'b2', 'b3', 'b4']) await store.createBatch(newBatch(id, { root: id === 'b3' ? 'scan' : 'pdf' }));
    await store.advance('b2', 'claimed', 'failing');
    const list = async (query: Parameters<typeof store.batches>[0]): Promise<string> =>
      (await store.batches(query)).map(({ id }) => id).join();
    assert.equal(await list({}), 'b4,b3,b2,b1');
    assert.equal(await list({ root: 'pdf', limit: 2 }), 'b4,b2');
    assert.equal(await list({ root: 'pdf', before: 'b2' }), 'b1');
    assert.equal(await list({ states: ['failing', 'failed'] }), 'b2');
    assert.equal(await list({ states: [] }), '');
  });

  test('the spool is recorded with its move; a document refused while it was copied exists as failed', async (t) => {
    const { store } = await open(t);
    await store.createBatch(newBatch('b1'));
    const sha512 = Buffer.alloc(64, 5);
    const given = [
      newDocument(0, 'a', {
        relPath: bytes,
        size: 2 ** 40,
        digests: [
          ['sha256', sha256('a')],
          ['sha512', sha512],
        ],
      }),
      newDocument(1, 'b', { error: failure }),
    ];
    await store.recordSpooled('b1', given, { profile: 'narrowed' });
    const batch = await store.batch('b1');
    assert.deepEqual([batch?.state, batch?.profile, batch?.documents, batch?.failed], ['spooled', 'narrowed', 2, 1]);
    const documents = await store.documents('b1');
    assert.deepEqual(
      documents.map(({ id, ...document }) => (assert.ok(id > 0), document)),
      [
        { batch: 'b1', ...given[0], state: 'spooled' },
        { batch: 'b1', ...given[1], state: 'failed' },
      ],
    );
    assert.deepEqual(await store.document(documents[0]?.id ?? 0), documents[0]);
    assert.equal(await store.document(999), undefined);
    await assert.rejects(store.recordSpooled('b1', given), sealError('SEAL-BATCH-STATE'));
  });

  test('documents come in order, in pages, by state', async (t) => {
    const { store } = await open(t);
    const documents = await batchWith(store, 'b1', newDocuments(10).reverse());
    await sign(
      store,
      documents.slice(0, 3).map(({ id }) => id),
    );
    const seqs = async (page?: Parameters<typeof store.documents>[1]): Promise<number[]> =>
      (await store.documents('b1', page)).map(({ seq }) => seq);
    assert.deepEqual(await seqs(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.deepEqual(await seqs({ state: 'signed' }), [0, 1, 2]);
    assert.deepEqual(await seqs({ state: 'spooled', limit: 2 }), [3, 4]);
    assert.deepEqual(await seqs({ afterSeq: 7, limit: 5 }), [8, 9]);
    await assert.rejects(store.documents('b9'), sealError('SEAL-BATCH-UNKNOWN'));
  });

  test('earlier deliveries of the same path are found, by root', async (t) => {
    const { store } = await open(t);
    const delivered = ['claimed', 'spooled', 'admitted', 'signed', 'archived', 'staged', 'released', 'delivered'] as const;
    for (const [id, root] of [
      ['b1', 'pdf'],
      ['b2', 'scan'],
      ['b3', 'pdf'],
      ['b4', 'pdf'],
    ] as const)
      await store.createBatch(newBatch(id, { root, relPath: bytes }));
    await through(store, 'b1', ...delivered);
    await through(store, 'b2', ...delivered);
    await through(store, 'b3', 'claimed', 'failing', 'failed');
    assert.deepEqual(
      (await store.deliveredAt('pdf', bytes)).map(({ id }) => id),
      ['b1'],
    );
    assert.deepEqual(await store.deliveredAt('pdf', Buffer.from('day')), []);
    const uncollected = async (): Promise<string[]> => (await store.batches({ uncollected: true })).map(({ id }) => id);
    assert.deepEqual(await uncollected(), ['b2', 'b1']);
    await store.markCollected('b1', 9_000);
    assert.equal((await store.batch('b1'))?.collectedAt, 9_000);
    assert.deepEqual(await uncollected(), ['b2']);
  });

  test('a retry takes over what earlier attempts signed: same path, same bytes, same profile, a key it may use', async (t) => {
    const { store } = await open(t);
    const first = await batchWith(store, 'b1', newDocuments(5));
    await sign(
      store,
      first.slice(0, 3).map(({ id }) => id),
    );
    await store.failDocuments([{ document: first[2]?.id ?? 0, error: failure }]);
    await through(store, 'b1', 'admitted', 'failing', 'failed');
    assert.equal(await store.reusableSignatures('b1'), 2);

    const retry = [newDocument(0), newDocument(1, 'changed'), newDocument(2), newDocument(3), newDocument(9, 'content 1')];
    const second = await batchWith(store, 'b1~2', retry, 'admitted', { partOf: 'b1' });
    assert.deepEqual(
      second.map(({ state }) => state),
      ['signed', 'spooled', 'spooled', 'spooled', 'spooled'],
    );
    assert.deepEqual(second[0]?.signature, newSignature());
    await sign(
      store,
      second.slice(1, 2).map(({ id }) => id),
    );
    await through(store, 'b1~2', 'admitted', 'cancelling', 'cancelled');

    const third = await batchWith(store, 'b1~3', [newDocument(0), newDocument(1, 'changed')], 'admitted', { partOf: 'b1~2' });
    assert.deepEqual(
      third.map(({ state }) => state),
      ['signed', 'signed'],
      'through the whole chain',
    );
    assert.equal(await store.reusableSignatures('b1~3'), 3, 'both versions of document 1 are known');

    for (const [n, change] of [{ profile: 'cades-b-t' }, { keys: ['card-2'] }, { root: 'scan' }].entries()) {
      const other = await batchWith(store, `c${n}`, [newDocument(0)], 'admitted', { partOf: 'b1', ...change });
      assert.equal(other[0]?.state, 'spooled', JSON.stringify(change));
    }
  });

  test('what was delivered is not taken over: it is signed anew', async (t) => {
    const { store } = await open(t);
    const documents = await batchWith(store, 'b1', [newDocument(0)]);
    await sign(
      store,
      documents.map(({ id }) => id),
    );
    await through(store, 'b1', 'admitted', 'signed', 'archived', 'staged', 'released', 'delivered');
    assert.equal(await store.reusableSignatures('b1'), 0);
    const [again] = await batchWith(store, 'b2', [newDocument(0)], 'admitted', { partOf: 'b1' });
    assert.equal(again?.state, 'spooled');
  });

  test('a signature that the caller brings along is recorded with the document', async (t) => {
    const { store } = await open(t);
    const [document] = await batchWith(store, 'b1', [newDocument(0, 'a', { signature: newSignature() })]);
    assert.deepEqual([document?.state, document?.signature], ['signed', newSignature()]);
  });

  test('totals: what came in is delivered, failed or waiting, and a retried document counts once', async (t) => {
    const { store } = await open(t);
    const one = await batchWith(store, 'b1', newDocuments(5));
    await sign(
      store,
      one.slice(0, 3).map(({ id }) => id),
      { key: 'card-2' },
    );
    await store.failDocuments(one.slice(3).map(({ id }) => ({ document: id, error: failure })));
    await through(store, 'b1', 'admitted', 'signed', 'archived', 'staged', 'released', 'delivered');
    await batchWith(store, 'b1~2', newDocuments(2), 'spooled', { partOf: 'b1' });
    await batchWith(store, 'b2', newDocuments(4), 'spooled');
    await through(store, 'b2', 'spooled', 'failing', 'failed');
    await batchWith(store, 'b3', newDocuments(7), 'spooled', { claimedAt: 50_000 });

    assert.deepEqual(await store.totals(), await store.totals({ from: 0, to: 100_000 }), 'counted while it happened, and from the rows');
    await through(store, 'b1~2', 'spooled', 'failing', 'failed');
    await store.createBatch({ ...newBatch('b2~2'), partOf: 'b2' });
    await through(store, 'b2~2', 'claimed', 'abandoned');
    assert.deepEqual(await store.totals(), await store.totals({ from: 0, to: 100_000 }), 'a claim that came to nothing takes nothing over');
    assert.deepEqual(await store.integrity(), []);
    await through(store, 'b1~2', 'failed', 'spooled');
    const totals = await store.totals({ from: 0, to: 10_000 });
    assert.deepEqual(totals.documents, { in: 9, delivered: 3, failed: 4, waiting: 2 });
    assert.deepEqual([totals.batches.delivered, totals.batches.failed, totals.batches.spooled], [1, 1, 1]);
    assert.deepEqual(totals.signaturesByKey, { 'card-2': 3 });
    assert.deepEqual((await store.totals({ from: 10_000, to: 10 ** 15 })).documents, { in: 7, delivered: 0, failed: 0, waiting: 7 });
  });
}
