import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import fc from 'fast-check';
import { SealError } from '../../src/errors.ts';
import { SigningPool } from '../../src/signer/pool.ts';
import { poolRules } from '../../src/signer/rights.ts';
import { testAuthority } from '../support/authority.ts';
import { ManualClock } from '../support/clock.ts';
import { CollectingLog } from '../support/log.ts';
import { temporaryStore } from '../support/store.ts';
import { FakeSource } from './fake-source.ts';
import type { TestContext } from 'node:test';
import type { ErrorCode } from '../../src/errors.ts';
import type { Config } from '../../src/model/config.ts';
import type { Lane } from '../../src/signer/lane.ts';
import type { LaneRequest } from '../../src/signer/lane.ts';
import type { PoolRules } from '../../src/signer/rights.ts';
import type { Store } from '../../src/ports/store.ts';
import type { FakeOptions } from './fake-source.ts';

const identity = testAuthority().issue();
const never = new AbortController().signal;
const data = Buffer.from('attributes');

interface House {
  readonly clock: ManualClock;
  readonly pool: SigningPool;
  readonly card: (name: string) => FakeSource;
  readonly log: CollectingLog;
}

/** A pool over fake cards; every root may use every card unless `rules` say otherwise. */
function house(
  cards: Readonly<Record<string, Partial<FakeOptions>>>,
  rules: Partial<PoolRules> = {},
  counts = { signed: 0, doubt: 0, open: 0, discarded: 0 },
): House {
  const clock = new ManualClock();
  const names = Object.keys(cards);
  const sources = names.map((name) => new FakeSource(name, clock, { identity, ...cards[name] }));
  const store = { activationCounts: () => Promise.resolve(counts) } as unknown as Store;
  const log = new CollectingLog();
  const pool = new SigningPool(
    { clock, keys: sources, log, store },
    {
      keys: rules.keys ?? new Map(names.map((name) => [name, { roots: [] }])),
      roots: rules.roots ?? new Map(['r', 's', 'u'].map((root) => [root, names])),
    },
  );
  const card = (name: string): FakeSource => {
    const found = sources.find((source) => source.name === name);
    assert.ok(found);
    return found;
  };
  return { clock, pool, card, log };
}

const wish = (change: Partial<LaneRequest> = {}): LaneRequest => ({
  root: 'r',
  priority: 0,
  keys: ['a', 'b'],
  algorithm: { digest: 'sha256', padding: 'pss' },
  wanted: 100,
  ...change,
});

async function code(promise: Promise<unknown>): Promise<ErrorCode | undefined> {
  const thrown: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  return thrown instanceof SealError ? thrown.code : undefined;
}

/** One document through the pool, as a batch does it. */
async function one(pool: SigningPool, request: LaneRequest): Promise<Lane> {
  for (;;) {
    const lane = await pool.acquire({ ...request, wanted: 1 }, never);
    if (!(await lane.ready(never))) continue;
    try {
      await counted(lane);
      return lane;
    } finally {
      lane.release();
    }
  }
}

/** Calls of `lane.sign` in `one` and `batch` that have not settled. */
let signing = 0;

/** Moves the clock until the promise settles, and only while every signature waits for it: verifying takes real time. @returns virtual ms */
async function run(clock: ManualClock, promise: Promise<unknown>, cards: readonly FakeSource[] = []): Promise<number> {
  const began = clock.monotonic();
  const state = { settled: false };
  const watched = promise.finally(() => (state.settled = true));
  watched.catch(() => undefined);
  const asleep = (): number => cards.reduce((sum, card) => sum + card.asleep, 0);
  while (!state.settled) {
    await setTimeout(1);
    if (cards.length === 0 || asleep() === signing) await clock.advance(50);
  }
  await watched;
  return clock.monotonic() - began;
}

async function counted(lane: Lane): Promise<void> {
  signing++;
  try {
    await lane.sign(data, never);
  } finally {
    signing--;
  }
}

/** A batch of `count` documents that keeps as many under way as its keys take. */
async function batch(pool: SigningPool, request: LaneRequest, count: number): Promise<void> {
  const running = new Set<Promise<unknown>>();
  for (let left = count; left > 0;) {
    const lane = await pool.acquire({ ...request, wanted: left }, never);
    left -= lane.count;
    const work = (async (): Promise<void> => {
      const ready = await lane.ready(never);
      if (ready) await Promise.all(Array.from({ length: lane.count }, () => counted(lane)));
      lane.release();
      if (!ready) await batch(pool, request, lane.count);
    })();
    running.add(work);
  }
  await Promise.all(running);
}

