import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite, test } from 'node:test';
import type { Step } from '../../src/batch/states.ts';
import { SealError } from '../../src/errors.ts';
import type { BatchState } from '../../src/model/batch.ts';
import { done } from '../../src/model/step.ts';
import type { Store } from '../../src/ports/store.ts';
import { FakeHouse, fault, refuse, report, wait, type Act } from './fake-house.ts';

const minute = 60_000;

/** The store, with some methods that do something before they do their work. */
function before(store: Store, methods: Partial<Record<keyof Store, () => void>>): Store {
  return new Proxy(store, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      const first = methods[name as keyof Store];
      if (typeof member !== 'function' || first === undefined) return member;
      return async (...args: unknown[]): Promise<unknown> => {
        first();
        return (await Reflect.apply(member, target, args)) as unknown;
      };
    },
  });
}

suite('a batch goes its way', () => {
  test('every transition is written before the next step begins', async (t) => {
    const house = await FakeHouse.open(t);
    const runner = house.runner(t);
    runner.take(await house.create('b'));
    const batch = await house.reaches('b', 'delivered');
    assert.deepEqual(house.calls, [
      'resumeClaim b (claiming)',
      'spool b (claimed)',
      'admit b (spooled)',
      'sign b (admitted)',
      'append b (signed)',
      'stage b (archived)',
      'release b (staged)',
      'file b (released)',
    ]);
    assert.equal(batch.finishedAt, house.clock.now());
    await house.until(() => runner.counts().running === 0);
    assert.deepEqual(runner.ended, { delivered: 1, inPart: 0, failed: 0 });
  });

  test('what is refused goes to failed/ with its reason; what may still leave the house does', async (t) => {
    const house = await FakeHouse.open(t);
    const runner = house.runner(t);
    const ends: [Step, BatchState, string?][] = [
      ['resumeClaim', 'abandoned'],
      ['spool', 'failed', 'SEAL-BATCH-EMPTY'],
      ['admit', 'failed', 'SEAL-BATCH-EMPTY'],
      ['sign', 'failed', 'SEAL-BATCH-EMPTY'],
      ['append', 'failed', 'SEAL-BATCH-EMPTY'],
      ['stage', 'failed', 'SEAL-BATCH-EMPTY'],
      ['release', 'failed', 'SEAL-BATCH-EMPTY'],
      ['file', 'delivered'],
    ];
    for (const [step, end, code] of ends) {
      house.plan(step, refuse('SEAL-BATCH-EMPTY'));
      runner.take(await house.create(step));
      const batch = await house.reaches(step, end);
      if (code !== undefined) assert.equal(batch.error?.code, code);
    }
    await house.until(() => runner.counts().running === 0);
    assert.deepEqual(runner.ended, { delivered: 1, inPart: 0, failed: 6 });
    assert.equal(house.calls.filter((call) => call.startsWith('fail ')).length, 6);
  });

  test('a batch without some of its documents is delivered in part', async (t) => {
    const house = await FakeHouse.open(t);
    const runner = house.runner(t);
    house.plan('sign', async ({ id }) => {
      const [first] = await house.store.documents(id);
      assert.ok(first);
      await house.store.failDocuments([{ document: first.id, error: report('SEAL-DOC-DAMAGED') }]);
      return done;
    });
    runner.take(await house.create('b'));
    await house.reaches('b', 'delivered');
    await house.until(() => runner.counts().running === 0);
    assert.deepEqual(runner.ended, { delivered: 0, inPart: 1, failed: 0 });
  });

  test('a restart takes up every state where it was written', async (t) => {
    const house = await FakeHouse.open(t);
    const stages: Step[] = ['resumeClaim', 'spool', 'admit', 'sign', 'append', 'stage', 'release', 'file'];
    for (const [n, step] of stages.entries()) {
      const id = `b${n}`;
      // The process ends while the step runs: nothing of it was written.
      let killed = false;
      house.plan(step, async (_, signal) => {
        killed = true;
        await new Promise((resolve) => {
          signal.addEventListener('abort', resolve);
        });
        throw signal.reason;
      });
      const first = house.runner(t);
      first.take(await house.create(id));
      await house.until(() => killed);
      await first.stop();
      const { state } = await house.batch(id);
      house.calls.length = 0;
      const second = house.runner(t);
      assert.equal(await second.resume(), 1);
      await house.reaches(id, 'delivered');
      assert.equal(house.calls[0], `${step} ${id} (${state})`);
      await second.stop();
    }
  });

  test('one that failed on its way, or was being cancelled, goes on to failed/ after a restart', async (t) => {
    const house = await FakeHouse.open(t);
    for (const [from, end] of [
      ['failing', 'failed'],
      ['cancelling', 'cancelled'],
    ] as const) {
      await house.create(from, 'claimed');
      await house.store.advance(from, 'claimed', from, { error: report('SEAL-BATCH-EMPTY') });
      const runner = house.runner(t);
      await runner.resume();
      assert.equal((await house.reaches(from, end)).error?.code, 'SEAL-BATCH-EMPTY');
      await runner.stop();
    }
  });
});

