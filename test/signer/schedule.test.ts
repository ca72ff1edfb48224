import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { schedule, steal } from '../../src/signer/schedule.ts';
import type { Claim, KeyLoad } from '../../src/signer/schedule.ts';

const key = (name: string, change: Partial<KeyLoad> = {}): KeyLoad => ({
  name,
  room: 2,
  busy: 0,
  chunk: 1,
  concurrency: 1,
  pace: 500,
  ...change,
});
const claim = (id: number, change: Partial<Claim> = {}): Claim => ({
  id,
  turn: id,
  root: 'r',
  priority: 0,
  keys: ['a', 'b'],
  avoid: [],
  wanted: 100,
  ...change,
});
const nobody = new Map<string, number>();

describe('schedule', () => {
  test('priority first, then the root that had the least, then the batch whose turn it is', () => {
    const one = [key('a', { room: 1 })];
    const winner = (claims: Claim[], served = nobody) => schedule(one, claims, served)[0]?.claim;
    assert.equal(winner([claim(1), claim(2, { priority: 5 })]), 2);
    assert.equal(winner([claim(1, { root: 'x' }), claim(2, { root: 'y' })], new Map([['x', 10]])), 2);
    assert.equal(winner([claim(1), claim(2)]), 1);
    assert.equal(winner([claim(1, { turn: 9 }), claim(2, { turn: 3 })]), 2);
  });

  test('roots take turns within one round', () => {
    const grants = schedule(
      [key('a', { room: 4 })],
      [1, 2, 3, 4].map((id) => claim(id, { root: id < 3 ? 'x' : 'y' })),
      nobody,
    );
    assert.deepEqual(grants.map((grant) => grant.claim), [1, 3, 2, 4]); // prettier-ignore
  });

  test('the key that will be done soonest: the fast one with one in front rather than the slow one', () => {
    const keys = [key('slow', { pace: 1500 }), key('fast', { pace: 300, busy: 1, room: 1 })];
    const claims = [claim(1, { keys: ['slow', 'fast'] }), claim(2, { keys: ['slow', 'fast'] })];
    assert.deepEqual(schedule(keys, claims, nobody).map((grant) => grant.key), ['fast', 'slow']); // prettier-ignore
  });

  test('a claim whose keys are full does not stand in the way of the others', () => {
    const grants = schedule([key('a', { room: 0 }), key('b')], [claim(1, { keys: ['a'], priority: 9 }), claim(2)], nobody);
    assert.deepEqual(grants, [{ claim: 2, key: 'b', count: 1 }]);
  });

  test('a key that has just failed is taken only where there is no other', () => {
    assert.equal(schedule([key('a'), key('b', { pace: 9000 })], [claim(1, { avoid: ['a'] })], nobody)[0]?.key, 'b');
    assert.equal(schedule([key('a')], [claim(1, { keys: ['a'], avoid: ['a'] })], nobody)[0]?.key, 'a');
  });

  test('a chunk is not split for the last free places of a busy key', () => {
    const busy = key('a', { chunk: 64, room: 3, busy: 189, concurrency: 3 });
    assert.deepEqual(schedule([busy], [claim(1, { keys: ['a'] })], nobody), []);
    assert.equal(schedule([{ ...busy, room: 64, busy: 128 }], [claim(1, { keys: ['a'] })], nobody)[0]?.count, 64);
    assert.equal(schedule([busy], [claim(1, { keys: ['a'], wanted: 2 })], nobody)[0]?.count, 2);
  });

  test('always: no key beyond its room or chunk, no key a claim may not use, one grant a claim, nothing left that could be given', () => {
    const names = ['a', 'b', 'c'];
    const keys = fc.tuple(...names.map((name) => fc.record({ name: fc.constant(name), room: fc.integer({ min: 0, max: 9 }), busy: fc.integer({ min: 0, max: 9 }), chunk: fc.constantFrom(1, 4), concurrency: fc.integer({ min: 1, max: 3 }), pace: fc.nat(2000) }))); // prettier-ignore
    const claims = fc.array(fc.record({ root: fc.constantFrom('x', 'y', 'z'), priority: fc.nat(2), keys: fc.subarray(names, { minLength: 1 }), avoid: fc.subarray(names), wanted: fc.integer({ min: 1, max: 9 }) }), { maxLength: 12 }); // prettier-ignore
    fc.assert(
      fc.property(keys, claims, (loads, wishes) => {
        const numbered = wishes.map((wish, id) => ({ ...wish, id, turn: id }));
        const grants = schedule(loads, numbered, nobody);
        assert.equal(new Set(grants.map((grant) => grant.claim)).size, grants.length);
        for (const load of loads) {
          const own = grants.filter((grant) => grant.key === load.name);
          const used = own.reduce((sum, { count }) => sum + count, 0);
          assert.ok(used <= load.room);
          for (const { count, claim: id } of own) {
            const wish = numbered[id];
            assert.ok(wish && count >= 1 && count <= load.chunk && count <= wish.wanted && wish.keys.includes(load.name));
          }
        }
        for (const wish of numbered.filter(({ id }) => !grants.some((grant) => grant.claim === id))) {
          const idle = loads.filter((load) => load.chunk === 1 && wish.keys.includes(load.name) && !wish.avoid.includes(load.name));
          for (const load of idle) assert.ok(grants.filter((grant) => grant.key === load.name).length >= load.room);
        }
      }),
    );
  });
});

describe('work-stealing', () => {
  const loads = (...keys: KeyLoad[]) => new Map(keys.map((load) => [load.name, load]));
  const waiting = [{ key: 'a', count: 1, claim: claim(1) }];

  test('an idle key takes over what waits behind a busy one, if it is done sooner', () => {
    const fast = key('b', { pace: 300 });
    const slow = key('a', { pace: 1500, busy: 2 });
    assert.deepEqual(steal([fast], waiting, loads(fast, slow)), { index: 0, to: 'b' });
    const slower = key('b', { pace: 5000 });
    assert.equal(steal([slower], waiting, loads(slower, slow)), undefined);
  });

  test('never without the right, never to a key that has just failed', () => {
    const idle = key('b', { pace: 1 });
    const own = key('a', { busy: 2 });
    assert.equal(steal([idle], [{ key: 'a', count: 1, claim: claim(1, { keys: ['a'] }) }], loads(idle, own)), undefined);
    assert.equal(steal([idle], [{ key: 'a', count: 1, claim: claim(1, { avoid: ['b'] }) }], loads(idle, own)), undefined);
  });

  test('what is taken back is not dealt to the same key again: otherwise it would go round for ever', () => {
    const load = (name: string): fc.Arbitrary<KeyLoad> =>
      fc.record({ name: fc.constant(name), room: fc.constant(20), busy: fc.nat(12), chunk: fc.constantFrom(1, 4), concurrency: fc.integer({ min: 1, max: 3 }), pace: fc.constantFrom(0, 20, 70, 300) }); // prettier-ignore
    fc.assert(
      fc.property(load('a'), load('b'), load('c'), fc.integer({ min: 1, max: 4 }), fc.subarray(['b']), (a, b, c, most, avoid) => {
        const count = Math.min(most, a.chunk);
        const own = { ...a, busy: a.busy + count };
        const idle = { ...b, busy: 0 };
        const wish = claim(1, { keys: ['a', 'b', 'c'], avoid, wanted: count });
        const stolen = steal([idle], [{ key: 'a', count, claim: wish }], loads(own, idle, c));
        if (stolen !== undefined) assert.notEqual(schedule([a, idle, c], [wish], nobody)[0]?.key, 'a');
      }),
      { numRuns: 2_000 },
    );
  });
});
