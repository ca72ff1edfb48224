import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import type { Batch } from '../../src/model/batch.ts';
import { claim, disown, own, resumeClaim } from '../../src/watcher/intake.ts';
import { failing, gated, Killed, killedAt, temporaryDirectory } from '../support/files.ts';
import { IntakeHouse } from '../support/intake.ts';
import { sharedMemory, skipUnmounted } from '../support/tools.ts';

const claimedAt = (house: IntakeHouse, batch: string): string => join(house.root.path, '.sealtree/claimed', batch);

suite('claiming', () => {
  test('the row comes first, then one rename out of the producer’s reach', async (t) => {
    const house = await IntakeHouse.open(t);
    const directory = house.place('day/a', { 'x.txt': 'x' });
    const order: string[] = [];
    const store = new Proxy(house.fx.store, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]): unknown => {
          order.push(`${String(name)} ${existsSync(directory) ? 'before' : 'after'} the rename`);
          return Reflect.apply(member, target, args);
        };
      },
    });
    const result = await claim(
      { ...house.fx, store },
      house.config,
      house.root,
      await house.candidate('day/a', { options: { priority: 4 }, priority: 4 }),
    );
    assert.equal(result.kind, 'claimed');
    assert.deepEqual(order, ['createBatch before the rename', 'advance after the rename']);
    const batch = await house.batch(result.batch);
    assert.deepEqual(
      [batch.state, batch.priority, batch.profile, batch.keys, batch.outPath.toString()],
      ['claimed', 4, 'seal', ['key'], 'day/a'],
    );
    assert.ok(existsSync(join(claimedAt(house, batch.id), 'x.txt')));
    assert.equal(statSync(join(house.root.path, '.sealtree/claimed')).mode & 0o077, 0, 'nobody else looks into it');
  });

  test('a directory that is gone is no batch; a claim that is refused waits under its id and is tried again', async (t) => {
    const house = await IntakeHouse.open(t);
    house.place('a', { x: 'x' });
    const candidate = await house.candidate('a');
    const files = failing(house.fx.files, { method: 'rename', nth: 1, errno: 'EBUSY' });
    const refused = await claim({ ...house.fx, files }, house.config, house.root, candidate);
    assert.equal(refused.kind, 'refused');
    assert.match(refused.error.hint ?? '', /open/);
    const waiting = await house.batch(refused.batch);
    assert.deepEqual([waiting.state, waiting.waiting?.code], ['claiming', 'SEAL-ROOT-UNUSABLE']);
    const again = await claim(house.fx, house.config, house.root, { ...candidate, batch: refused.batch });
    assert.deepEqual(again, { kind: 'claimed', batch: refused.batch });

    house.place('b', { x: 'x' });
    const gone = await house.candidate('b');
    rmSync(join(house.root.incoming, 'b'), { recursive: true });
    assert.deepEqual(await claim(house.fx, house.config, house.root, gone), { kind: 'gone' });
    assert.deepEqual((await house.fx.store.batches({})).map(({ state }) => state).sort(), ['abandoned', 'claimed']);
  });

  test('a rename that happened although its sync failed is found at the next attempt', async (t) => {
    const house = await IntakeHouse.open(t);
    house.place('a', { x: 'x' });
    const candidate = await house.candidate('a');
    const files = gated(house.fx.files, ({ method }, when) => {
      if (method === 'rename' && when === 'after') throw Object.assign(new Error('EIO'), { code: 'EIO' });
    });
    await assert.rejects(claim({ ...house.fx, files }, house.config, house.root, candidate));
    const [row] = await house.fx.store.batches({});
    assert.equal(row?.state, 'claiming');
    assert.deepEqual(await claim(house.fx, house.config, house.root, { ...candidate, batch: row.id }), { kind: 'claimed', batch: row.id });
  });

  test('an approval taken back in the last moment puts the directory back', async (t) => {
    const house = await IntakeHouse.open(t);
    const directory = house.place('a', { x: 'x' });
    const candidate = await house.candidate('a');
    rmSync(join(directory, 'APPROVED'));
    assert.deepEqual(await claim(house.fx, house.config, house.root, candidate), { kind: 'gone' });
    assert.ok(existsSync(join(directory, 'x')));
  });

  test('of many claims of one directory exactly one gets it', async (t) => {
    const house = await IntakeHouse.open(t);
    house.place('a', { x: 'x' });
    const candidate = await house.candidate('a');
    const results = await Promise.all(Array.from({ length: 10 }, () => claim(house.fx, house.config, house.root, candidate)));
    assert.equal(results.filter(({ kind }) => kind === 'claimed').length, 1);
    assert.equal(results.filter(({ kind }) => kind === 'gone').length, 9);
  });

  test('killed at any change of the file system, the directory is at one place, and resuming knows which', async (t) => {
    const house = await IntakeHouse.open(t);
    for (const when of ['before', 'after'] as const) {
      for (let nth = 1; nth <= 4; nth++) {
        const name = `${when}-${nth}`;
        await house.clock.advance(1_000);
        const directory = house.place(name, { x: 'x' });
        const files = killedAt(house.fx.files, nth, when);
        await claim({ ...house.fx, files }, house.config, house.root, await house.candidate(name)).catch((thrown: unknown) => {
          assert.ok(thrown instanceof Killed || String(thrown).includes('killed'), String(thrown));
        });
        await files.idle();
        const batch = await newest(house);
        const isOurs = existsSync(claimedAt(house, batch.id));
        assert.notEqual(isOurs, existsSync(directory), `${name}: in exactly one place`);
        if (batch.state !== 'claiming') continue;
        const resumed = await resumeClaim(house.fx, house.root, batch);
        assert.equal(resumed.kind, isOurs ? 'done' : 'refused', name);
      }
    }
  });

  test('a root that is not mounted tells nothing about its claims', async (t) => {
    const house = await IntakeHouse.open(t);
    house.place('a', { x: 'x' });
    const batch = await house.claimed('a');
    renameSync(house.root.path, `${house.root.path}.away`);
    const result = await resumeClaim(house.fx, house.root, { ...batch, state: 'claiming' });
    assert.equal(result.kind, 'wait');
    renameSync(`${house.root.path}.away`, house.root.path);
    assert.equal((await resumeClaim(house.fx, house.root, { ...batch, state: 'claiming' })).kind, 'done');
  });

  test('incoming on a file system of its own is claimed inside it', sharedMemory, async (t) => {
    const other = temporaryDirectory(t, '/dev/shm');
    const house = (await IntakeHouse.open(t)).with({ root: { incoming: other } });
    house.place('a', { x: 'x' });
    const batch = await house.claimed('a');
    assert.ok(existsSync(join(other, '.sealtree/claimed', batch.id, 'x')));
    assert.equal((await resumeClaim(house.fx, house.root, batch)).kind, 'done');
  });

  test('a batch that is a mount of its own waits and says why', async (t) => {
    const house = await IntakeHouse.open(t);
    mkdirSync(join(house.root.incoming, 'a'));
    if (spawnSync('mount', ['-t', 'tmpfs', 'sealtree-test', join(house.root.incoming, 'a')]).status !== 0) {
      skipUnmounted(t);
      return;
    }
    try {
      house.place('a', { x: 'x' });
      const result = await claim(house.fx, house.config, house.root, await house.candidate('a'));
      assert.equal(result.kind, 'refused');
      assert.match(`${result.error.message} ${result.error.hint ?? ''}`, /EBUSY|EXDEV|mount/);
      assert.ok(existsSync(join(house.root.incoming, 'a/x')));
    } finally {
      spawnSync('umount', [join(house.root.incoming, 'a')]);
    }
  });
});