suite('waiting', () => {
  test('the reason is written with its beginning, which stays over tries; then it goes on by itself', async (t) => {
    const house = await FakeHouse.open(t);
    const runner = house.runner(t);
    const began = house.clock.now();
    house.plan('sign', wait('SEAL-KEY-PIN-NEEDED'), wait('SEAL-KEY-PIN-NEEDED'), wait('SEAL-KEY-PIN-NEEDED', 'another card'));
    runner.take(await house.create('b'));
    for (const [tries, pause] of [1_000, 2_000, 4_000].entries()) {
      await house.until(() => house.calls.filter((call) => call.startsWith('sign')).length === tries + 1);
      const { state, waiting } = await house.waits(runner, 'b', 'SEAL-KEY-PIN-NEEDED');
      assert.deepEqual([state, waiting?.since], ['admitted', began]);
      assert.deepEqual(runner.counts(), { running: 0, waiting: 1 });
      await house.clock.advance(pause - 1);
      assert.equal(runner.counts().waiting, 1, 'not before its time');
      await house.clock.advance(1);
    }
    const batch = await house.reaches('b', 'delivered');
    assert.equal(batch.waiting, undefined);
    assert.equal(house.log.messages('info').filter((message) => message === 'batch waits').length, 1, 'told once');
  });

  test('who pokes is heard: before, while and after the step that ends in waiting', async (t) => {
    const house = await FakeHouse.open(t);
    const runner = house.runner(t);
    // While the step runs: it may have looked before the PIN came.
    house.plan('sign', () => {
      runner.poke();
      return { kind: 'wait', reason: report('SEAL-KEY-PIN-NEEDED') };
    });
    house.plan('sign', wait('SEAL-KEY-ABSENT'), wait('SEAL-KEY-LIMIT'));
    runner.take(await house.create('b'));
    await house.waits(runner, 'b', 'SEAL-KEY-ABSENT');
    runner.poke('somebody else');
    await sleep(20);
    assert.equal(runner.counts().waiting, 1);
    runner.poke('b');
    await house.waits(runner, 'b', 'SEAL-KEY-LIMIT');
    runner.poke();
    await house.reaches('b', 'delivered');
  });

  test('a fault is tried again, loudly, and never ends a batch', async (t) => {
    const house = await FakeHouse.open(t);
    const runner = house.runner(t);
    house.plan('stage', fault(new SealError('SEAL-DISK-IO', 'EIO')), fault(new TypeError('a defect')));
    runner.take(await house.create('b'));
    await house.waits(runner, 'b', 'SEAL-DISK-IO');
    runner.poke();
    const { waiting } = await house.waits(runner, 'b', 'SEAL-INTERNAL');
    assert.match(waiting?.hint ?? '', /report/);
    const lines = house.log.lines.filter(({ message }) => message === 'step failed');
    assert.deepEqual(
      lines.map(({ level, fields }) => [level, fields['step'], fields['batch'], typeof fields['stack']]),
      [
        ['warn', 'stage', 'b', 'undefined'],
        ['warn', 'stage', 'b', 'string'],
      ],
    );
    runner.poke();
    await house.reaches('b', 'delivered');
  });

  test('maxWait counts what a batch waited, not what it worked, and lets it fail so that it can be retried', async (t) => {
    const house = await FakeHouse.open(t);
    const runner = house.runner(t, { maxWait: (root) => (root === 'pdf' ? 90_000 : undefined) });
    // Hours of work are no wait.
    house.plan('spool', async () => {
      await house.clock.advance(180 * minute);
      return done;
    });
    for (let n = 0; n < 20; n++) house.plan('sign', wait(n % 2 === 0 ? 'SEAL-KEY-PIN-NEEDED' : 'SEAL-KEY-ABSENT'));
    runner.take(await house.create('b'));
    let waited = 0;
    while ((await house.batch('b')).state !== 'failed') {
      await house.until(async () => runner.counts().waiting > 0 || (await house.batch('b')).state === 'failed');
      if (runner.counts().waiting === 0) break;
      await house.clock.advance(500);
      waited += 500;
      await sleep(1);
    }
    assert.ok(waited >= 90_000 && waited <= 95_000, String(waited));
    const { error } = await house.batch('b');
    assert.deepEqual([error?.code, error?.retryable, error?.hint], ['SEAL-BATCH-TIMEOUT', true, 'wait for the test']);
  });

  test('a wait that began before a restart counts; a clock set back does not', async (t) => {
    const house = await FakeHouse.open(t);
    await house.create('b', 'claimed');
    await house.store.setWaiting('b', { ...report('SEAL-DISK-FULL'), since: house.clock.now() - 80_000 });
    for (let n = 0; n < 9; n++) house.plan('spool', wait('SEAL-DISK-FULL'));
    const runner = house.runner(t, { maxWait: () => 90_000 });
    await runner.resume();
    await house.waits(runner, 'b', 'SEAL-DISK-FULL');
    house.clock.jump(-86_400_000);
    const failed = async (): Promise<boolean> => (await house.batch('b')).state === 'failed';
    while (!(await failed())) {
      await house.clock.advance(1_000);
      await house.until(async () => runner.counts().waiting > 0 || (await failed()));
    }
    assert.ok(house.clock.monotonic() <= 15_000, String(house.clock.monotonic()));
  });

  test('output that waits to be collected is never given up, however long, and is delivered in the end', async (t) => {
    const house = await FakeHouse.open(t);
    const runner = house.runner(t, { maxWait: () => 1_000 });
    for (let n = 0; n < 5; n++) house.plan('release', wait('SEAL-BATCH-STATE', 'outgoing still holds an output'));
    runner.take(await house.create('b'));
    for (let n = 0; n < 5; n++) {
      const { waiting } = await house.waits(runner, 'b', 'SEAL-BATCH-STATE');
      assert.equal(waiting?.message, 'outgoing still holds an output');
      await house.clock.advance(minute);
      await house.until(() => house.calls.filter((call) => call.startsWith('release')).length > n + 1);
    }
    await house.reaches('b', 'delivered');
  });
});

