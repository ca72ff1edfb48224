import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchWith, failure, newDocuments, newSignature, sealError, sha256, through } from './store-samples.ts';
import type { OpenStoreUnderTest } from './store-samples.ts';
import type { BatchDocument } from '../../src/model/batch.ts';
import type { NewStack } from '../../src/ports/stack-store.ts';
import type { SigningOutcome } from '../../src/ports/batch-store.ts';
import type { Store } from '../../src/ports/store.ts';

const digest = sha256('the list');
const key = 'card-1';

function stackOver(documents: readonly BatchDocument[], change: Partial<NewStack> = {}): NewStack {
  const entries = documents.map(({ id, digests: [[, hash] = ['sha256', Buffer.alloc(0)]] }) => ({ document: id, sha256: hash }));
  return { key, at: 1_000, digest, documents: entries, ...change };
}

async function left(store: Store, since = 5_000): Promise<number[] | undefined> {
  return (await store.stackOf(key, since))?.open.map(({ document }) => document);
}

/** Asks the key for signatures of its stack. */
async function intend(
  store: Store,
  documents: readonly number[],
  since = 5_000,
): Promise<{ readonly id: number; readonly document: number }[]> {
  const stack = await store.stackOf(key, since);
  assert.ok(stack !== undefined);
  return await store.recordIntents(key, documents, 6_000, false, 6_000, stack.id);
}

const signed = ({ id, document }: { readonly id: number; readonly document: number }): SigningOutcome => ({
  ...{ intent: id, document },
  signature: newSignature(),
});
const failed = (intent: { readonly id: number; readonly document: number }, spent: boolean): SigningOutcome => ({
  ...{ intent: intent.id, document: intent.document, error: failure, again: true, spent },
});

