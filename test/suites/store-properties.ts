import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sealError, newBatch, sha256, treeOptions } from './store-samples.ts';
import type { OpenStoreUnderTest } from './store-samples.ts';
import type { BatchState } from '../../src/model/batch.ts';

const states: readonly BatchState[] = ['claiming', 'claimed', 'spooled', 'admitted', 'failing', 'failed'];

/** The same promises over arbitrary histories. */
export function propertySuite(open: OpenStoreUnderTest): void {
  test('property: a tree holds each hash once, in the order of its first appending, whatever was appended and restarted', async (t) => {
    const chunk = fc.record({ names: fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 30 }), restart: fc.boolean() });
    const under = await open(t);
    let day = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(chunk, { maxLength: 6 }), async (chunks) => {
        const tree = await under.store.openTree({ ...treeOptions, date: `day-${++day}` });
        const model: number[] = [];
        for (const { names, restart } of chunks) {
          if (restart) await under.reopen();
          const leaves = names.map((name) => ({ kind: 'document' as const, members: [sha256(`${name}`)] }));
          const references = await under.store.appendLeaves({ tree: treeOptions, leaves, blobs: [] });
          for (const name of names) if (!model.includes(name)) model.push(name);
          assert.deepEqual(
            references,
            names.map((name) => ({ tree: tree.id, index: model.indexOf(name), what: 'document' })),
          );
        }
        assert.deepEqual(await under.store.leafHashes(tree.id), Buffer.concat(model.map((name) => sha256(`${name}`))));
        assert.equal((await under.store.seal(tree.id, 1))?.leaves, model.length);
      }),
      { numRuns: 25 },
    );
    assert.deepEqual(await under.store.integrity(), []);
  });

  test('property: whatever moves are tried, the state follows the accepted ones and each of them is an audit line', async (t) => {
    const { store } = await open(t);
    let n = 0;
    const move = fc.tuple(fc.constantFrom(...states), fc.constantFrom(...states));
    await fc.assert(
      fc.asyncProperty(fc.array(move, { maxLength: 20 }), async (moves) => {
        const id = `b${++n}`;
        await store.createBatch(newBatch(id, { state: 'claiming' }));
        const before = (await store.auditHead()).seq;
        let state: BatchState = 'claiming';
        const accepted: string[] = [];
        for (const [from, to] of moves) {
          if (from === state) {
            await store.advance(id, from, to);
            accepted.push(`batch.${(state = to)}`);
          } else await assert.rejects(store.advance(id, from, to), sealError('SEAL-BATCH-STATE'));
        }
        assert.equal((await store.batch(id))?.state, state);
        assert.deepEqual(
          (await store.auditRows(before, 100)).map(({ action }) => action),
          accepted,
        );
      }),
      { numRuns: 25 },
    );
  });
}