suite('cancelling', () => {
  const asLongAsAllowed: Act = async (_, signal) => {
    await new Promise((resolve) => {
      signal.addEventListener('abort', resolve);
    });
    throw signal.reason;
  };

  test('a step in progress ends early, and the wish is written before the answer', async (t) => {
    const house = await FakeHouse.open(t);
    for (const step of ['spool', 'admit', 'sign'] as const) {
      const runner = house.runner(t);
      house.plan(step, asLongAsAllowed);
      runner.take(await house.create(step));
      await house.until(() => house.calls.some((call) => call.startsWith(`${step} ${step}`)));
      await runner.cancel(step, 'karl');
      assert.ok(['cancelling', 'cancelled'].includes((await house.batch(step)).state));
      const { error } = await house.reaches(step, 'cancelled');
      assert.deepEqual([error?.code, error?.message], ['SEAL-BATCH-CANCELLED', 'cancelled by karl']);
    }
  });

  test('a batch that waits, one that nobody works on, and two wishes at once', async (t) => {
    const house = await FakeHouse.open(t);
    const runner = house.runner(t);
    house.plan('sign', wait('SEAL-KEY-PIN-NEEDED'));
    runner.take(await house.create('a'));
    await house.waits(runner, 'a', 'SEAL-KEY-PIN-NEEDED');
    await Promise.all([runner.cancel('a', 'karl'), runner.cancel('a', 'anna')]);
    await house.reaches('a', 'cancelled');
    await house.create('idle', 'claimed');
    await runner.cancel('idle', 'karl');
    await house.reaches('idle', 'cancelled');
    assert.equal(house.calls.filter((call) => call.startsWith('spool idle')).length, 0, 'it is not copied first');
  });

  test('what is on its way out is not stopped: the wish is refused and the batch delivered', async (t) => {
    const house = await FakeHouse.open(t);
    const runner = house.runner(t);
    const refusal = { code: 'SEAL-BATCH-STATE' };
    await assert.rejects(runner.cancel('nobody', 'karl'), { code: 'SEAL-BATCH-UNKNOWN' });
    // The wish comes while the step that passes the point of no return is running, and comes too late.
    let wish: Promise<void> | undefined;
    house.plan('sign', () => {
      wish = runner.cancel('b', 'karl');
      wish.catch(() => undefined);
      return new Promise((resolve) => setImmediate(resolve)).then(() => done);
    });
    runner.take(await house.create('b'));
    await house.reaches('b', 'delivered');
    await assert.rejects(Promise.resolve(wish), refusal);
    await assert.rejects(runner.cancel('b', 'karl'), refusal);
    house.plan('release', wait('SEAL-BATCH-STATE'));
    runner.take(await house.create('c'));
    await house.waits(runner, 'c', 'SEAL-BATCH-STATE');
    await assert.rejects(runner.cancel('c', 'karl'), refusal);
    runner.poke();
    await house.reaches('c', 'delivered');
  });

  test('a wish that the end of the process overtakes is refused, not lost in silence', async (t) => {
    const house = await FakeHouse.open(t);
    const runner = house.runner(t);
    house.store = before(house.store, {
      advance: () => {
        throw new SealError('SEAL-STORE-BUSY', 'busy');
      },
    });
    const stuck = house.runner(t);
    house.plan('sign', wait('SEAL-KEY-PIN-NEEDED'));
    await house.create('b', 'claimed');
    await house.store.recordSpooled('b', []);
    const wish = stuck.cancel('b', 'karl');
    wish.catch(() => undefined);
    await house.until(() => house.log.messages('error').length > 0);
    await stuck.stop();
    await assert.rejects(wish, { code: 'SEAL-INTERRUPTED' });
    await runner.stop();
    await assert.rejects(runner.cancel('b', 'karl'), { code: 'SEAL-INTERRUPTED' });
  });
});

