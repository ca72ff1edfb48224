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
import type { DocumentState, SignatureValue } from '../../src/model/batch.ts';
import type { Store } from '../../src/ports/store.ts';

async function states(store: Store, batch = 'b1'): Promise<DocumentState[]> {
  return (await store.documents(batch)).map(({ state }) => state);
}

/** Signs documents whose timestamp is outstanding. */
async function stampLater(store: Store, documents: readonly number[]): Promise<SignatureValue> {
  const signature = {
    toBeSigned: Buffer.from('attributes'),
    state: { room: 2 ** 33, before: Buffer.from([0, 0xff]), chain: [Buffer.alloc(3)] },
  };
  const value: SignatureValue = {
    key: 'card-1',
    certificate: sha256('certificate'),
    signingTime: 3_000,
    prepared: { format: 'pades', signature },
    value: Buffer.alloc(64, 5),
  };
  const intents = await store.recordIntents('card-1', documents, 3_000);
  await store.recordOutcomes(intents.map(({ id, document }) => ({ intent: id, document, value })));
  return value;
}

/** Intents, signatures and verification: what keeps a document from being signed twice unnoticed. */
export function signingSuite(open: OpenStoreUnderTest): void {
  test('a signature comes back bit for bit: parts, times, and what verification found', async (t) => {
    const under = await open(t);
    const [document] = await batchWith(under.store, 'b1', [newDocument(0)]);
    const id = document?.id ?? 0;
    const parts = [Buffer.alloc(0), { offset: 2 ** 40, length: 2 ** 45 }, Buffer.alloc(70_000, 7), { offset: 0, length: 0 }];
    await sign(under.store, [id], { parts, outputName: Buffer.from([0xff, 0x0a]) });
    const report = { file: 'ä\u0000', indication: 'TOTAL-PASSED' };
    await under.store.recordVerified([
      { document: id, outputDigest: sha256('o'), archiveDigest: Buffer.alloc(64, 1), outputSize: 2 ** 41, report },
    ]);
    await under.reopen();
    const found = await under.store.document(id);
    const verified = { outputDigest: sha256('o'), archiveDigest: Buffer.alloc(64, 1), outputSize: 2 ** 41, report };
    assert.equal(found?.state, 'verified');
    assert.deepEqual(found.signature, { ...newSignature({ parts, outputName: Buffer.from([0xff, 0x0a]) }), ...verified });
    assert.ok(Buffer.isBuffer(found.signature.parts[2]));
  });

  test('reports that share chains come back whole, each with its own; those of another batch and of a retry as well', async (t) => {
    const under = await open(t);
    const chain = { indication: 'PASSED', certificates: [{ subject: 'CN=a' }] };
    const other = { indication: 'INDETERMINATE', errors: ['ä'] };
    const report = (file: string, own: object) => ({
      file,
      signatures: [
        { signer: { subject: 'CN=a' }, chain: own, timestamps: [{ genTime: file, chain }] },
        { chain, timestamps: [] },
      ],
    });
    const expected = new Map<string, object[]>();
    for (const batch of ['b1', 'b2']) {
      const ids = (await batchWith(under.store, batch, newDocuments(4))).map(({ id }) => id);
      await sign(under.store, ids);
      const reports = ids.map((id, n) => report(`${id}`, n % 2 === 0 ? chain : other));
      const results = ids.map((document, n) => ({ document, outputDigest: sha256('o'), outputSize: 1, report: reports[n] }));
      // Across two calls as well: what the first one wrote, the second finds.
      await under.store.recordVerified(results.slice(0, 1));
      await under.store.recordVerified(results.slice(1));
      expected.set(batch, reports);
    }
    await under.reopen();
    for (const [batch, reports] of expected)
      assert.deepEqual((await under.store.documents(batch)).map(({ signature }) => signature?.report), reports); // prettier-ignore
    assert.deepEqual((await under.store.document(1))?.signature?.report, expected.get('b1')?.[0]);
    await through(under.store, 'b1', 'admitted', 'signed', 'archived', 'staged', 'released');
    await under.store.advance('b1', 'released', 'delivered', { dropParts: true });
    assert.deepEqual((await under.store.documents('b2')).map(({ signature }) => signature?.report), expected.get('b2')); // prettier-ignore
  });

  test('what is omitted is not there; the rest is as ever', async (t) => {
    const { store } = await open(t);
    const [document] = await batchWith(store, 'b1', [newDocument(0)]);
    const id = document?.id ?? 0;
    await sign(store, [id], { parts: [{ offset: 0, length: 9 }, Buffer.from('signature')] });
    await store.recordVerified([{ document: id, outputDigest: sha256('o'), outputSize: 1, report: { file: 'a' } }]);
    const [whole] = await store.documents('b1');
    const { report, ...signature } = whole?.signature ?? newSignature();
    assert.ok(report);
    const shape = [{ offset: 0, length: 9 }, Buffer.alloc(0)];
    assert.deepEqual((await store.documents('b1', { omit: ['report'] }))[0], { ...whole, signature });
    assert.deepEqual((await store.documents('b1', { omit: ['bytes'] }))[0]?.signature, { ...signature, report, parts: shape });
    const light = await store.documents('b1', { omit: ['bytes', 'report'], state: 'verified' });
    assert.deepEqual(light, [{ ...whole, signature: { ...signature, parts: shape } }]);
  });

  test('a view of a large document costs its own bytes only', async (t) => {
    const { store } = await open(t);
    const [document] = await batchWith(store, 'b1', [newDocument(0)]);
    const large = Buffer.alloc(1 << 20, 9);
    await sign(store, [document?.id ?? 0], { parts: [large.subarray(10, 20)] });
    assert.deepEqual((await store.documents('b1'))[0]?.signature?.parts, [large.subarray(10, 20)]);
  });

  test('no document is signed twice at once, and none outside an admitted batch; a refused chunk changes nothing', async (t) => {
    const { store } = await open(t);
    const documents = (await batchWith(store, 'b1', newDocuments(3), 'spooled')).map(({ id }) => id);
    await assert.rejects(store.recordIntents('card-1', documents, 1), sealError('SEAL-BATCH-STATE'));
    await store.advance('b1', 'spooled', 'admitted');
    await store.recordIntents('card-1', documents.slice(2), 1);
    await assert.rejects(store.recordIntents('card-2', documents, 2), sealError('SEAL-BATCH-STATE'));
    await assert.rejects(store.recordIntents('card-2', [4_711], 2), sealError('SEAL-BATCH-STATE'));
    assert.deepEqual(await states(store), ['spooled', 'spooled', 'signing']);
    assert.deepEqual(await store.signatureCounts('card-2', 0), { signed: 0, doubt: 0, open: 0, discarded: 0 });
    assert.deepEqual(await store.signatureCounts('card-1', 0), { signed: 0, doubt: 0, open: 1, discarded: 0 });
  });

  test('outcomes close intents once: signed, again in the queue, failed; what the key has spent counts', async (t) => {
    const { store } = await open(t);
    const documents = (await batchWith(store, 'b1', newDocuments(4))).map(({ id }) => id);
    const [signed, again, failed, spent] = await store.recordIntents('card-1', documents, 5_000);
    assert.ok(signed && again && failed && spent);
    const outcomes = [
      { intent: signed.id, document: signed.document, signature: newSignature() },
      { intent: again.id, document: again.document, error: failure, again: true, spent: false },
      { intent: failed.id, document: failed.document, error: failure, again: false, spent: false },
      { intent: spent.id, document: spent.document, error: failure, again: true, spent: true },
    ];
    await store.recordOutcomes(outcomes);
    assert.deepEqual(await states(store), ['signed', 'spooled', 'failed', 'spooled']);
    assert.deepEqual((await store.document(failed.document))?.error, failure);
    assert.equal((await store.batch('b1'))?.failed, 1);
    assert.deepEqual(await store.signatureCounts('card-1', 5_000), { signed: 2, doubt: 0, open: 0, discarded: 0 });
    assert.deepEqual(await store.signatureCounts('card-1', 5_001), { signed: 0, doubt: 0, open: 0, discarded: 0 });
    // An activation counts what comes after it was first seen, whatever the clock says.
    assert.equal((await store.activationCounts('card-1', 9_000)).signed, 0);
    assert.deepEqual(await store.activationCounts('card-2', 9_000), { signed: 0, doubt: 0, open: 0, discarded: 0 });
    await assert.rejects(store.recordOutcomes(outcomes.slice(0, 1)), sealError('SEAL-BATCH-STATE'));
  });

  test('a signature that was made is counted even when its document has failed meanwhile', async (t) => {
    const { store } = await open(t);
    const documents = (await batchWith(store, 'b1', newDocuments(1))).map(({ id }) => id);
    assert.equal((await store.activationCounts('card-1', 77)).open, 0);
    const intents = await store.recordIntents('card-1', documents, 1);
    assert.equal((await store.activationCounts('card-1', 77)).open, documents.length);
    assert.equal((await store.activationCounts('card-1', 78)).open, 0);
    await store.failDocuments(documents.map((document) => ({ document, error: failure })));
    await store.recordOutcomes(intents.map(({ id, document }) => ({ intent: id, document, signature: newSignature() })));
    assert.deepEqual(
      [await states(store), await store.signatureCounts('card-1', 0)],
      [['failed'], { signed: 1, doubt: 0, open: 0, discarded: 0 }],
    );
  });

  test('an intent that survived its process is in doubt: counted, told, and its document back in the queue', async (t) => {
    const under = await open(t);
    const documents = (await batchWith(under.store, 'b1', newDocuments(3))).map(({ id }) => id);
    await sign(under.store, documents.slice(0, 1));
    const lost = await under.store.recordIntents('card-1', documents.slice(1, 2), 4_000);
    await under.reopen();
    const own = await under.store.recordIntents('card-1', documents.slice(2), 6_000);
    const settled = lost.map((intent) => ({ ...intent, batch: 'b1', outcome: 'doubt' as const }));
    assert.deepEqual(await under.store.settleDoubts(7_000), settled, 'only what the process before left');
    assert.deepEqual(await states(under.store), ['signed', 'spooled', 'signing']);
    assert.deepEqual(await under.store.signatureCounts('card-1', 0), { signed: 1, doubt: 1, open: 1, discarded: 0 });
    assert.deepEqual(await under.store.settleDoubts(8_000), []);
    await under.store.recordOutcomes(own.map(({ id, document }) => ({ intent: id, document, signature: newSignature() })));
    await sign(under.store, documents.slice(1, 2));
    assert.deepEqual(await states(under.store), ['signed', 'signed', 'signed']);
    const doubts = (await under.store.auditRows(0, 100)).filter(({ action }) => action === 'signature.doubt');
    assert.deepEqual(
      doubts.map(({ details }) => details['document']),
      documents.slice(1, 2),
    );
  });

  test('what a key in our own process made and nobody recorded is discarded: told once a key, not counted, signed again', async (t) => {
    const under = await open(t);
    const documents = (await batchWith(under.store, 'b1', newDocuments(4))).map(({ id }) => id);
    await under.store.recordIntents('own', documents.slice(0, 3), 4_000, true);
    await under.store.recordIntents('card-1', documents.slice(3), 4_000);
    await under.reopen();
    const settled = await under.store.settleDoubts(7_000, undefined, ['own']);
    assert.deepEqual(settled.map(({ outcome }) => outcome), ['discarded', 'discarded', 'discarded', 'doubt']); // prettier-ignore
    assert.deepEqual(
      await states(under.store),
      ['spooled', 'spooled', 'spooled', 'spooled'],
      'no person need decide about what does not exist',
    );
    assert.deepEqual(await under.store.signatureCounts('own', 0), { signed: 0, doubt: 0, open: 0, discarded: 3 });
    assert.deepEqual((await under.store.totals({ from: 0, to: 9_000 })).signaturesByKey, { 'card-1': 1 });
    const rows = (await under.store.auditRows(0, 100)).filter(({ action }) => action.startsWith('signature.'));
    assert.deepEqual(
      rows.map(({ action, details }) => [action, details['key']]),
      [['signature.doubt', 'card-1'], ['signature.discarded', 'own']], // prettier-ignore
    );
  });

  test('in doubt, and a person decides: the document fails with its reason, and the signature counts', async (t) => {
    const under = await open(t);
    const documents = (await batchWith(under.store, 'b1', newDocuments(2))).map(({ id }) => id);
    await under.store.recordIntents('card-1', documents.slice(0, 1), 4_000);
    await under.store.recordIntents('card-2', documents.slice(1), 4_000);
    await under.reopen();
    await under.store.settleDoubts(7_000, undefined, ['card-1']);
    assert.deepEqual(await states(under.store), ['failed', 'spooled']);
    const found = await under.store.document(documents[0] ?? 0);
    assert.deepEqual([found?.error?.code, found?.error?.where], ['SEAL-SIGN-DOUBT', 'card-1']);
    assert.deepEqual(await under.store.signatureCounts('card-1', 0), { signed: 0, doubt: 1, open: 0, discarded: 0 });
  });

  test('a signature value survives a restart, bit for bit, and nothing is in doubt; with its timestamp the document is signed', async (t) => {
    const under = await open(t);
    const documents = (await batchWith(under.store, 'b1', newDocuments(3))).map(({ id }) => id);
    const value = await stampLater(under.store, documents);
    await under.reopen();
    assert.deepEqual(await under.store.settleDoubts(7_000), []);
    assert.deepEqual(await states(under.store), ['stamping', 'stamping', 'stamping']);
    assert.deepEqual(await under.store.signatureValues([...documents, 4_711]), documents.map((document) => ({ document, value }))); // prettier-ignore
    assert.deepEqual(await under.store.signatureCounts('card-1', 0), { signed: 3, doubt: 0, open: 0, discarded: 0 });
    await assert.rejects(under.store.recordIntents('card-2', documents.slice(0, 1), 1), sealError('SEAL-BATCH-STATE'));
    const [stamped = 0, broken = 0, gone = 0] = documents;
    await under.store.failDocuments([{ document: gone, error: failure }]);
    await under.store.recordStamped([
      { document: stamped, signature: newSignature({ level: 'B-T' }) },
      { document: broken, error: failure },
      { document: gone, signature: newSignature() },
    ]);
    assert.deepEqual(await states(under.store), ['signed', 'failed', 'failed']);
    assert.deepEqual((await under.store.document(stamped))?.signature, newSignature({ level: 'B-T' }));
    assert.deepEqual(await under.store.signatureValues(documents), []);
    await assert.rejects(under.store.recordStamped([{ document: stamped, signature: newSignature() }]), sealError('SEAL-BATCH-STATE'));
    assert.deepEqual(await under.store.integrity(), []);
  });

  test('a retry takes over values that wait for a timestamp, for keys it may use', async (t) => {
    const { store } = await open(t);
    const documents = (await batchWith(store, 'b1', newDocuments(2))).map(({ id }) => id);
    const value = await stampLater(store, documents);
    await through(store, 'b1', 'admitted', 'failing', 'failed');
    assert.equal(await store.reusableSignatures('b1'), 2);
    const [same, other] = await batchWith(store, 'b2', [newDocument(0), newDocument(1, 'changed')], 'spooled', { partOf: 'b1' });
    assert.deepEqual([same?.state, other?.state], ['stamping', 'spooled']);
    assert.deepEqual(await store.signatureValues([same?.id ?? 0]), [{ document: same?.id, value }]);
    await batchWith(store, 'b3', newDocuments(2), 'spooled', { partOf: 'b1', keys: ['card-2'] });
    assert.deepEqual(await states(store, 'b3'), ['spooled', 'spooled']);
  });

  test('verification fails a document with its reason, and only what was signed can be verified', async (t) => {
    const { store } = await open(t);
    const documents = (await batchWith(store, 'b1', newDocuments(3))).map(({ id }) => id);
    await sign(store, documents.slice(0, 2));
    const verdict = (document = 0): Parameters<Store['recordVerified']>[0][number] => ({
      document,
      outputDigest: sha256('o'),
      outputSize: 1,
      report: {},
    });
    await store.recordVerified([verdict(documents[0]), { ...verdict(documents[1]), error: failure }]);
    assert.deepEqual(await states(store), ['verified', 'failed', 'spooled']);
    assert.equal((await store.batch('b1'))?.failed, 1);
    await assert.rejects(store.recordVerified([verdict(documents[2])]), sealError('SEAL-BATCH-STATE'));
    await store.failDocuments([{ document: documents[1] ?? 0, error: { ...failure, message: 'later' } }]);
    assert.equal((await store.document(documents[1] ?? 0))?.error?.message, failure.message, 'the first reason stays');
    assert.equal((await store.batch('b1'))?.failed, 1, 'and counts once');
  });

  test('a batch without keys is verified unsigned', async (t) => {
    const { store } = await open(t);
    const [document] = await batchWith(store, 'b1', [newDocument(0)], 'admitted', { keys: [] });
    await store.recordVerified([{ document: document?.id ?? 0, outputDigest: sha256('o'), outputSize: 1, report: {} }]);
    const found = await store.document(document?.id ?? 0);
    assert.deepEqual([found?.state, found?.signature], ['verified', undefined]);
  });

  test('once delivered, the parts and reports of a batch can go; the rest stays, and other batches keep theirs', async (t) => {
    const { store } = await open(t);
    for (const id of ['b1', 'b2']) {
      const documents = (await batchWith(store, id, newDocuments(2))).map((document) => document.id);
      await sign(store, documents);
      await store.recordVerified(
        documents.map((document) => ({ document, outputDigest: sha256('o'), outputSize: 1, report: { file: 'a' } })),
      );
      await through(store, id, 'admitted', 'signed', 'archived', 'staged', 'released');
    }
    await store.advance('b1', 'released', 'delivered', { dropParts: true });
    const [gone] = await store.documents('b1');
    const [kept] = await store.documents('b2');
    assert.deepEqual([gone?.signature?.parts, gone?.signature?.report, gone?.signature?.outputDigest], [[], undefined, sha256('o')]);
    assert.deepEqual(kept?.signature?.parts, newSignature().parts);
    assert.deepEqual(await store.integrity(), []);
  });

  test('many callers at once: each chunk is whole, none is lost', async (t) => {
    const { store } = await open(t);
    await store.createBatch(newBatch('b1'));
    await store.recordSpooled('b1', newDocuments(200));
    await store.advance('b1', 'spooled', 'admitted');
    const documents = (await store.documents('b1')).map(({ id }) => id);
    const chunks = Array.from({ length: 20 }, (_, n) => documents.slice(n * 10, n * 10 + 10));
    // Every second chunk meets one that overlaps with it: exactly one of the two may win.
    const calls = chunks.flatMap((chunk, n) => [chunk, ...(n % 2 === 0 ? [chunk.slice(5)] : [])]);
    const results = await Promise.allSettled(calls.map((chunk) => store.recordIntents('card-1', chunk, 1)));
    const won = results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
    assert.equal(new Set(won.map(({ document }) => document)).size, won.length);
    assert.deepEqual(won.length, 200);
    assert.equal((await store.documents('b1', { state: 'signing' })).length, 200);
  });
}
