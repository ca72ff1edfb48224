import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import type { RunOutcome } from '../../src/app/run.ts';
import { SealError } from '../../src/errors.ts';
import { daemonOf, TestDaemon, until } from '../support/daemon.ts';
import { ServiceHouse } from '../support/service.ts';

suite('the daemon', () => {
  test('finds what is approved, delivers it, tells when it is collected, and stops when it is asked to', async (t) => {
    const house = await ServiceHouse.open(t);
    const daemon = await daemonOf(t, house);
    house.place('day/a', { 'x.txt': 'x' });
    await until(house, 'delivered', () => existsSync(join(house.root.outgoing, 'day/a/READY')));
    await until(house, 'ended', async () => (await house.fx.store.batches({ states: ['delivered'] })).length === 1);
    rmSync(join(house.root.outgoing, 'day/a'), { recursive: true });
    await until(house, 'collected', async () => (await house.fx.store.batches({}))[0]?.collectedAt !== undefined);
    assert.deepEqual(await daemon.stop(), { delivered: 1, inPart: 0, failed: 0, waiting: 0 });
    assert.deepEqual(daemon.told, ['READY=1', 'STOPPING=1']);
    await assert.rejects(daemon.ask('status'), /nobody answers/);
  });

  test('once: what is approved is processed, what waits is told, then it ends by itself', async (t) => {
    const house = await ServiceHouse.open(t, { roots: { letters: { settle: 100 }, cards: { keys: ['key'], settle: 100 } } });
    house.place('a', { 'x.txt': 'x' });
    house.place('b', { 'broken.pdf': '%PDF-1.7 nothing' });
    const daemon = new TestDaemon(house, { once: true });
    let outcome: RunOutcome | undefined;
    void daemon.ended.then((value) => (outcome = value));
    await until(house, 'the end', () => outcome !== undefined);
    assert.deepEqual(outcome, { delivered: 1, inPart: 0, failed: 1, waiting: 0 });
  });

  test('unfinished work of an earlier process is taken up; a command that was interrupted is ended', async (t) => {
    const house = await ServiceHouse.open(t);
    house.key.pull();
    house.place('a', { 'x.txt': 'x' });
    const first = await house.service();
    const { id } = await house.take(first, 'a');
    await house.waits(id, 'SEAL-KEY-ABSENT');
    await first.close();
    await house.fx.store.createBatch({
      ...{ id: 'cli', root: '@sign', relPath: Buffer.from('cli'), options: {}, priority: 0, profile: 'seal', keys: ['key'] },
      ...{ outPath: Buffer.from('/out'), approvedAt: 1, claimedAt: 1, semaphore: Buffer.alloc(0), state: 'claimed' },
    });
    house.key.insert();
    await daemonOf(t, house);
    await until(house, 'delivered', async () => (await house.batch(id)).state === 'delivered');
    const { state, error } = await house.batch('cli');
    assert.deepEqual([state, error?.code], ['failed', 'SEAL-INTERRUPTED']);
  });

  test('a path of trust.crls that is missing is said at the start and in the status', async (t) => {
    const house = await ServiceHouse.open(t);
    const [there, missing] = [join(house.directory, 'crls'), join(house.directory, 'crsl')];
    mkdirSync(there);
    const daemon = new TestDaemon(house, {}, { ...house.config, trust: { ...house.config.trust, crls: [there, missing] } });
    t.after(async () => {
      await daemon.stop();
    });
    await daemon.ready();
    const logged = house.log.lines.filter(({ level, message }) => level === 'warn' && message.startsWith('trust.crls'));
    assert.deepEqual(
      logged.map(({ message, fields }) => [message, fields['where']]),
      [[`trust.crls: ${missing} is not there`, missing]],
    );
    const { attention } = await daemon.status();
    assert.deepEqual(
      attention.filter((line) => line.includes('trust.crls')),
      [`trust.crls: ${missing} is not there (make it, mount its file system, or take it out of trust.crls)`],
    );
  });

  test('commands: unknown ones are named, running ones end before the daemon does', async (t) => {
    const house = await ServiceHouse.open(t);
    const daemon = await daemonOf(t, house);
    await assert.rejects(daemon.ask('batch.eat'), { code: 'SEAL-USAGE' });
    await assert.rejects(daemon.ask('batch.show', { id: 'nobody' }), { code: 'SEAL-BATCH-UNKNOWN' });
    // A signature that takes its time is in progress while the daemon is told to stop.
    const file = join(house.directory, 'doc.txt');
    writeFileSync(file, 'x');
    let go = (): void => undefined;
    house.key.before = async () => {
      await new Promise<void>((resolve) => (go = resolve));
    };
    const answer = daemon.ask('sign', { files: [file], profile: 'seal', out: join(house.directory, 'out') });
    answer.catch(() => undefined);
    await house.until('signing', () => house.key.running > 0);
    const stopped = daemon.stop();
    go();
    await stopped;
    await assert.rejects(answer, { code: 'SEAL-INTERRUPTED' });
    const { signed, doubt, open } = await house.fx.store.signatureCounts('key', 0);
    assert.deepEqual([signed + doubt, open], [1, 0], 'the signature is recorded');
    assert.equal((await house.fx.store.unfinished()).length, 0);
  });
});