describe('rights', () => {
  const rules: PoolRules = {
    keys: new Map([
      ['a', { roots: [] }],
      ['b', { roots: ['s'] }],
    ]),
    roots: new Map([
      ['r', ['a', 'b']],
      ['s', ['b']],
    ]),
  };

  test('root and key must both agree; the request can only narrow', async () => {
    const { pool } = house({ a: {}, b: {} }, rules);
    assert.equal((await one(pool, wish())).key.name, 'a');
    assert.equal((await one(pool, wish({ root: 's' }))).key.name, 'b');
    assert.equal(await code(pool.acquire(wish({ keys: ['b'] }), never)), 'SEAL-KEY-DENIED');
    assert.equal(await code(pool.acquire(wish({ root: 's', keys: ['a'] }), never)), 'SEAL-KEY-DENIED');
    assert.equal(await code(pool.acquire(wish({ root: 'unknown' }), never)), 'SEAL-KEY-DENIED');
    assert.equal(await code(pool.acquire(wish({ keys: ['c'] }), never)), 'SEAL-KEY-UNKNOWN');
    assert.equal(await code(pool.acquire(wish({ root: undefined, keys: ['b'] }), never)), 'SEAL-KEY-DENIED');
  });

  test('they come from the configuration', () => {
    const config = {
      keys: { k: { name: 'k', source: 'pkcs11', roots: ['r'], maxSignatures: 7 } },
      roots: { r: { name: 'r', keys: ['k'] } },
    } as unknown as Config;
    assert.deepEqual(poolRules(config).keys.get('k'), { roots: ['r'], maxSignatures: 7 });
    assert.deepEqual(poolRules(config).roots.get('r'), ['k']);
  });
});