suite('the database', () => {
  test('that does not answer makes a batch stand still, and it goes on from what is written', async (t) => {
    const house = await FakeHouse.open(t);
    const real = house.store;
    let broken = 0;
    house.store = before(real, {
      advance: () => {
        if (broken-- > 0) throw new SealError('SEAL-DISK-FULL', 'no room for the database');
      },
    });
    const runner = house.runner(t);
    broken = 2;
    runner.take(await house.create('b'));
    await house.until(() => house.log.messages('error').length === 1);
    assert.equal((await house.batch('b')).state, 'claiming');
    await house.clock.advance(5_000);
    await house.until(() => house.log.messages('error').length === 2);
    await house.clock.advance(5_000);
    await house.reaches('b', 'delivered');
    assert.equal(house.calls.filter((call) => call.startsWith('resumeClaim')).length, 3, 'the step ran again each time');
  });

  test('a transition that was written although its answer was lost is not made twice', async (t) => {
    const house = await FakeHouse.open(t);
    const real = house.store;
    let lost = false;
    house.store = new Proxy(real, {
      get: (target, name) => {
        if (name !== 'advance') return Reflect.get(target, name) as unknown;
        return async (...args: Parameters<Store['advance']>): Promise<void> => {
          await real.advance(...args);
          if (args[2] !== 'staged' || lost) return;
          lost = true;
          throw new SealError('SEAL-INTERNAL', 'the answer was lost');
        };
      },
    });
    const runner = house.runner(t);
    runner.take(await house.create('b'));
    await house.until(() => lost && house.log.messages('error').length === 1);
    await house.clock.advance(5_000);
    await house.reaches('b', 'delivered');
    assert.equal(house.calls.filter((call) => call.startsWith('stage ')).length, 1);
  });
});

