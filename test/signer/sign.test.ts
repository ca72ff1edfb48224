import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { SealError } from '../../src/errors.ts';
import { SigningPool, signDocuments } from '../../src/signer/sign.ts';
import { batchWith, newDocument } from '../suites/store-samples.ts';
import { testAuthority } from '../support/authority.ts';
import { ManualClock } from '../support/clock.ts';
import { CollectingLog } from '../support/log.ts';
import { temporaryDirectory, temporaryStore } from '../support/store.ts';
import { needs } from '../support/tools.ts';
import { assemble } from '../formats/signing.ts';
import { directDocuments } from './documents.ts';
import { FakeSource } from './fake-source.ts';
import type { TestContext } from 'node:test';
import type { BatchDocument } from '../../src/model/batch.ts';
import type { Profile } from '../../src/model/signature.ts';
import type { DocumentWork } from '../../src/ports/documents.ts';
import type { Store } from '../../src/ports/store.ts';
import type { Timestamp, TimestampAuthority } from '../../src/ports/tsa.ts';
import type { SignedDocument, SigningEffects, SigningJob } from '../../src/signer/sign.ts';
import type { TestAuthority } from '../support/authority.ts';
import type { FakeOptions } from './fake-source.ts';

const profile: Profile = {
  name: 'p',
  format: 'cades',
  level: 'B-B',
  packaging: 'detached',
  digest: 'sha256',
  padding: 'pss',
  tsas: [],
  onTsaFailure: 'wait',
};

interface Bench {
  readonly authority: TestAuthority;
  readonly clock: ManualClock;
  readonly log: CollectingLog;
  readonly store: Store;
  readonly sources: readonly FakeSource[];
  readonly documents: readonly BatchDocument[];
  readonly signed: SignedDocument[];
  readonly directory: string;
  readonly sign: (change?: Partial<SigningJob>, effects?: Partial<SigningEffects>) => ReturnType<typeof signDocuments>;
}

/** A batch of `count` documents in the spool, admitted, and a pool over fake cards `card-1`, `card-2` … */
async function bench(t: TestContext, count: number, cards: readonly Partial<FakeOptions>[] = [{}]): Promise<Bench> {
  const authority = testAuthority();
  const identity = authority.issue();
  const clock = new ManualClock(authority.now());
  const store = await temporaryStore(t, clock);
  const directory = await temporaryDirectory(t);
  mkdirSync(`${directory}/spool`);
  for (let seq = 0; seq < count; seq++) writeFileSync(`${directory}/spool/${seq}`, `content ${seq}`);
  const list = Array.from({ length: count }, (_, seq) => newDocument(seq, undefined, { relPath: Buffer.from(`in/${seq}.txt`) }));
  const documents = await batchWith(store, 'b', list);
  const sources = cards.map((options, index) => new FakeSource(`card-${index + 1}`, clock, { identity, ...options }));
  const log = new CollectingLog();
  const names = sources.map(({ name }) => name);
  const rules = { keys: new Map(names.map((name) => [name, { roots: [] }])), roots: new Map([['pdf', names]]) };
  const pool = new SigningPool({ clock, keys: sources, log, store }, rules);
  const fx: SigningEffects = { clock, documents: directDocuments(), log, store, tsas: new Map(), pool };
  const signed: SignedDocument[] = [];
  const job: SigningJob = {
    batch: { id: 'b', priority: 0, root: 'pdf', keys: names },
    profile,
    tsas: [],
    spoolPath: ({ seq }) => `${directory}/spool/${seq}`,
    signal: new AbortController().signal,
  };
  const sign = (change: Partial<SigningJob> = {}, effects: Partial<SigningEffects> = {}) =>
    signDocuments({ ...fx, ...effects }, { ...job, ...change }, (chunk) => {
      signed.push(...chunk);
      return Promise.resolve();
    });
  return { authority, clock, log, store, sources, documents, signed, directory, sign };
}

function first<T>(list: readonly T[]): T {
  const [found] = list;
  assert.ok(found !== undefined);
  return found;
}

const states = async (store: Store): Promise<string[]> => (await store.documents('b')).map(({ state }) => state);