describe('keys of the pool', () => {
  test('a key of our own is handed the next chunk while half of the one before is unsigned, a card only after all of it', async () => {
    for (const trusted of [true, undefined] as const) {
      const { clock, pool } = house({ a: { ms: 100, chunk: 4, ...(trusted === undefined ? {} : { trusted }) } });
      const [first, second] = [await pool.acquire(wish({ wanted: 4 }), never), await pool.acquire(wish({ wanted: 4 }), never)];
      assert.ok(await first.ready(never));
      const signatures = Array.from({ length: 4 }, () => first.sign(data, never));
      let handed = false;
      const ready = second.ready(never).then(() => (handed = true));
      const afterOne = async (): Promise<boolean> => {
        await setTimeout(1);
        await clock.advance(100);
        await setTimeout(1);
        return handed;
      };
      await setTimeout(1);
      assert.equal(handed, false, 'three wait');
      assert.equal(await afterOne(), trusted === true, 'two wait');
      assert.equal(await afterOne(), trusted === true, 'one waits');
      await run(clock, Promise.all([...signatures, ready]));
      first.release();
      await run(clock, Promise.all(Array.from({ length: 4 }, () => second.sign(data, never))));
      second.release();
      assert.equal(pool.view()[0]?.busy, 0);
      // Would wait for ever if a place were lost.
      await run(clock, one(pool, wish()));
    }
  });

  test('a card that queues is handed its next document shortly before the one under way ends, others only after it', async () => {
    for (const queues of [true, undefined] as const) {
      const { clock, pool, card } = house({ a: { ms: 600, ...(queues === undefined ? {} : { queues }) } });
      // The pace it is known by is that of the card alone.
      await run(clock, one(pool, wish()), [card('a')]);
      const [first, second] = [await pool.acquire(wish({ wanted: 1 }), never), await pool.acquire(wish({ wanted: 1 }), never)];
      assert.ok(await first.ready(never));
      const signature = first.sign(data, never);
      let handed = false;
      const ready = second.ready(never).then(() => (handed = true));
      await setTimeout(1);
      await clock.advance(350);
      assert.equal(handed, false, 'until then another key may take it');
      await clock.advance(100);
      await setTimeout(1);
      assert.equal(handed, queues === true);
      await clock.advance(200);
      await signature;
      first.release();
      await ready;
      second.release();
      assert.equal(pool.view()[0]?.busy, 0);
      const after = await pool.acquire(wish({ wanted: 1 }), never);
      assert.ok(await after.ready(never), 'the room that was made ahead is gone again, and no more');
      after.release();
    }
  });

  test('8 cards of 500 ms: busy to 99 % over 400 documents', async () => {
    const names = Array.from({ length: 8 }, (_, i) => `card${i}`);
    const { pool, clock, card } = house(Object.fromEntries(names.map((name) => [name, { ms: 500 }])));
    const took = await run(clock, batch(pool, wish({ keys: names }), 400), names.map(card));
    assert.ok(took <= 25_250, String(took));
    assert.ok(names.every((name) => card(name).most === 1 && card(name).signatures === 50));
  });

  test('a slow card does not hold a fast one', async () => {
    const { pool, clock, card } = house({ a: { ms: 1500 }, b: { ms: 300 } });
    const took = await run(clock, batch(pool, wish(), 60), ['a', 'b'].map(card));
    // Together they make 4 a second.
    assert.ok(took <= 16_500, String(took));
    assert.ok(card('b').signatures >= 48, String(card('b').signatures));
  });

  test('a card that is pulled gives its documents to the others, one that comes back takes part again', async () => {
    const { pool, clock, card } = house({ a: { ms: 500 }, b: { ms: 500 } });
    let failed = 0;
    const documents = Array.from({ length: 40 }, async () => {
      for (;;) {
        try {
          await one(pool, wish());
          return;
        } catch (error) {
          assert.equal((error as SealError).code, 'SEAL-KEY-ABSENT');
          failed++;
        }
      }
    });
    const all = Promise.all(documents);
    await clock.advance(2_250);
    card('a').pull();
    await clock.advance(3_000);
    const before = card('a').signatures;
    card('a').insert();
    await run(clock, all);
    assert.equal(card('a').signatures + card('b').signatures, 40);
    assert.ok(card('a').signatures > before);
    assert.ok(failed <= 1);
  });

  test('a key that fails rests, longer each time; another one signs meanwhile; alone it makes the batch wait', async () => {
    const { pool, clock, card } = house({ a: {}, b: {} });
    card('a').before = () => {
      throw new SealError('SEAL-KEY-DEVICE', 'reader error', { hint: 'look at it' });
    };
    assert.equal(await code(one(pool, wish({ keys: ['a'] }))), 'SEAL-KEY-DEVICE');
    assert.equal((await one(pool, wish())).key.name, 'b');
    const waiting = await code(pool.acquire(wish({ keys: ['a'] }), never));
    assert.equal(waiting, 'SEAL-KEY-DEVICE');
    let changes = 0;
    pool.onChange(() => changes++);
    await clock.advance(1_000);
    assert.equal(changes, 1);
    assert.equal(await code(one(pool, wish({ keys: ['a'] }))), 'SEAL-KEY-DEVICE');
    await clock.advance(1_500);
    assert.equal(changes, 1, 'the second rest is longer');
    await clock.advance(500);
    card('a').before = () => undefined;
    assert.equal((await one(pool, wish({ keys: ['a'] }))).key.name, 'a');
  });

  test('a signature that does not verify never leaves, and the key rests', async () => {
    const { pool, card } = house({ a: {} });
    card('a').garble = (signature) => Buffer.concat([signature.subarray(0, -1), Buffer.from([(signature.at(-1) ?? 0) ^ 1])]);
    assert.equal(await code(one(pool, wish({ keys: ['a'] }))), 'SEAL-SIGN-BAD');
    assert.equal(await code(pool.acquire(wish({ keys: ['a'] }), never)), 'SEAL-SIGN-BAD');
  });

  test('no key at all: the batch is told what to do; with one that cannot do the algorithm it is refused', async () => {
    const { pool, card } = house({ a: {}, b: {} });
    card('a').pull();
    await card('b').deactivate();
    const error: unknown = await pool.acquire(wish(), never).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof SealError && error.retryable);
    assert.equal(error.code, 'SEAL-KEY-PIN-NEEDED');
    assert.match(error.message, /a: absent; b: pin-needed/);
    card('a').insert();
    const cannot: unknown = await pool
      .acquire(wish({ keys: ['a'], algorithm: { digest: 'sha512' } }), never)
      .catch((thrown: unknown) => thrown);
    assert.ok(cannot instanceof SealError && !cannot.retryable);
    assert.equal(cannot.code, 'SEAL-KEY-MECHANISM');
  });

  test('an aborted request leaves the queue', async () => {
    const { pool, card } = house({ a: {} });
    let release = (): void => undefined;
    card('a').before = () => new Promise((resolve) => (release = resolve));
    const first = one(pool, wish({ keys: ['a'] }));
    const second = await pool.acquire(wish({ keys: ['a'], wanted: 1 }), never);
    const abort = new AbortController();
    const third = pool.acquire(wish({ keys: ['a'] }), abort.signal);
    const ready = second.ready(abort.signal);
    abort.abort(new Error('stop'));
    await assert.rejects(third, /stop/);
    assert.equal(await ready, false);
    release();
    await first;
    await Promise.all([one(pool, wish({ keys: ['a'] })), new Promise<void>((resolve) => setImmediate(resolve)).then(() => { release(); })]); // prettier-ignore
  });
});