suite('many batches', () => {
  test('a root has its share and no more, waiting ones included; room is told when one ends', async (t) => {
    const house = await FakeHouse.open(t);
    const runner = house.runner(t, { perRoot: 2 });
    let told = 0;
    runner.onEnd(() => told++);
    house.plan('sign', wait('SEAL-KEY-PIN-NEEDED'), wait('SEAL-KEY-PIN-NEEDED'));
    for (const id of ['a', 'b']) {
      assert.ok(runner.hasRoom('pdf'));
      runner.take(await house.create(id));
    }
    await house.until(() => runner.counts('pdf').waiting === 2);
    assert.equal(runner.hasRoom('pdf'), false);
    assert.ok(runner.hasRoom('letters'), 'other roots have theirs');
    assert.deepEqual([runner.counts('letters'), told], [{ running: 0, waiting: 0 }, 0]);
    runner.poke('a');
    await house.reaches('a', 'delivered');
    await house.until(() => told === 1);
    assert.ok(runner.hasRoom('pdf'));
  });

  test('a few copy at the same time, in the order in which they came', async (t) => {
    const house = await FakeHouse.open(t);
    const runner = house.runner(t, { copying: 2 });
    const release: (() => void)[] = [];
    let most = 0;
    let now = 0;
    for (let n = 0; n < 5; n++) {
      house.plan('spool', async () => {
        most = Math.max(most, ++now);
        await new Promise<void>((resolve) => release.push(resolve));
        now--;
        return done;
      });
    }
    for (let n = 0; n < 5; n++) {
      runner.take(await house.create(`b${n}`, 'claimed'));
      await sleep(5);
    }
    for (let n = 0; n < 5; n++) {
      await house.until(() => release.length > 0);
      release.shift()?.();
    }
    for (let n = 0; n < 5; n++) await house.reaches(`b${n}`, 'delivered');
    assert.equal(most, 2);
    assert.deepEqual(
      house.calls.filter((call) => call.startsWith('spool')).map((call) => call.split(' ')[1]),
      ['b0', 'b1', 'b2', 'b3', 'b4'],
    );
  });

  test('a batch is worked on once, however often it is handed over', async (t) => {
    const house = await FakeHouse.open(t);
    const runner = house.runner(t);
    const batch = await house.create('b');
    for (let n = 0; n < 5; n++) runner.take(batch);
    await house.reaches('b', 'delivered');
    assert.equal(house.calls.length, 8);
    await house.until(() => runner.counts().running === 0);
    runner.take(batch);
    await house.until(() => runner.counts().running === 0);
    assert.equal(house.calls.length, 8, 'one that has ended is left alone');
  });

  test('stopping lets the steps in progress end, writes what they did, and begins nothing', async (t) => {
    const house = await FakeHouse.open(t);
    const runner = house.runner(t, { copying: 1 });
    const release: (() => void)[] = [];
    house.plan('stage', async () => {
      await new Promise<void>((resolve) => release.push(resolve));
      return done;
    });
    house.plan('sign', wait('SEAL-KEY-PIN-NEEDED'));
    runner.take(await house.create('asleep'));
    await house.waits(runner, 'asleep', 'SEAL-KEY-PIN-NEEDED');
    runner.take(await house.create('busy'));
    await house.until(() => release.length > 0);
    runner.take(await house.create('queued', 'claimed'));
    await sleep(10);
    const stopped = runner.stop();
    let ended = false;
    void stopped.then(() => (ended = true));
    await sleep(20);
    assert.equal(ended, false, 'the step in progress is not cut off');
    release[0]?.();
    await stopped;
    assert.deepEqual(await Promise.all(['asleep', 'busy', 'queued'].map(async (id) => (await house.batch(id)).state)), [
      'admitted',
      'staged',
      'claimed',
    ]);
    runner.take(await house.create('late'));
    await sleep(10);
    assert.equal((await house.batch('late')).state, 'claiming');
    assert.equal(runner.hasRoom('pdf'), false);
  });
});