/** Lists of documents that were shown before a PIN: what keeps an activation to them. */
export function stackSuite(open: OpenStoreUnderTest): void {
  test('a list belongs to the activation that is asked for first after it was offered, for good; any other has none', async (t) => {
    const under = await open(t);
    const documents = await batchWith(under.store, 'b1', newDocuments(3));
    const ids = documents.map(({ id }) => id);
    assert.equal(await under.store.stackOf(key, 4_000), undefined);
    await under.store.offerStack(stackOver(documents));
    assert.equal(await under.store.stackCounts(key, 5_000), undefined, 'looking binds nothing');
    const stack = await under.store.stackOf(key, 5_000);
    assert.deepEqual({ ...stack, id: 0 }, {
      ...{ id: 0, digest, documents: 3, underWay: 0 },
      open: documents.map((document, n) => ({ document: document.id, sha256: sha256(`content ${n}`), batch: 'b1' })),
    }); // prettier-ignore
    await under.reopen();
    assert.deepEqual(await under.store.stackOf(key, 5_000), stack);
    assert.equal(await under.store.stackOf(key, 5_001), undefined);
    assert.equal(await under.store.stackOf('card-2', 5_000), undefined);
    // The next list is for the next activation; the earlier one stays what it is.
    await under.store.offerStack(stackOver(documents.slice(1)));
    assert.deepEqual(await left(under.store), ids);
    assert.deepEqual(await left(under.store, 7_000), ids.slice(1));
  });

  test('a list whose PIN was refused is forgotten, and so is one that a later one replaces', async (t) => {
    const { store } = await open(t);
    const documents = await batchWith(store, 'b1', newDocuments(3));
    await store.offerStack(stackOver(documents));
    await store.withdrawStack(key);
    assert.equal(await store.stackOf(key, 5_000), undefined);
    await store.offerStack(stackOver(documents));
    await store.offerStack(stackOver(documents.slice(2)));
    assert.deepEqual(
      await left(store),
      documents.slice(2).map(({ id }) => id),
    );
  });

  test('what does not wait any more, or has another hash, cannot be offered; then nothing is kept', async (t) => {
    const { store } = await open(t);
    const documents = await batchWith(store, 'b1', newDocuments(3));
    const early = await batchWith(store, 'b2', newDocuments(1), 'spooled');
    const [first] = documents;
    const refused = async (list: NewStack): Promise<void> => {
      await assert.rejects(store.offerStack(list), sealError('SEAL-KEY-STACK'));
      assert.equal(await store.stackOf(key, 5_000), undefined);
    };
    await refused(stackOver([...documents, ...early]));
    await refused(stackOver(documents, { documents: [{ document: first?.id ?? 0, sha256: sha256('another') }] }));
    await store.failDocuments([{ document: first?.id ?? 0, error: failure }]);
    await refused(stackOver(documents));
    await store.advance('b1', 'admitted', 'failing');
    await refused(stackOver(documents.slice(1)));
  });

  test('each document is signed once: signed, spent and in doubt count, what was certainly not made does not', async (t) => {
    const under = await open(t);
    const documents = await batchWith(under.store, 'b1', newDocuments(5));
    const [a = 0, b = 0, c = 0, d = 0, e = 0] = documents.map(({ id }) => id);
    await under.store.offerStack(stackOver(documents.slice(0, 4)));
    const intents = await intend(under.store, [a, b, c, d]);
    assert.deepEqual([await left(under.store), (await under.store.stackOf(key, 5_000))?.underWay], [[], 4]);
    const [first, second, third] = intents;
    assert.ok(first !== undefined && second !== undefined && third !== undefined);
    await under.store.recordOutcomes([signed(first), failed(second, true), failed(third, false)]);
    assert.deepEqual(await left(under.store), [c]);
    // A kill: the fourth is in doubt, and its document waits again, but not for this activation.
    await under.reopen();
    await under.store.settleDoubts(9_000);
    assert.deepEqual(await left(under.store), [c]);
    for (const document of [b, d, e]) await assert.rejects(intend(under.store, [document]), sealError('SEAL-KEY-STACK'));
    assert.deepEqual(
      (await under.store.documents('b1')).map(({ state }) => state),
      ['signed', 'spooled', 'spooled', 'spooled', 'spooled'],
      'nothing was recorded for what was refused',
    );
    // All or nothing.
    await assert.rejects(intend(under.store, [c, e]), sealError('SEAL-KEY-STACK'));
    assert.deepEqual(await left(under.store), [c]);
    const [again] = await intend(under.store, [c]);
    assert.ok(again !== undefined);
    await under.store.recordOutcomes([signed(again)]);
    assert.deepEqual(await under.store.stackCounts(key, 5_000), { digest, documents: 4, signed: 4, left: 0 });
  });

  test('a stack is not for another key, nor before its activation has begun', async (t) => {
    const { store } = await open(t);
    const documents = await batchWith(store, 'b1', newDocuments(2));
    await store.offerStack(stackOver(documents));
    const stack = await store.stackOf(key, 5_000);
    const [first] = documents;
    await assert.rejects(store.recordIntents('card-2', [first?.id ?? 0], 6_000, false, 6_000, stack?.id), sealError('SEAL-KEY-STACK'));
    await store.offerStack(stackOver(documents));
    await assert.rejects(
      store.recordIntents(key, [first?.id ?? 0], 6_000, false, 6_000, (stack?.id ?? 0) + 1),
      sealError('SEAL-KEY-STACK'),
    );
  });

  test('documents that another key signed, that failed or whose batch has ended are left no more', async (t) => {
    const { store } = await open(t);
    const documents = await batchWith(store, 'b1', newDocuments(3));
    const others = await batchWith(store, 'b2', newDocuments(2));
    await store.offerStack(stackOver([...documents, ...others]));
    const [a = 0, b = 0, c = 0] = documents.map(({ id }) => id);
    const [intent] = await store.recordIntents('card-2', [a], 6_000);
    assert.ok(intent !== undefined);
    assert.equal((await left(store))?.length, 5, 'it may come back');
    await store.recordOutcomes([signed(intent)]);
    await store.failDocuments([{ document: b, error: failure }]);
    await through(store, 'b2', 'admitted', 'cancelling');
    assert.deepEqual(await left(store), [c]);
  });
}
