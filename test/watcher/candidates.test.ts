import assert from 'node:assert/strict';
import { chownSync, existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RootConfig } from '../../src/model/config.ts';
import type { Candidate, ClaimResult } from '../../src/watcher/candidate.ts';
import { Candidates, claim, type RootState } from '../../src/watcher/intake.ts';
import { failing, gated } from '../support/files.ts';
import { IntakeHouse } from '../support/intake.ts';
import { asRoot } from '../support/tools.ts';

async function watched(t: TestContext, house: IntakeHouse, roots: readonly RootConfig[] = [house.root]): Promise<Candidates> {
  const candidates = new Candidates(house.fx, roots);
  t.after(() => candidates.close());
  await candidates.start();
  return candidates;
}

/** Moves the clock on in steps, giving threads and files time in between, until it holds. */
async function until(house: IntakeHouse, what: string, holds: () => boolean, limit = 120_000): Promise<number> {
  const began = house.clock.monotonic();
  while (!holds()) {
    if (house.clock.monotonic() - began > limit) assert.fail(`did not happen in ${limit} ms: ${what}`);
    await house.clock.advance(100);
    await sleep(2);
  }
  return house.clock.monotonic() - began;
}

/** Takes what is ready, and claims it. */
async function claimNext(
  house: IntakeHouse,
  candidates: Candidates,
  mayClaim?: (root: string) => boolean,
): Promise<readonly [Candidate, ClaimResult]> {
  const candidate = candidates.take(mayClaim);
  assert.ok(candidate);
  const result = await claim(house.fx, house.config, { ...house.root, name: candidate.root }, candidate);
  candidates.settled(candidate, result);
  return [candidate, result];
}

function stateOf(candidates: Candidates): RootState {
  const [state] = candidates.states();
  assert.ok(state);
  return state;
}

suite('from approval to claim', () => {
  test('a batch is ready when it has stood still for `settle`, not before', async (t) => {
    const house = await IntakeHouse.open(t);
    house.place('a', { x: 'x' });
    const candidates = await watched(t, house);
    await house.clock.advance(house.root.settle - 500);
    assert.equal(candidates.ready, 0);
    assert.equal(candidates.idle, false, '`run --once` waits for it');
    assert.equal(stateOf(candidates).waiting[0]?.reason, 'settling');
    await until(house, 'ready', () => candidates.ready === 1);
    const [candidate, result] = await claimNext(house, candidates);
    assert.equal(candidate.relPath.toString(), 'a');
    assert.equal(result.kind, 'claimed');
    assert.equal(candidates.idle, true);
    assert.equal(stateOf(candidates).approved, 0);
  });

  test('as long as somebody writes it settles; never given up', async (t) => {
    const house = await IntakeHouse.open(t);
    const directory = house.place('a', { x: 'x' });
    const candidates = await watched(t, house);
    for (let n = 0; n < 12; n++) {
      await house.clock.advance(house.root.settle - 1_000);
      await sleep(5);
      writeFileSync(join(directory, `${n}`), `${n}`);
      assert.equal(candidates.ready, 0);
    }
    await until(house, 'ready', () => candidates.ready === 1);
  });

  test('an approval that comes later is seen by its event; one whose event is lost by the next pass', async (t) => {
    const house = await IntakeHouse.open(t);
    const directory = house.place('a', { x: 'x' }, false);
    const candidates = await watched(t, house);
    assert.equal(stateOf(candidates).mode, 'events');
    writeFileSync(join(directory, 'APPROVED'), '');
    // No pass is due yet: the clock stands still.
    for (let tries = 0; tries < 6_000 && stateOf(candidates).approved === 0; tries++) await sleep(10);
    assert.equal(stateOf(candidates).approved, 1);

    const polled = house.with({ root: { watch: 'poll' } });
    const other = await watched(t, polled);
    assert.equal(stateOf(other).mode, 'poll');
    house.place('b', { x: 'x' });
    await until(house, 'seen by a pass', () => stateOf(other).approved === 2);
  });

  test('expected files: it waits until exactly those are there, and says for which', async (t) => {
    const house = await IntakeHouse.open(t);
    const directory = house.place('a', { one: '1' }, 'files: [one, two]');
    const candidates = await watched(t, house);
    await until(house, 'blocked', () => stateOf(candidates).waiting[0]?.reason.includes('missing') === true);
    assert.match(stateOf(candidates).waiting[0]?.reason ?? '', /1 of 2 expected files are missing \(“two”\)/);
    assert.equal(candidates.idle, true, '`run --once` does not wait for somebody else');
    writeFileSync(join(directory, 'two'), '2');
    writeFileSync(join(directory, 'three'), '3');
    await until(house, 'still blocked', () => stateOf(candidates).waiting[0]?.reason.includes('“three”') === true);
    rmSync(join(directory, 'three'));
    await until(house, 'ready', () => candidates.ready === 1);
  });

  test('an approval by the wrong owner approves nothing, and the directory stays untouched', asRoot, async (t) => {
    const house = (await IntakeHouse.open(t)).with({
      root: { approval: { mode: 'semaphore', name: 'APPROVED', quiet: 0, owner: 4_711 } },
    });
    const directory = house.place('a', { x: 'x' });
    const candidates = await watched(t, house);
    await until(house, 'said', () => stateOf(candidates).waiting[0]?.reason.includes('uid') === true);
    await house.clock.advance(60_000);
    assert.equal(candidates.ready, 0);
    assert.ok(existsSync(directory));
    chownSync(join(directory, 'APPROVED'), 4_711, 0);
    await until(house, 'ready', () => candidates.ready === 1);
  });

  test('a malformed semaphore is claimed all the same: the producer finds the reason in failed/', async (t) => {
    const house = await IntakeHouse.open(t);
    house.place('a', { x: 'x' }, 'profile: [');
    const candidates = await watched(t, house);
    await until(house, 'ready', () => candidates.ready === 1);
  });

  test('a semaphore that is a link or a directory, and one that is nearly right: explained and left alone', async (t) => {
    const house = await IntakeHouse.open(t);
    symlinkSync('/etc/passwd', join(house.place('a', { x: 'x' }, false), 'APPROVED'));
    mkdirSync(join(house.place('b', { x: 'x' }, false), 'APPROVED'));
    house.place('c', { x: 'x', 'Approved.txt': '' }, false);
    const candidates = await watched(t, house);
    await house.clock.advance(60_000);
    assert.equal(candidates.ready, 0);
    assert.equal(candidates.idle, true);
    assert.deepEqual(
      stateOf(candidates)
        .nearMisses.map(({ path }) => path)
        .sort(),
      ['a', 'b', 'c'],
    );
  });
});

