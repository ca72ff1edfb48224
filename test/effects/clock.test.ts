import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { systemClock } from '../../src/effects/clock.ts';
import { ManualClock } from '../support/clock.ts';

test('every never makes two calls at once, however long one takes', async () => {
  let running = 0;
  let most = 0;
  let calls = 0;
  // The timers of `every` do not keep the process alive; this test has to.
  const alive = setInterval(() => undefined, 60_000);
  await new Promise<void>((resolve) => {
    const timer = systemClock.every(1, async () => {
      most = Math.max(most, ++running);
      await systemClock.sleep(5);
      running--;
      if (++calls < 3) return;
      timer.cancel();
      resolve();
    });
  });
  clearInterval(alive);
  assert.equal(most, 1);
});

test('sleep rejects with the reason of the signal, also one that was aborted before', async () => {
  const reason = new Error('enough');
  await assert.rejects(systemClock.sleep(10_000, AbortSignal.abort(reason)), reason);
  const abort = new AbortController();
  const sleeping = systemClock.sleep(10_000, abort.signal);
  abort.abort(reason);
  await assert.rejects(sleeping, reason);
});

test('a delay longer than setTimeout takes does not fire at once', async () => {
  let fired = false;
  const timer = systemClock.after(2 ** 31 + 1000, () => (fired = true));
  await systemClock.sleep(5);
  timer.cancel();
  assert.equal(fired, false);
});

test('after and every do not keep the process alive', () => {
  const code = `import { systemClock } from '${new URL('../../src/effects/clock.ts', import.meta.url).href}';
    systemClock.after(60_000, () => {}); systemClock.every(60_000, () => {});`;
  assert.equal(spawnSync(process.execPath, ['--input-type=module', '-e', code], { timeout: 50_000 }).status, 0);
});

test('the clock of tests stands still, runs what is due in order, and its wall time can jump alone', async () => {
  const clock = new ManualClock(1_000);
  const seen: string[] = [];
  clock.after(30, () => seen.push('b'));
  clock.after(10, () => seen.push('a'));
  const timer = clock.every(20, () => {
    seen.push(`every ${clock.now()}`);
  });
  const slept = clock.sleep(25).then(() => seen.push('slept'));
  assert.deepEqual(seen, []);
  await clock.advance(45);
  await slept;
  assert.deepEqual(seen, ['a', 'every 1020', 'slept', 'b', 'every 1040']);
  timer.cancel();
  clock.jump(-500);
  assert.deepEqual([clock.now(), clock.monotonic(), clock.waiting], [545, 45, 0]);
});
