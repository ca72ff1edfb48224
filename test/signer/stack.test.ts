import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { SealError } from '../../src/errors.ts';
import { requestOf } from '../../src/model/batch.ts';
import { SigningPool, signDocuments } from '../../src/signer/sign.ts';
import { batchWith, failure, newDocuments, sealError } from '../suites/store-samples.ts';
import { testAuthority } from '../support/authority.ts';
import { ManualClock } from '../support/clock.ts';
import { CollectingLog } from '../support/log.ts';
import { temporaryDirectory, temporaryStore } from '../support/store.ts';
import { directDocuments } from './documents.ts';
import { FakeSource } from './fake-source.ts';
import type { TestContext } from 'node:test';
import type { BatchDocument } from '../../src/model/batch.ts';
import type { Profile } from '../../src/model/signature.ts';
import type { Store } from '../../src/ports/store.ts';
import type { LaneRequest } from '../../src/signer/lane.ts';
import type { PoolRules, SigningEffects, SigningResult } from '../../src/signer/sign.ts';
import type { FakeOptions } from './fake-source.ts';

const identity = testAuthority().issue();
const never = new AbortController().signal;
const digest = Buffer.alloc(32, 7);
const algorithm = { digest: 'sha256', padding: 'pss' } as const;
const profile: Profile = {
  ...{ name: 'p', format: 'cades', level: 'B-B', packaging: 'detached', digest: 'sha256', padding: 'pss', tsas: [] },
  onTsaFailure: 'wait',
};

interface House {
  readonly clock: ManualClock;
  readonly store: Store;
  readonly card: FakeSource;
  readonly other: FakeSource;
  readonly pool: SigningPool;
  /** Documents of a batch in the spool, admitted. */
  readonly batch: (id: string, count: number) => Promise<BatchDocument[]>;
  /** The PIN is entered for these documents; resolves when the pool knows. */
  readonly activate: (documents: readonly BatchDocument[]) => Promise<void>;
  readonly sign: (batch: string, keys?: readonly string[]) => Promise<SigningResult>;
  readonly wish: (documents: readonly BatchDocument[]) => LaneRequest;
}

/** `card` signs stacks, `other` anything; both wait for their PIN. */
async function house(t: TestContext, options: Partial<FakeOptions> = {}, more: { readonly maxSignatures?: number } = {}): Promise<House> {
  const clock = new ManualClock();
  const store = await temporaryStore(t, clock);
  const directory = await temporaryDirectory(t);
  const [card, other] = [new FakeSource('card', clock, { identity, ...options }), new FakeSource('other', clock, { identity })];
  await card.deactivate();
  await other.deactivate();
  const rules: PoolRules = {
    keys: new Map([
      ['card', { roots: [], stack: true as const, ...more }],
      ['other', { roots: [] }],
    ]),
    roots: new Map([['pdf', ['card', 'other']]]),
  };
  const log = new CollectingLog();
  const pool = new SigningPool({ clock, keys: [card, other], log, store }, rules);
  t.after(() => {
    pool.close();
  });
  const fx: SigningEffects = { clock, documents: directDocuments(), log, store, tsas: new Map(), pool };
  return {
    ...{ clock, store, card, other, pool },
    batch: async (id, count) => {
      mkdirSync(`${directory}/${id}`);
      for (let seq = 0; seq < count; seq++) writeFileSync(`${directory}/${id}/${seq}`, `content ${seq}`);
      return await batchWith(store, id, newDocuments(count));
    },
    activate: async (documents) => {
      await clock.advance(1);
      await store.offerStack({ key: 'card', at: clock.now(), digest, documents: documents.map(({ id, digests }) => ({ document: id, sha256: digests[0]?.[1] ?? digest })) }); // prettier-ignore
      await card.activate();
      await until(() => pool.view().some(({ key, signaturesLeft }) => key === 'card' && signaturesLeft !== undefined));
    },
    sign: async (batch, keys = ['card']) =>
      await signDocuments(
        fx,
        {
          batch: { id: batch, priority: 0, root: 'pdf', keys },
          ...{ profile, tsas: [], spoolPath: ({ seq }: BatchDocument) => `${directory}/${batch}/${seq}`, signal: never },
        },
        () => Promise.resolve(),
      ),
    wish: (documents) => ({ root: 'pdf', priority: 0, keys: ['card'], algorithm, wanted: documents.length, documents }),
  };
}