suite('SIGHUP', () => {
  test('what can change does at once, what cannot is named, and a broken file changes nothing', async (t) => {
    const house = await ServiceHouse.open(t, { roots: { letters: { minFree: Number.MAX_SAFE_INTEGER } } });
    const daemon = await daemonOf(t, house);
    house.place('a', { 'x.txt': 'x', 'y.bak': 'ignored from now on' });
    await until(house, 'paused', async () => (await daemon.status()).roots[0]?.paused !== undefined);
    await house.clock.advance(20_000);
    assert.equal((await house.fx.store.batches({})).length, 0, 'nothing is claimed while there is no room');
    daemon.config = { ...house.config, roots: { letters: { ...house.root, minFree: 0, ignore: ['*.bak'], ready: 'DONE' } } };
    daemon.hangup();
    const said = (message: RegExp): boolean => house.log.lines.some((line) => message.test(line.message));
    assert.ok(said(/these changes need a restart: roots\.letters\.ready/));
    await until(house, 'delivered', () => existsSync(join(house.root.outgoing, 'a/READY')));
    assert.deepEqual(
      house.ready('a').files.map(({ name }) => name),
      ['x.txt', 'x.txt.p7s', 'batch-report.json'],
    );
    Object.defineProperty(daemon, 'config', {
      get: () => {
        throw new SealError('SEAL-CONFIG-INVALID', 'a comma too much');
      },
    });
    daemon.hangup();
    assert.ok(said(/not read again: the old one stays/));
    assert.deepEqual(daemon.told, ['READY=1', 'RELOADING=1', 'READY=1', 'RELOADING=1', 'READY=1']);
  });
});

suite('roots', () => {
  test('get their trees, are marked as ours, and refused when they are another’s', async (t) => {
    const house = await ServiceHouse.open(t);
    rmSync(house.root.path, { recursive: true });
    mkdirSync(house.root.path);
    const daemon = await daemonOf(t, house);
    for (const tree of ['incoming', 'outgoing', 'failed', 'done', '.sealtree/owner'])
      assert.ok(existsSync(join(house.root.path, tree)), tree);
    await daemon.stop();
    writeFileSync(join(house.root.path, '.sealtree/owner'), '{"dataDirectory": "00", "path": "/another"}\n');
    await assert.rejects(new TestDaemon(house).ended, { code: 'SEAL-ROOT-OWNED' });
  });

  test('a new one that is not there is refused before any is taken: it may be a share that is not mounted', async (t) => {
    const house = await ServiceHouse.open(t, { roots: { letters: {}, scans: {} } });
    const scans = house.rootNamed('scans');
    rmSync(scans.path, { recursive: true });
    await assert.rejects(new TestDaemon(house).ended, { code: 'SEAL-ROOT-UNUSABLE', where: 'roots.scans.path' });
    assert.equal(existsSync(scans.path), false);
    assert.equal(existsSync(join(house.root.path, '.sealtree')), false);

    mkdirSync(scans.path);
    const elsewhere = join(house.directory, 'share/out');
    const config = { ...house.config, roots: { letters: house.root, scans: { ...scans, outgoing: elsewhere } } };
    await assert.rejects(new TestDaemon(house, {}, config).ended, { code: 'SEAL-ROOT-UNUSABLE', where: 'roots.scans.outgoing' });
    mkdirSync(elsewhere, { recursive: true });
    const first = new TestDaemon(house, {}, config);
    await first.ready();
    await first.stop();

    rmSync(elsewhere, { recursive: true });
    const second = new TestDaemon(house, {}, config);
    await second.ready();
    assert.equal(existsSync(elsewhere), false, 'its share may be away: it is not made');
    await second.stop();
  });

  test('one whose file system is not mounted is no empty root: it waits and goes on by itself', async (t) => {
    const house = await ServiceHouse.open(t);
    house.key.pull();
    house.place('a', { 'x.txt': 'x' });
    const first = await daemonOf(t, house);
    await until(house, 'claimed', async () => (await house.fx.store.batches({ states: ['admitted'] })).length === 1);
    await first.stop();
    renameSync(house.root.path, `${house.root.path}.away`);
    mkdirSync(house.root.path);
    house.key.insert();
    const second = await daemonOf(t, house);
    const { roots, attention } = await second.status();
    assert.ok(roots[0]?.paused !== undefined);
    assert.ok(attention.some((line) => line.includes('root letters is paused')));
    await house.clock.advance(60_000);
    assert.deepEqual(house.files(house.root.path), [], 'nothing is made in the mount point');
    rmSync(house.root.path, { recursive: true });
    renameSync(`${house.root.path}.away`, house.root.path);
    await until(house, 'delivered', () => existsSync(join(house.root.outgoing, 'a/READY')));
    await until(house, 'watched again', async () => (await second.status()).roots[0]?.paused === undefined);
    house.place('b', { 'y.txt': 'y' });
    await until(house, 'delivered', () => existsSync(join(house.root.outgoing, 'b/READY')));
    assert.ok(readFileSync(join(house.root.done, 'a/x.txt')).length > 0);
  });
});