/** Lets real work (database, thread pool) go on until something holds. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 2_000; turn++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  assert.fail('it did not happen');
}

describe('signing a batch', () => {
  test('every document is signed once, recorded, handed on; openssl accepts what comes out', needs('openssl'), async (t) => {
    const { sign, store, signed, documents, directory, authority, sources } = await bench(t, 70, [{ chunk: 16, concurrency: 3 }, {}]);
    assert.deepEqual(await sign(), { kind: 'done', signed: 70, failed: 0 });
    assert.deepEqual(new Set(await states(store)), new Set(['signed']));
    assert.deepEqual(signed.map(({ id }) => id).sort((a, b) => a - b), documents.map(({ id }) => id)); // prettier-ignore
    assert.equal(sources.reduce((sum, { signatures }) => sum + signatures, 0), 70); // prettier-ignore
    const { trust, intermediates } = authority.write(directory);
    const one = first(signed.filter(({ seq }) => seq === 42));
    assert.deepEqual([one.signature.outputName.toString(), one.signature.level], ['42.txt.p7s', 'B-B']);
    writeFileSync(`${directory}/42.p7s`, assemble(one.signature.parts, Buffer.from('content 42')));
    const args = [
      '-verify',
      '-purpose',
      'any',
      '-inform',
      'DER',
      '-in',
      `${directory}/42.p7s`,
      '-content',
      `${directory}/spool/42`,
      '-binary',
    ];
    execFileSync('openssl', ['cms', ...args, '-CAfile', trust, '-certfile', intermediates], { stdio: ['ignore', 'ignore', 'pipe'] });
  });

  test('the intent is committed before the key is asked, and closed with the signature', async (t) => {
    const { sign, store, sources, clock } = await bench(t, 5);
    const card = first(sources);
    const open: number[] = [];
    card.before = async () => {
      open.push((await store.signatureCounts(card.name, 0)).open);
    };
    await sign();
    assert.deepEqual(open, [1, 1, 1, 1, 1]);
    assert.deepEqual(await store.signatureCounts(card.name, 0), { signed: 5, doubt: 0, open: 0, discarded: 0 });
    assert.equal(clock.monotonic(), 0);
  });

  test('a document that cannot be signed fails with its reason; the others are signed', async (t) => {
    const { sign, store, documents } = await bench(t, 6, [{ chunk: 4 }]);
    const work = directDocuments();
    const broken: DocumentWork = {
      ...work,
      prepare: async (jobs) => {
        const answers = await work.prepare(jobs);
        return answers.map((answer, index) =>
          String(jobs[index]?.path).endsWith('/3')
            ? { ok: false, error: new SealError('SEAL-DOC-DAMAGED', 'cut off', { hint: 'scan again' }).toJSON() }
            : answer,
        );
      },
    };
    assert.deepEqual(await sign({}, { documents: broken }), { kind: 'done', signed: 5, failed: 1 });
    const failed = await store.document(documents[3]?.id ?? 0);
    assert.deepEqual([failed?.state, failed?.error?.code, failed?.error?.where], ['failed', 'SEAL-DOC-DAMAGED', 'in/3.txt']);
  });

  test('a card pulled in the middle: its document is signed by the other card, and counts there once', async (t) => {
    const { sign, store, sources, signed } = await bench(t, 12, [{}, {}]);
    const [one, two] = sources;
    assert.ok(one && two);
    one.before = () => {
      if (one.signatures === 2) one.pull();
    };
    assert.deepEqual(await sign(), { kind: 'done', signed: 12, failed: 0 });
    assert.equal(new Set(signed.map(({ id }) => id)).size, 12);
    assert.equal(signed.filter(({ signature }) => signature.key === 'card-1').length, 2);
    // The one that was running when the card left may have been made: it counts.
    assert.deepEqual(await store.signatureCounts('card-1', 0), { signed: 3, doubt: 0, open: 0, discarded: 0 });
    assert.deepEqual(await store.signatureCounts('card-2', 0), { signed: 10, doubt: 0, open: 0, discarded: 0 });
  });

  test('no card left: it waits with the reason, what was signed stays, and it goes on later', async (t) => {
    const { sign, store, sources } = await bench(t, 5);
    const card = first(sources);
    card.before = () => {
      if (card.signatures === 2) card.pull();
    };
    const waiting = await sign();
    assert.deepEqual([waiting.signed, waiting.kind === 'wait' && waiting.reason.code], [2, 'SEAL-KEY-ABSENT']);
    assert.deepEqual((await states(store)).sort(), ['signed', 'signed', 'spooled', 'spooled', 'spooled']);
    card.before = () => undefined;
    card.insert();
    assert.deepEqual(await sign(), { kind: 'done', signed: 3, failed: 0 });
  });

  test('keys the batch may not use: refused for good', async (t) => {
    const { sign } = await bench(t, 1);
    const result = await sign({ batch: { id: 'b', priority: 0, root: 'other', keys: ['card-1'] } });
    assert.equal(result.kind === 'refused' && result.error.code, 'SEAL-KEY-DENIED');
  });

  test('stopped: the signature in progress is finished and recorded, nothing else is begun', async (t) => {
    const { sign, store, sources, signed } = await bench(t, 20, [{ chunk: 8, concurrency: 1 }]);
    const card = first(sources);
    const stop = new AbortController();
    card.before = async () => {
      stop.abort(new SealError('SEAL-INTERRUPTED', 'the daemon is stopping'));
      await new Promise((resolve) => setTimeout(resolve, 20));
    };
    await assert.rejects(sign({ signal: stop.signal }), { code: 'SEAL-INTERRUPTED' });
    assert.equal(signed.length, 1);
    assert.equal(card.signatures, 1);
    assert.equal((await states(store)).filter((state) => state === 'spooled').length, 19);
    assert.deepEqual(await store.signatureCounts(card.name, 0), { signed: 1, doubt: 0, open: 0, discarded: 0 });
  });

  test('a database that is full for a moment costs no signature', async (t) => {
    const { sign, store, sources, clock, log } = await bench(t, 2);
    let refused = 0;
    const full: Store = {
      ...store,
      documents: (...args) => store.documents(...args),
      recordIntents: (...args) => store.recordIntents(...args),
      failDocuments: (...args) => store.failDocuments(...args),
      recordOutcomes: (outcomes) =>
        refused++ < 2 ? Promise.reject(new SealError('SEAL-DISK-FULL', 'no room')) : store.recordOutcomes(outcomes),
    };
    const result = sign({}, { store: full });
    await until(async () => {
      await clock.advance(1_000);
      return (await store.signatureCounts('card-1', 0)).signed === 2;
    });
    assert.deepEqual(await result, { kind: 'done', signed: 2, failed: 0 });
    assert.equal(first(sources).signatures, 2);
    assert.ok(log.messages('error').length > 0);
  });

  test('what onChunk throws ends the batch; nothing is left half way', async (t) => {
    const { store, sources, directory } = await bench(t, 10);
    const clock = new ManualClock();
    const log = new CollectingLog();
    const rules = { keys: new Map([['card-1', { roots: [] }]]), roots: new Map([['pdf', ['card-1']]]) };
    const pool = new SigningPool({ clock, keys: sources, log, store }, rules);
    const job: SigningJob = {
      batch: { id: 'b', priority: 0, root: 'pdf', keys: ['card-1'] },
      profile,
      tsas: [],
      spoolPath: ({ seq }) => `${directory}/spool/${seq}`,
      signal: new AbortController().signal,
    };
    const fx = { clock, documents: directDocuments(), log, store, tsas: new Map<string, TimestampAuthority>(), pool };
    await assert.rejects(
      signDocuments(fx, job, () => Promise.reject(new SealError('SEAL-STORE-BUSY', 'busy'))),
      { code: 'SEAL-STORE-BUSY' },
    );
    assert.ok(!(await states(store)).includes('signing'));
    assert.ok(pool.view().every(({ busy }) => busy === 0));
  });
});

describe('B-T', () => {
  const bt: Profile = { ...profile, level: 'B-T', tsas: ['one', 'two'] };
  const tsas = [
    { name: 'one', digest: 'sha256' },
    { name: 'two', digest: 'sha512' },
  ] as const;

  /** An authority that makes good tokens, or refuses. */
  function tsa(name: string, authority: TestAuthority, refuse: () => boolean): TimestampAuthority {
    return {
      name,
      timestamp: async ({ digest, messageImprint }): Promise<Timestamp> => {
        if (refuse()) throw new SealError('SEAL-TSA-UNAVAILABLE', `${name}: down`, { hint: 'wait' });
        const { certificate } = authority.tsaIdentity;
        const token = await authority.timestamp(digest, messageImprint);
        return { token, genTime: authority.now(), accuracy: 0, certificate, tsa: name };
      },
    };
  }

  test('each signature value gets its timestamp; the next authority where the first is down, each counted', async (t) => {
    const { sign, authority, store, signed, log } = await bench(t, 12, [{ chunk: 12, concurrency: 4 }]);
    const authorities = new Map([tsa('one', authority, () => true), tsa('two', authority, () => false)].map((one) => [one.name, one]));
    assert.deepEqual(await sign({ profile: bt, tsas }, { tsas: authorities }), { kind: 'done', signed: 12, failed: 0 });
    assert.ok(signed.every(({ signature }) => signature.level === 'B-T'));
    const counts = await store.timestampCounts(0);
    assert.equal(counts.find((row) => row.tsa === 'two')?.ok, 12);
    // Asked last after its first failures, not once for each signature.
    assert.ok((counts.find((row) => row.tsa === 'one')?.failed ?? 0) <= 8);
    assert.ok(log.messages('warn').length > 0);
    const output = assemble(first(signed).signature.parts, Buffer.alloc(0));
    assert.ok(output.includes(Buffer.from('060b2a864886f70d010910020e', 'hex')), 'id-aa-signatureTimeStampToken');
  });

  test('no authority and onTsaFailure deliver: B-B, and says so', async (t) => {
    const { sign, signed } = await bench(t, 2);
    const result = await sign({ profile: { ...bt, onTsaFailure: 'deliver' }, tsas });
    assert.deepEqual(result, { kind: 'done', signed: 2, failed: 0 });
    assert.ok(signed.every(({ signature }) => signature.level === 'B-B'));
  });

  test('no authority and wait: no further signature is spent, those made are kept, and it goes on by itself', async (t) => {
    const { sign, authority, clock, signed, sources } = await bench(t, 30, [{ chunk: 2, concurrency: 1 }]);
    let down = true;
    const authorities = new Map([['one', tsa('one', authority, () => down)]]);
    const card = first(sources);
    const reasons: (string | undefined)[] = [];
    let made = 0;
    const onWaiting = (reason: SealError | undefined): void => {
      if (reasons.push(reason?.code) === 1) made = card.signatures;
    };
    const result = sign({ profile: bt, tsas: [tsas[0]], onWaiting }, { tsas: authorities });
    // It waits and asks again, for longer than all thirty would take.
    await until(async () => {
      await clock.advance(5_000);
      return reasons.length >= 20;
    });
    // The chunk that the card had begun is signed to its end.
    assert.ok(made <= 28 && card.signatures <= made + 2, `${made} → ${card.signatures}`);
    down = false;
    let done = false;
    void result.finally(() => (done = true));
    await until(async () => {
      await clock.advance(5_000);
      return done;
    });
    assert.deepEqual(await result, { kind: 'done', signed: 30, failed: 0 });
    assert.equal(card.signatures, 30);
    assert.ok(signed.every(({ signature }) => signature.level === 'B-T'));
    assert.equal(reasons.at(-1), undefined);
  });

  test('stopped while it waits for an authority: the signatures are kept, and finished later without their key', async (t) => {
    const { sign, store, sources, authority, signed } = await bench(t, 3, [{ chunk: 3 }]);
    const stop = new AbortController();
    const result = sign({ profile: bt, tsas, signal: stop.signal, onWaiting: () => { stop.abort(new SealError('SEAL-INTERRUPTED', 'stop')); } }); // prettier-ignore
    await assert.rejects(result, { code: 'SEAL-INTERRUPTED' });
    assert.deepEqual(await states(store), ['stamping', 'stamping', 'stamping']);
    assert.deepEqual(await store.signatureCounts('card-1', 0), { signed: 3, doubt: 0, open: 0, discarded: 0 });
    first(sources).pull();
    const authorities = new Map([['one', tsa('one', authority, () => false)]]);
    assert.deepEqual(await sign({ profile: bt, tsas }, { tsas: authorities }), { kind: 'done', signed: 3, failed: 0 });
    assert.equal(first(sources).signatures, 3);
    assert.ok(signed.every(({ signature }) => signature.level === 'B-T' && signature.key === 'card-1'));
  });

  test('the value is recorded before an authority is asked; without timestamps no row is written for it', async (t) => {
    const { sign, store, authority } = await bench(t, 4, [{ chunk: 2 }]);
    const seen = new Set<string>();
    const asked = tsa('one', authority, () => false);
    const watching: TimestampAuthority = {
      name: 'one',
      timestamp: async (request) => {
        for (const { state } of await store.documents('b')) seen.add(state);
        return await asked.timestamp(request);
      },
    };
    const written: string[] = [];
    const counting: Store = {
      ...store,
      recordOutcomes: (outcomes) => {
        written.push(...outcomes.map((outcome) => ('value' in outcome ? 'value' : 'signature')));
        return store.recordOutcomes(outcomes);
      },
    };
    await sign({ profile: bt, tsas, batch: { id: 'b', priority: 0, root: 'pdf', keys: ['card-1'] } }, { store: counting, tsas: new Map([['one', watching]]) }); // prettier-ignore
    assert.ok(seen.has('stamping'), [...seen].join());
    assert.deepEqual(written, ['value', 'value', 'value', 'value']);
  });

  test('a fault of the database while it is stamped costs no signature: the next try goes on from the value', async (t) => {
    const { sign, store, authority, sources } = await bench(t, 2, [{ chunk: 2 }]);
    const authorities = new Map([['one', tsa('one', authority, () => false)]]);
    const corrupt: Store = { ...store, recordStamped: () => Promise.reject(new SealError('SEAL-STORE-CORRUPT', 'unreadable')) };
    await assert.rejects(sign({ profile: bt, tsas }, { store: corrupt, tsas: authorities }), { code: 'SEAL-STORE-CORRUPT' });
    assert.deepEqual(await sign({ profile: bt, tsas }, { tsas: authorities }), { kind: 'done', signed: 2, failed: 0 });
    assert.equal(first(sources).signatures, 2);
  });
});