describe('priority and fairness', () => {
  test('an urgent batch passes a large one; two roots share', async () => {
    const { pool, clock, card } = house({ a: { ms: 100 } });
    const order: string[] = [];
    const named = async (name: string, request: LaneRequest, count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        await one(pool, { ...request, keys: ['a'] });
        order.push(name);
      }
    };
    const parallel = (name: string, request: Partial<LaneRequest>) => Promise.all([1, 2, 3, 4].map(() => named(name, wish(request), 5)));
    const large = parallel('large', {});
    await clock.advance(150);
    const other = parallel('other', { root: 's' });
    const urgent = parallel('urgent', { root: 'u', priority: 9 });
    await run(clock, Promise.all([large, other, urgent]));
    const lastUrgent = order.lastIndexOf('urgent');
    // Two documents may be on the card already when the urgent ones come.
    assert.ok(lastUrgent <= 20 + 4, order.join(' '));
    const rest = order.slice(lastUrgent + 1, lastUrgent + 21);
    const shared = rest.filter((name) => name === 'other').length;
    assert.ok(shared >= 8 && shared <= 12, rest.join(' '));
    assert.equal(card('a').signatures, 60);
  });
});

describe('limits of an activation', () => {
  const limited = (most: number): Partial<PoolRules> => ({ keys: new Map([['a', { roots: [], maxSignatures: most }]]) });

  test('two racing for the last allowed signature: one gets it', async () => {
    const { pool, card } = house({ a: {} }, limited(3), { signed: 1, doubt: 1, open: 0, discarded: 0 });
    const codes = await Promise.all([1, 2].map(() => code(one(pool, wish({ keys: ['a'] })))));
    assert.deepEqual(codes.sort(), ['SEAL-KEY-LIMIT', undefined]);
    assert.equal(card('a').signatures, 1);
    assert.equal(card('a').status().state, 'pin-needed');
  });

  test('with a configured PIN the next activation begins, and signs on', async () => {
    const { pool, card, clock } = house({ a: { ms: 10, unattended: true } }, limited(5));
    await run(clock, batch(pool, wish({ keys: ['a'] }), 17));
    assert.equal(card('a').signatures, 17);
  });

  test('a signature the card refused for certain is given back, one in doubt is not', async () => {
    const { pool, card, clock } = house({ a: {} }, limited(2));
    card('a').before = () => {
      throw new SealError('SEAL-KEY-PIN-NEEDED', 'asks again');
    };
    assert.equal(await code(one(pool, wish({ keys: ['a'] }))), 'SEAL-KEY-PIN-NEEDED');
    assert.equal(pool.view()[0]?.signaturesLeft, 2);
    await clock.advance(1_000);
    card('a').before = () => {
      throw new SealError('SEAL-KEY-DEVICE', 'lost contact');
    };
    assert.equal(await code(one(pool, wish({ keys: ['a'] }))), 'SEAL-KEY-DEVICE');
    assert.equal(pool.view()[0]?.signaturesLeft, 1);
  });
});

describe('always', () => {
  test('every document once, no key beyond its concurrency or right, nobody waits for ever', async () => {
    const cards = fc.record({
      ms: fc.constantFrom(0, 20, 70, 300),
      concurrency: fc.integer({ min: 1, max: 3 }),
      chunk: fc.constantFrom(1, 1, 4),
    });
    const batches = fc.array(
      fc.record({
        root: fc.constantFrom('r', 's'),
        priority: fc.nat(2),
        keys: fc.subarray(['a', 'b', 'c'], { minLength: 1 }),
        count: fc.integer({ min: 1, max: 12 }),
      }),
      { minLength: 1, maxLength: 5 },
    );
    await fc.assert(
      fc.asyncProperty(cards, cards, cards, batches, async (a, b, c, wishes) => {
        const rules: Partial<PoolRules> = { keys: new Map([['a', { roots: [] }], ['b', { roots: ['r'] }], ['c', { roots: [] }]]) }; // prettier-ignore
        const { pool, clock, card } = house({ a, b, c }, rules);
        const allowed = wishes.filter(({ root, keys }) => root === 'r' || keys.some((key) => key !== 'b'));
        await run(clock, Promise.all(allowed.map(({ count, ...request }) => batch(pool, wish(request), count))));
        const made = ['a', 'b', 'c'].map((name) => card(name).signatures);
        assert.equal(made.reduce((x, y) => x + y), allowed.reduce((sum, { count }) => sum + count, 0)); // prettier-ignore
        for (const [name, { concurrency }] of Object.entries({ a, b, c })) assert.ok(card(name).most <= concurrency);
        if (allowed.every(({ root, keys }) => root === 's' || !keys.includes('b'))) assert.equal(made[1], 0);
        assert.ok(pool.view().every(({ busy }) => busy === 0));
      }),
      { numRuns: 40 },
    );
  });
});

