import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { SealError } from '../../src/errors.ts';
import { firstTimestamp, quotaStart, restedFirst } from '../../src/pki/tsa-selection.ts';
import { ManualClock } from '../support/clock.ts';
import { CollectingLog } from '../support/log.ts';
import { temporaryStore } from '../support/store.ts';
import type { TestContext } from 'node:test';
import type { ErrorCode } from '../../src/errors.ts';
import type { TimestampOptions, TsaChoice } from '../../src/pki/tsa-selection.ts';
import type { Store } from '../../src/ports/store.ts';
import type { TimestampAuthority } from '../../src/ports/tsa.ts';

const request = { digest: 'sha256', messageImprint: Buffer.alloc(32) } as const;
const signature: TimestampOptions = { purpose: 'signature' };

interface Bench {
  readonly clock: ManualClock;
  readonly log: CollectingLog;
  readonly store: Store;
  readonly asked: string[];
  readonly failing: Map<string, ErrorCode>;
  readonly stamp: (tsas: readonly TsaChoice[], options?: TimestampOptions) => Promise<string>;
}

async function bench(t: TestContext): Promise<Bench> {
  const clock = new ManualClock();
  const log = new CollectingLog();
  const store = await temporaryStore(t, clock);
  const asked: string[] = [];
  const failing = new Map<string, ErrorCode>();
  const authority = (name: string): TimestampAuthority => ({
    name,
    timestamp: () => {
      asked.push(name);
      const code = failing.get(name);
      if (code !== undefined) return Promise.reject(new SealError(code, `${name}: ${code}`, { hint: 'wait' }));
      return Promise.resolve({ token: Buffer.from(name), genTime: clock.now(), accuracy: 0, certificate: Buffer.from(name), tsa: name });
    },
  });
  const tsas = new Map(['a', 'b', 'c'].map((name) => [name, authority(name)]));
  const stamp = async (choices: readonly TsaChoice[], options = signature): Promise<string> =>
    (await firstTimestamp({ clock, log, store, tsas }, choices, request, options)).tsa;
  return { clock, log, store, asked, failing, stamp };
}

const choice = (name: string, quota?: TsaChoice['quota']): TsaChoice => ({
  name,
  digest: 'sha256',
  ...(quota === undefined ? {} : { quota }),
});
const code = async (promise: Promise<unknown>): Promise<unknown> =>
  await promise.then(
    () => undefined,
    (error: unknown) => (error instanceof SealError ? error.code : error),
  );

describe('which authority is asked', () => {
  test('the first that answers, in their order; each is asked once and counted', async (t) => {
    const { stamp, asked, failing, store } = await bench(t);
    failing.set('a', 'SEAL-TSA-UNAVAILABLE').set('b', 'SEAL-TSA-INVALID');
    assert.equal(await stamp(['a', 'b', 'c'].map((name) => choice(name))), 'c');
    assert.deepEqual(asked, ['a', 'b', 'c']);
    const counts = await store.timestampCounts(0);
    assert.deepEqual(counts.map(({ tsa, ok, failed }) => [tsa, ok, failed]).sort(), [['a', 0, 1], ['b', 0, 1], ['c', 1, 0]]); // prettier-ignore
  });

  test('all fail: one error that names each; a single one keeps its own', async (t) => {
    const { stamp, failing } = await bench(t);
    failing.set('a', 'SEAL-TSA-UNAVAILABLE').set('b', 'SEAL-TSA-REFUSED');
    await assert.rejects(stamp([choice('a'), choice('b')]), /a: .*; b: /);
    assert.equal(await code(stamp([choice('b')])), 'SEAL-TSA-REFUSED');
    assert.equal(await code(stamp([])), 'SEAL-TSA-UNAVAILABLE');
    assert.equal(await code(stamp([choice('unknown')])), 'SEAL-TSA-UNAVAILABLE');
  });

  test('what is no matter of an authority is not passed over', async (t) => {
    const { stamp, failing } = await bench(t);
    failing.set('a', 'SEAL-STORE-CORRUPT');
    assert.equal(await code(stamp([choice('a'), choice('b')])), 'SEAL-STORE-CORRUPT');
  });

  test('one that failed a moment ago is asked last, for a minute', async (t) => {
    const { stamp, asked, failing, clock } = await bench(t);
    const resting = new Map<string, number>();
    failing.set('a', 'SEAL-TSA-UNAVAILABLE');
    const both = [choice('a'), choice('b')];
    await stamp(both, { purpose: 'signature', resting });
    await stamp(both, { purpose: 'signature', resting });
    assert.deepEqual(asked, ['a', 'b', 'b']);
    failing.clear();
    await clock.advance(60_000);
    assert.equal(await stamp(both, { purpose: 'signature', resting }), 'a');
  });

  test('always: the resting ones behind the others, nobody lost, order kept', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string()), fc.dictionary(fc.string(), fc.nat(100)), fc.nat(100), (names, rests, now) => {
        const resting = new Map(Object.entries(rests));
        const order = restedFirst(names.map((name) => ({ name })), resting, now).map(({ name }) => name); // prettier-ignore
        const rests1 = (name: string): boolean => (resting.get(name) ?? 0) > now;
        assert.deepEqual(order, [...names.filter((name) => !rests1(name)), ...names.filter(rests1)]);
      }),
    );
  });
});

describe('quotas', () => {
  const quota = { count: 10, per: 'day', reserve: 3 } as const;

  test('the reserve is left for closing; then the next authority, then the next day', async (t) => {
    const { stamp, clock, log } = await bench(t);
    const tsas = [choice('a', quota), choice('b')];
    const used: string[] = [];
    for (let i = 0; i < 9; i++) used.push(await stamp(tsas));
    assert.equal(used.join(''), 'aaaaaaabb');
    assert.equal(await code(stamp([choice('a', quota)])), 'SEAL-TSA-QUOTA');
    const closing: TimestampOptions = { purpose: 'closing' };
    for (let i = 0; i < 3; i++) assert.equal(await stamp([choice('a', quota)], closing), 'a');
    assert.equal(await code(stamp([choice('a', quota)], closing)), 'SEAL-TSA-QUOTA');
    assert.deepEqual(log.messages('warn').filter((message) => message.includes('%')), ['50', '80', '90', '100'].map((percent) => `${percent} % of the timestamps of this day are used`)); // prettier-ignore
    await clock.advance(24 * 3_600_000);
    assert.equal(await stamp(tsas), 'a');
  });

  test('failures do not use it up', async (t) => {
    const { stamp, failing } = await bench(t);
    failing.set('a', 'SEAL-TSA-REFUSED');
    for (let i = 0; i < 12; i++) await code(stamp([choice('a', quota)]));
    failing.clear();
    assert.equal(await stamp([choice('a', quota)]), 'a');
  });

  test('periods begin with the day, the month, the year, in UTC', () => {
    const now = Date.UTC(2026, 10, 22, 6, 21, 29);
    assert.equal(quotaStart('day', now), Date.UTC(2026, 10, 22));
    assert.equal(quotaStart('month', now), Date.UTC(2026, 10, 1));
    assert.equal(quotaStart('year', now), Date.UTC(2026, 0, 1));
  });
});