/** Lets the database and other real work go on until something holds. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 5_000; turn++) {
    if (await holds()) return;
    await sleep(1);
  }
  assert.fail('it did not happen');
}

async function signedOf(store: Store, batch: string): Promise<number[]> {
  return (await store.documents(batch, { state: 'signed' })).map(({ seq }) => seq);
}

const codeOf = (result: SigningResult): string | undefined => (result.kind === 'wait' ? result.reason.code : undefined);

describe('an activation for a list of documents', () => {
  test('signs exactly these, and ends with the last of them; everything else waits and says why', async (t) => {
    const { store, card, batch, activate, sign } = await house(t);
    const documents = await batch('b1', 8);
    await batch('b2', 3);
    assert.equal(codeOf(await sign('b1')), 'SEAL-KEY-PIN-NEEDED');
    await activate(documents.filter(({ seq }) => seq % 2 === 1).slice(0, 3));

    const other = await sign('b2');
    assert.equal(codeOf(other), 'SEAL-KEY-STACK');
    assert.match(other.kind === 'wait' ? other.reason.message : '', /card signs the documents that were shown before its PIN/);
    assert.equal(card.signatures, 0);

    const result = await sign('b1');
    assert.deepEqual([result.kind, result.signed], ['wait', 3]);
    assert.deepEqual(await signedOf(store, 'b1'), [1, 3, 5]);
    await until(() => card.status().state === 'pin-needed');
    const after = await sign('b1');
    assert.equal(codeOf(after), 'SEAL-KEY-LIMIT');
    assert.match(after.kind === 'wait' ? after.reason.message : '', /the documents that were shown before the PIN are done/);
    assert.equal(card.signatures, 3);
  });

  test('an activation without a list signs nothing and says so', async (t) => {
    const { card, clock, batch, sign } = await house(t);
    await batch('b1', 2);
    await clock.advance(1);
    await card.activate();
    const result = await sign('b1');
    assert.equal(codeOf(result), 'SEAL-KEY-STACK');
    assert.match(result.kind === 'wait' ? result.reason.message : '', /no documents were shown before its PIN/);
    assert.equal(card.signatures, 0);
  });

  test('what is not in the list goes to another key of the batch', async (t) => {
    const { store, card, other, clock, batch, activate, sign } = await house(t);
    const documents = await batch('b1', 12);
    await activate(documents.slice(0, 4));
    await clock.advance(1);
    await other.activate();
    assert.deepEqual(await sign('b1', ['card', 'other']), { kind: 'done', signed: 12, failed: 0 });
    assert.ok(card.signatures <= 4);
    assert.equal(card.signatures + other.signatures, 12);
    const seqs = (await store.documents('b1')).filter(({ signature }) => signature?.key === 'card').map(({ seq }) => seq);
    assert.ok(
      seqs.every((seq) => seq < 4),
      seqs.join(),
    );
  });

  test('the pool itself keeps the key to the list, whoever calls: no intent, no signature; another document, no intent', async (t) => {
    const { store, card, pool, batch, activate, wish } = await house(t);
    const documents = await batch('b1', 3);
    const [first, second] = documents;
    assert.ok(first !== undefined && second !== undefined);
    await activate([first]);
    await assert.rejects(pool.acquire(wish([second]), never), sealError('SEAL-KEY-STACK'));
    const lane = await pool.acquire(wish([first]), never);
    assert.deepEqual([lane.permits(first), lane.permits(second)], [true, false]);
    assert.equal(lane.permits({ ...first, digests: [['sha256', Buffer.alloc(32, 1)]] }), false, 'the hash counts');
    assert.equal(await lane.ready(never), true);
    await assert.rejects(lane.intend([second.id], 1), sealError('SEAL-KEY-STACK'));
    await assert.rejects(lane.sign(Buffer.from('anything'), never), sealError('SEAL-KEY-STACK'));
    lane.release();
    assert.equal(card.signatures, 0);
    assert.equal((await store.signatureCounts('card', 0)).open, 0);
  });

  test('one request signs once', async (t) => {
    const { card, pool, batch, activate, wish } = await house(t, { concurrency: 2 });
    const documents = await batch('b1', 2);
    await activate(documents);
    const lane = await pool.acquire(wish(documents), never);
    await lane.ready(never);
    const [intent] = await lane.intend([documents[0]?.id ?? 0], 1);
    assert.ok(intent !== undefined);
    await lane.sign(Buffer.from('attributes'), never, requestOf(intent));
    await assert.rejects(lane.sign(Buffer.from('attributes'), never, requestOf(intent)), sealError('SEAL-KEY-STACK'));
    assert.equal(card.signatures, 1);
  });

  test('two batches race for the last documents: every one is signed once', async (t) => {
    const { store, card, batch, activate, sign } = await house(t, { concurrency: 4, chunk: 8 });
    const [one, two] = [await batch('b1', 30), await batch('b2', 30)];
    await activate([...one.slice(0, 7), ...two.slice(20, 26)]);
    await Promise.all([sign('b1'), sign('b2')]);
    assert.deepEqual([await signedOf(store, 'b1'), await signedOf(store, 'b2')], [[0, 1, 2, 3, 4, 5, 6], [20, 21, 22, 23, 24, 25]]); // prettier-ignore
    assert.equal(card.signatures, 13);
  });

  test('documents of the list are found behind many that are not in it', async (t) => {
    const { store, card, batch, activate, sign } = await house(t, { chunk: 8 });
    const documents = await batch('b1', 700);
    await activate(documents.slice(690, 695));
    assert.equal((await sign('b1')).kind, 'wait');
    assert.deepEqual(await signedOf(store, 'b1'), [690, 691, 692, 693, 694]);
    assert.equal(card.signatures, 5);
  });

  test('maxSignatures holds within a list as well', async (t) => {
    const { card, batch, activate, sign } = await house(t, {}, { maxSignatures: 4 });
    await activate(await batch('b1', 9));
    await sign('b1');
    assert.equal(card.signatures, 4);
    await until(() => card.status().state === 'pin-needed');
  });

  test('a document that failed or left with its batch is not waited for', async (t) => {
    const { store, card, clock, batch, activate, sign } = await house(t);
    const documents = await batch('b1', 4);
    const gone = await batch('b2', 2);
    await activate([...documents, ...gone]);
    await sign('b1');
    assert.equal(card.status().state, 'ready');
    await store.failDocuments([{ document: gone[0]?.id ?? 0, error: failure }]);
    await store.advance('b2', 'admitted', 'cancelling');
    await until(async () => {
      await clock.advance(5_000);
      return card.status().state === 'pin-needed';
    });
    assert.equal(card.signatures, 4);
  });

  test('a signature that was certainly not made is made later; one that may have been is not repeated in this activation', async (t) => {
    const { store, card, clock, batch, activate, sign } = await house(t);
    const documents = await batch('b1', 3);
    await activate(documents);
    let calls = 0;
    card.before = () => {
      if (++calls === 1) throw new SealError('SEAL-KEY-MECHANISM', 'refused');
      if (calls === 2) throw new SealError('SEAL-KEY-DEVICE', 'lost');
    };
    await until(async () => {
      await sign('b1');
      await clock.advance(60_000);
      return card.status().state === 'pin-needed';
    });
    assert.equal(card.signatures, 2);
    const { signed, doubt } = await store.signatureCounts('card', 0);
    assert.deepEqual([signed, doubt], [3, 0], 'two signatures, and one that the key may have made');
    assert.equal((await signedOf(store, 'b1')).length, 2);
  });
});

test('whatever happens in between, no document gets more than one signature that may exist, and no other gets any', async (t) => {
  const plans = fc.record({
    listed: fc.uniqueArray(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 8 }),
    concurrency: fc.integer({ min: 1, max: 3 }),
    chunk: fc.constantFrom(1, 4),
    workers: fc.integer({ min: 1, max: 3 }),
    events: fc.array(fc.constantFrom('sign', 'sign', 'refuse', 'lose', 'kill'), { minLength: 4, maxLength: 24 }),
  });
  const store = await temporaryStore(t);
  let run = 0;
  await fc.assert(
    fc.asyncProperty(plans, async ({ listed, concurrency, chunk, workers, events }) => {
      const [name, clock] = [`card-${++run}`, new ManualClock()];
      const source = new FakeSource(name, clock, { identity, concurrency, chunk });
      await source.deactivate();
      const rules = { keys: new Map([[name, { roots: [], stack: true as const }]]), roots: new Map([['pdf', [name]]]) };
      const documents = await batchWith(store, name, newDocuments(10));
      const wanted = documents.filter(({ seq }) => listed.includes(seq));
      const entries = wanted.map(({ id, digests }) => ({ document: id, sha256: digests[0]?.[1] ?? digest }));
      await store.offerStack({ key: name, at: clock.now(), digest, documents: entries });
      await clock.advance(run);
      await source.activate();
      /** Calls of the key that may have become a signature, by document. */
      const made = new Map<number, number>();
      let next = 0;
      for (let round = 0; round < 4; round++) {
        const pool = new SigningPool({ clock, keys: [source], log: new CollectingLog(), store }, rules);
        await pool.recount();
        const killed = new AbortController();
        const work = async (): Promise<void> => {
          for (const seq of documents.keys()) {
            const all = documents.filter((document) => (document.seq + seq) % 2 === 0);
            const lane = await pool.acquire({ root: 'pdf', priority: 0, keys: [name], algorithm, wanted: all.length, documents: all }, killed.signal); // prettier-ignore
            try {
              if (!(await lane.ready(killed.signal))) continue;
              const ids = all.filter((document) => lane.permits(document)).slice(0, lane.count).map(({ id }) => id); // prettier-ignore
              for (const intent of await lane.intend(ids, 1)) {
                const event = events[next++] ?? 'sign';
                source.before = () => {
                  if (event === 'refuse') throw new SealError('SEAL-KEY-PIN-NEEDED', 'refused');
                  if (event === 'lose') throw new SealError('SEAL-KEY-DEVICE', 'lost');
                };
                if (event !== 'refuse') made.set(intent.document, (made.get(intent.document) ?? 0) + 1);
                await lane.sign(Buffer.from('attributes'), killed.signal, requestOf(intent)).catch(() => undefined);
                if (event === 'kill') killed.abort(new Error('killed'));
                if (killed.signal.aborted) return;
                const spent = event !== 'refuse';
                await store.recordOutcomes([{ intent: intent.id, document: intent.document, error: failure, again: true, spent }]);
              }
            } finally {
              lane.release();
            }
          }
        };
        await Promise.allSettled(Array.from({ length: workers }, work));
        pool.close();
        await store.settleDoubts(clock.now(), name);
        for (const [document, count] of made) {
          assert.equal(count, 1);
          assert.ok(wanted.some(({ id }) => id === document));
        }
        if (!killed.signal.aborted) break;
      }
    }),
    { numRuns: 40 },
  );
});