test('no activation signs more than it may: any number of workers, failures of every kind, kills and restarts', async () => {
  const plans = fc.record({
    most: fc.integer({ min: 1, max: 6 }),
    workers: fc.integer({ min: 1, max: 4 }),
    concurrency: fc.integer({ min: 1, max: 3 }),
    chunk: fc.constantFrom(1, 1, 3),
    // What happens to each signature; `kill`: the process ends before the outcome is recorded.
    events: fc.array(fc.constantFrom('signed', 'signed', 'signed', 'refused', 'lost', 'kill', 'settle', 'turn'), {
      minLength: 4,
      maxLength: 30,
    }),
  });
  await fc.assert(
    fc.asyncProperty(plans, async ({ most, workers, concurrency, chunk, events }) => {
      const store = new CountingStore();
      const clock = new ManualClock();
      const source = new FakeSource('a', clock, { identity, concurrency, chunk });
      const rules = { keys: new Map([['a', { roots: [], maxSignatures: most }]]), roots: new Map([['r', ['a']]]) };
      let next = 0;
      for (;;) {
        // A process: until a kill, or until everything that should happen has happened.
        const pool = new SigningPool({ clock, keys: [source], log: new CollectingLog(), store: store.asStore() }, rules);
        const killed = new AbortController();
        const over = (): boolean => killed.signal.aborted;
        const work = async (): Promise<void> => {
          while (next < events.length && !over()) {
            const lane = await pool.acquire(wish({ keys: ['a'], wanted: chunk }), killed.signal);
            if (!(await lane.ready(killed.signal))) continue;
            const ids = store.intend(lane.count);
            for (const id of ids) {
              const event = events[next++] ?? 'signed';
              if (event === 'turn') await clock.advance(-86_400_000);
              source.before = () => {
                if (event === 'refused') throw new SealError('SEAL-KEY-PIN-NEEDED', 'refused');
                if (event === 'lost') throw new SealError('SEAL-KEY-DEVICE', 'lost');
              };
              const outcome = await lane.sign(data, killed.signal).then(() => 'signed', () => (event === 'refused' ? 'unspent' : 'spent')); // prettier-ignore
              if (event === 'kill') killed.abort(new Error('killed'));
              if (over()) return;
              store.settle(id, outcome);
            }
            lane.release();
          }
        };
        await Promise.allSettled(Array.from({ length: workers }, work));
        store.settleOpen();
        assert.ok(source.signatures <= most, `${source.signatures} of ${most}`);
        if (!over()) break;
      }
    }),
    { numRuns: 200 },
  );
});

test('the count comes from the database', async (t: TestContext) => {
  const clock = new ManualClock();
  const store = await temporaryStore(t, clock);
  const source = new FakeSource('a', clock, { identity });
  const pool = new SigningPool(
    { clock, keys: [source], log: new CollectingLog(), store },
    { keys: new Map([['a', { roots: [], maxSignatures: 3 }]]), roots: new Map([['r', ['a']]]) },
  );
  assert.equal((await one(pool, wish({ keys: ['a'] }))).key.name, 'a');
});

/** The intents of one key as the store counts them. */
class CountingStore {
  readonly #outcomes: string[] = [];
  #mark: { readonly since: number; readonly after: number } | undefined;

  /** @returns ids */
  intend(count: number): number[] {
    return Array.from({ length: count }, () => this.#outcomes.push('open') - 1);
  }

  settle(id: number, outcome: string): void {
    this.#outcomes[id] = outcome;
  }

  /** As after a kill: in doubt. */
  settleOpen(): void {
    for (const [id, outcome] of this.#outcomes.entries()) if (outcome === 'open') this.#outcomes[id] = 'doubt';
  }

  asStore(): Store {
    return {
      activationCounts: (_: string, since: number) => {
        if (this.#mark?.since !== since) this.#mark = { since, after: this.#outcomes.length };
        const own = this.#outcomes.slice(this.#mark.after);
        const count = (...wanted: string[]): number => own.filter((outcome) => wanted.includes(outcome)).length;
        return Promise.resolve({ signed: count('signed', 'spent'), doubt: count('doubt'), open: count('open'), discarded: 0 });
      },
    } as unknown as Store;
  }
}
