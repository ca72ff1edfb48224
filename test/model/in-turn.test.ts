import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { inTurn } from '../../src/model/in-turn.ts';

test('work is done one piece after the other, in order, also after one that failed', async () => {
  const turn = inTurn();
  const done: string[] = [];
  const piece = (name: string, ticks: number) =>
    turn(async () => {
      done.push(`${name} begins`);
      for (let tick = 0; tick < ticks; tick++) await setImmediate();
      done.push(`${name} ends`);
      if (name === 'b') throw new Error('b failed');
      return name;
    });
  const results = await Promise.allSettled([piece('a', 3), piece('b', 2), piece('c', 0)]);
  assert.deepEqual(done, ['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  assert.deepEqual(
    results.map((result) => (result.status === 'fulfilled' ? result.value : 'failed')),
    ['a', 'failed', 'c'],
  );
});