suite('quiet mode', () => {
  const quiet = { approval: { mode: 'quiet', name: 'APPROVED', quiet: 30_000 } } as const;

  test('direct children of incoming, unchanged for `quiet`, with at least one document', async (t) => {
    const house = (await IntakeHouse.open(t)).with({ root: quiet });
    const directory = house.place('a', { 'x.part': 'x' }, false);
    const candidates = await watched(t, house);
    await house.clock.advance(120_000);
    assert.equal(candidates.ready, 0, 'somebody made the directory and has put nothing in it yet');
    renameSync(join(directory, 'x.part'), join(directory, 'x.pdf'));
    const took = await until(house, 'ready', () => candidates.ready === 1);
    assert.ok(took >= 30_000);
    const [candidate] = await claimNext(house, candidates);
    assert.equal(candidate.semaphore.length, 0);
  });
});

suite('claims that are refused', () => {
  test('“not yet” is tried again under the same id, and what goes meanwhile ends its row', async (t) => {
    const house = await IntakeHouse.open(t);
    house.place('a', { x: 'x' });
    const candidates = await watched(t, house);
    await until(house, 'ready', () => candidates.ready === 1);
    const files = failing(house.fx.files, { method: 'rename', nth: 1, errno: 'EBUSY' }, { method: 'rename', nth: 2, errno: 'EBUSY' });
    const busy = house.with({ fx: { files } });
    const [, first] = await claimNext(busy, candidates);
    assert.equal(first.kind, 'refused');
    assert.match(stateOf(candidates).waiting[0]?.reason ?? '', /cannot be claimed yet/);
    await until(house, 'ready again', () => candidates.ready === 1);
    const [, second] = await claimNext(busy, candidates);
    assert.deepEqual([second.kind, 'batch' in second && second.batch], ['refused', first.batch]);
    rmSync(join(house.root.incoming, 'a'), { recursive: true });
    await until(house, 'taken up once more', () => candidates.ready === 1, 1_000_000);
    const [, third] = await claimNext(house, candidates);
    assert.equal(third.kind, 'gone');
    assert.equal((await house.batch(first.batch)).state, 'abandoned');
    assert.equal((await house.fx.store.batches({})).length, 1, 'one row for all attempts');
    assert.equal(stateOf(candidates).approved, 0);
  });

  test('what arrives at the old path after the claim raises a warning, once; a new approval is a batch of its own', async (t) => {
    const house = await IntakeHouse.open(t);
    house.place('a', { x: 'x' });
    house.place('b', { x: 'x' });
    const candidates = await watched(t, house);
    await until(house, 'ready', () => candidates.ready === 2);
    await claimNext(house, candidates);
    await claimNext(house, candidates);
    house.place('a', { late: 'x' }, false);
    house.place('b', { next: 'x' });
    await until(house, 'a warning', () => stateOf(candidates).warnings.length > 0);
    await house.clock.advance(60_000);
    const { warnings } = stateOf(candidates);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /^a: something arrived/);
    assert.equal(house.log.messages('warn').filter((message) => message.includes('something arrived')).length, 1);
    await until(house, 'the next batch', () => candidates.ready === 1);
  });
});