async function newest(house: IntakeHouse): Promise<Batch> {
  const [batch] = await house.fx.store.batches({ limit: 1 });
  assert.ok(batch);
  return batch;
}

suite('owner of a root', () => {
  test('a second data directory is refused and told where the first one is; the same one comes in again', async (t) => {
    const house = await IntakeHouse.open(t);
    const ours = { dataDirectory: 'one', path: '/data/one' };
    await own(house.fx, house.root, ours);
    await own(house.fx, house.root, { ...ours, path: '/moved/one' });
    await assert.rejects(own(house.fx, house.root, { dataDirectory: 'two', path: '/data/two' }), (error: Error) => {
      assert.match(error.message, /\/data\/one/);
      assert.equal((error as Error & { code?: string }).code, 'SEAL-ROOT-OWNED');
      return true;
    });
    assert.equal(await disown(house.fx, house.root, 'two'), false);
    assert.equal(await disown(house.fx, house.root, 'one'), true);
    await own(house.fx, house.root, { dataDirectory: 'two', path: '/data/two' });
  });

  test('of several that try at once one wins; a marker that cannot be read is somebody’s', async (t) => {
    const house = await IntakeHouse.open(t);
    const tries = await Promise.allSettled(
      Array.from({ length: 8 }, (_, n) => own(house.fx, house.root, { dataDirectory: `${n}`, path: `/${n}` })),
    );
    assert.equal(tries.filter(({ status }) => status === 'fulfilled').length, 1);
    writeFileSync(join(house.root.path, '.sealtree/owner'), 'garbage');
    await assert.rejects(own(house.fx, house.root, { dataDirectory: '1', path: '/1' }), { code: 'SEAL-ROOT-OWNED' });
    rmSync(join(house.root.path, '.sealtree/owner'));
    symlinkSync('/etc/hostname', join(house.root.path, '.sealtree/owner'));
    await assert.rejects(own(house.fx, house.root, { dataDirectory: '1', path: '/1' }));
  });
});