suite('between roots', () => {
  test('a root with many batches keeps a root with few not waiting; one that may not claim is passed over', async (t) => {
    const house = await IntakeHouse.open(t);
    const small = {
      ...house.root,
      name: 'small',
      path: join(house.root.path, '../small'),
      incoming: join(house.root.path, '../small/incoming'),
    };
    for (let n = 0; n < 20; n++) house.place(`${n}`, { x: 'x' });
    for (const name of ['p', 'q']) {
      mkdirSync(join(small.incoming, name), { recursive: true });
      writeFileSync(join(small.incoming, name, 'APPROVED'), '');
    }
    const candidates = await watched(t, house, [house.root, small]);
    await until(house, 'all ready', () => candidates.ready === 22);
    const order = Array.from({ length: 4 }, () => candidates.take()?.root);
    assert.equal(order.filter((root) => root === 'small').length, 2);
    assert.equal(
      candidates.take((root) => root === 'small'),
      undefined,
    );
    assert.equal(candidates.ready, 18);
  });

  test('an incoming that is not there keeps nobody else waiting, is said, and comes back', async (t) => {
    const house = await IntakeHouse.open(t);
    const absent = { ...house.root, name: 'absent', incoming: join(house.root.path, '../absent') };
    house.place('a', { x: 'x' });
    const candidates = await watched(t, house, [absent, house.root]);
    await until(house, 'ready', () => candidates.ready === 1);
    assert.equal(stateOf(candidates).problem?.code, 'SEAL-ROOT-UNUSABLE');
    mkdirSync(join(absent.incoming, 'b'), { recursive: true });
    writeFileSync(join(absent.incoming, 'b/APPROVED'), '');
    await until(house, 'both', () => candidates.ready === 2);
    assert.equal(stateOf(candidates).problem, undefined);
  });

  test('a directory that cannot be looked at now is tried again', async (t) => {
    const house = await IntakeHouse.open(t);
    house.place('a', { x: 'x' });
    let faults = 0;
    const files = gated(house.fx.files, ({ method }, when) => {
      if (method === 'read' && when === 'before' && faults++ < 2) throw Object.assign(new Error('EIO'), { code: 'EIO' });
    });
    const candidates = await watched(t, house.with({ fx: { files } }));
    await until(house, 'ready', () => candidates.ready === 1);
    assert.ok(faults > 2);
  });

  test('passes that are asked for at the same time are one', async (t) => {
    const house = await IntakeHouse.open(t);
    const candidates = await watched(t, house);
    house.place('a', { x: 'x' });
    await Promise.all(Array.from({ length: 5 }, () => candidates.sweep()));
    assert.equal(stateOf(candidates).approved, 1);
    house.place('b', { x: 'x' });
    await candidates.sweep();
    assert.equal(stateOf(candidates).approved, 2);
  });

  test('an outer approval takes in what was approved inside', async (t) => {
    const house = await IntakeHouse.open(t);
    house.place('outer/inner', { x: 'x' });
    const candidates = await watched(t, house);
    await until(house, 'the inner one', () => candidates.ready === 1);
    writeFileSync(join(house.root.incoming, 'outer/APPROVED'), '');
    await until(house, 'the outer one', () =>
      stateOf(candidates).waiting.some(({ path, reason }) => path === 'outer' && reason.includes('turn')),
    );
    assert.equal(candidates.ready, 1);
    assert.equal(candidates.take()?.relPath.toString(), 'outer');
  });
});
