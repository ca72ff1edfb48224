import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { attention } from '../../src/app/attention.ts';
import { retryBatch } from '../../src/app/batch-actions.ts';
import { probeTsas } from '../../src/app/probe.ts';
import { forecast, sampleDisks } from '../../src/app/disks.ts';
import type { KeyView } from '../../src/app/keys.ts';
import { openService } from '../../src/app/service.ts';
import { status, type StatusReport } from '../../src/app/status.ts';
import { httpServer } from '../../src/effects/http-server.ts';
import { queuesOf, type Queue } from '../../src/app/key-forecast.ts';
import { isoTime } from '../../src/app/views.ts';
import type { Batch } from '../../src/model/batch.ts';
import { ServiceHouse } from '../support/service.ts';

const day = 86_400_000;

const noKey = (): never => assert.fail('no key is managed here');

suite('status', () => {
  test('without a daemon: near misses, what is approved, keys that nobody has opened; nothing is touched', async (t) => {
    const house = await ServiceHouse.open(t);
    house.place('day/ok', { x: 'x' });
    mkdirSync(join(house.root.incoming, 'day/nearly'));
    writeFileSync(join(house.root.incoming, 'day/nearly/Approved.txt'), '');
    const before = house.files(house.directory);
    const app = {
      fx: { ...house.fx, keys: [] },
      config: house.config,
      readSecret: () => Buffer.alloc(0),
      manageKey: noKey,
      version: '1.2.3',
    };
    const service = await openService(app, 'read', { httpServer: httpServer() });
    try {
      const report = await status(app, await service.live());
      assert.equal(report.daemon, undefined);
      assert.deepEqual(report.roots[0]?.settling, ['day/ok: approved; it is claimed when the daemon runs']);
      assert.ok(
        report.attention.some((line) => /day\/nearly.*Approved\.txt.*APPROVED/.test(line)),
        report.attention.join('\n'),
      );
      assert.deepEqual(
        report.keys.map(({ name, state }) => [name, state]),
        [['key', 'closed']],
      );
    } finally {
      await service.close();
    }
    assert.deepEqual(house.files(house.directory), before);
  });

  test('says what a batch waits for, since when, and what to do', async (t) => {
    const house = await ServiceHouse.open(t);
    const service = await house.service();
    house.key.pull();
    house.place('a', { x: 'x' });
    const { id } = await house.take(service, 'a');
    await house.waits(id, 'SEAL-KEY-ABSENT');
    const report = await status(service.app, await service.live());
    const [waiting] = report.waiting;
    assert.deepEqual([waiting?.batch, waiting?.root, waiting?.since], [id, 'letters', '2026-11-22T06:21:29Z']);
    assert.match(waiting?.reason ?? '', /key: absent.*\(.+\)$/);
    assert.ok(report.attention.some((line) => line.startsWith(`batch ${id} waits: `)));
    assert.ok(report.attention.some((line) => line === 'key key: absent'));
  });

  test('what many wait for is said once, and failed batches stay until somebody takes them up', async (t) => {
    const house = await ServiceHouse.open(t);
    const service = await house.service();
    house.place('bad', { 'broken.pdf': '%PDF-1.7 x' });
    const bad = await house.reaches((await house.take(service, 'bad')).id, 'failed');
    house.key.pull();
    const ids: string[] = [];
    for (const path of ['a', 'b']) {
      house.place(path, { x: path });
      const { id } = await house.take(service, path);
      await house.waits(id, 'SEAL-KEY-ABSENT');
      ids.push(id);
    }
    const report = await status(service.app, await service.live());
    assert.deepEqual(
      report.blocked.map(({ code, batches }) => [code, batches.toSorted()]),
      [['SEAL-KEY-ABSENT', ids.toSorted()]],
    );
    assert.equal(report.attention.filter((line) => line.startsWith('2 batches wait: ')).length, 1);
    const [failed, ...others] = report.failed;
    assert.deepEqual([failed?.batch, failed?.path, failed?.failed, others], [bad.id, 'bad', 1, []]);
    assert.ok(failed?.code !== undefined && report.attention.some((line) => line.startsWith('a batch failed: ')));
    await retryBatch(service, { id: bad.id, again: false }, { actor: 'karl' });
    assert.deepEqual(
      (await status(service.app, await service.live())).failed.filter(({ batch }) => batch === bad.id),
      [],
    );
  });

  test('with a probe each authority is asked for a timestamp that counts, and what it says is told', async (t) => {
    const house = await ServiceHouse.open(t);
    const service = await house.service();
    const ask = async () => await probeTsas(service.app, true, new AbortController().signal);
    assert.deepEqual(
      (await ask()).map(({ name, ok }) => [name, ok]),
      [['tsa', true]],
    );
    house.tsa.down = true;
    const probe = await ask();
    const report = await status(service.app, await service.live(), probe);
    assert.equal(report.probe?.[0]?.ok, false);
    assert.match(report.attention.join('\n'), /no daemon runs.*\ntsa tsa: /);
    assert.deepEqual(await house.fx.store.timestampCounts(0), [{ tsa: 'tsa', ok: 1, failed: 1 }]);
  });

  test('the tree of today, what is sealed and late, the last one that was anchored', async (t) => {
    const house = await ServiceHouse.open(t);
    const service = await house.service();
    const deliver = async (path: string): Promise<void> => {
      house.place(path, { x: path });
      await house.reaches((await house.take(service, path)).id, 'delivered');
    };
    await deliver('a');
    await service.closing.close('karl');
    await deliver('b');
    house.tsa.down = true;
    await service.closing.close('karl');
    await deliver('c');
    const now = await status(service.app, await service.live());
    assert.deepEqual(
      [now.archive.lastAnchored?.id, now.archive.sealed.map(({ id }) => id), now.archive.open?.id],
      ['2026-11-22.1', ['2026-11-22.2'], '2026-11-22.3'],
    );
    assert.equal(now.archive.nextClosing, '2026-11-23T00:15:00Z');
    assert.deepEqual(now.attention, [], 'a timestamp may take a moment');
    house.clock.jump(120_000);
    assert.deepEqual((await status(service.app, await service.live())).attention, ['tree 2026-11-22.2 has no timestamp yet']);
  });

  test('disks: one line a file system, full in N days at the rate of the last week', async (t) => {
    const house = await ServiceHouse.open(t);
    let free = 1_000_000;
    const files = { ...house.fx.files, space: () => Promise.resolve({ freeBytes: free, totalBytes: 2_000_000, freeInodes: 1_000 }) };
    const service = await house.service({ files });
    const disks = async () => (await status(service.app, await service.live())).disks;
    const place = { path: house.config.dataDir, totalBytes: 2_000_000 };
    assert.deepEqual(await disks(), [{ ...place, freeBytes: free }]);
    for (let days = 0; days < 20; days++) {
      await sampleDisks(service.app);
      await sampleDisks(service.app);
      house.clock.jump(day);
      free -= 10_000;
    }
    assert.deepEqual(await disks(), [{ ...place, freeBytes: 800_000, fullInDays: 80 }]);
    free = 900_000;
    assert.deepEqual(await disks(), [{ ...place, freeBytes: 900_000 }], 'somebody made room');
  });
});

suite('full in N days', () => {
  test('needs a day to know, looks back a week, and never at the future', () => {
    const now = 100 * day;
    assert.equal(forecast([], { at: now, free: 1 }), undefined);
    assert.equal(forecast([{ at: now - 3_600_000, free: 2 }], { at: now, free: 1 }), undefined);
    assert.equal(forecast([{ at: now + day, free: 2 }], { at: now, free: 1 }), undefined);
    assert.equal(forecast([{ at: now - 50 * day, free: 1_000 }], { at: now, free: 1 }), undefined);
    assert.equal(forecast([{ at: now - 2 * day, free: 300 }], { at: now, free: 100 }), 1);
    assert.equal(forecast([{ at: now - 2 * day, free: 300 }], { at: now, free: 0 }), 0);
  });
});

suite('what a person should do', () => {
  const key = (name: string, changes: Partial<KeyView> = {}): KeyView => ({
    ...{ name, source: 'pkcs11', state: 'ready', signaturesToday: 0, signatures: 0, inDoubt: 0, discarded: 0 },
    ...changes,
  });
  const nothing: Parameters<typeof attention>[0] = {
    ...{ keys: [], blocked: [], failed: [], tsas: [], roots: [], notify: [] },
    archive: { sealed: [], nextClosing: '', due: [] },
  };
  const said = (parts: Partial<StatusReport>, queues: readonly Queue[] = []): string[] => attention({ ...nothing, ...parts }, queues, 0);

  test('a queue that is longer than what the activations allow is foretold', () => {
    const keys = [key('a', { signaturesLeft: 10 }), key('b', { signaturesLeft: 5 }), key('c')];
    const short = ['a, b: 15 signatures left for 16 documents that wait; have the PIN at hand'];
    assert.deepEqual(said({ keys }, [{ keys: ['a', 'b'], documents: 16 }]), short);
    assert.deepEqual(said({ keys }, [{ keys: ['a', 'b'], documents: 15 }]), []);
    assert.deepEqual(said({ keys }, [{ keys: ['a', 'c'], documents: 99 }]), [], 'one without a limit is enough');
    assert.deepEqual(said({ keys: [key('a', { state: 'pin-needed', signaturesLeft: 0 })] }, [{ keys: ['a'], documents: 99 }]), [
      'key a: pin-needed',
    ]);
    const [one, two] = ['x', 'y'].map((id) => ({ id, keys: ['b', 'a'] }) as unknown as Batch);
    const unsigned = new Map([
      ['x', 10],
      ['y', 6],
    ]);
    assert.deepEqual(
      queuesOf(
        [one, two, { id: 'none', keys: [] } as unknown as Batch].flatMap((each) => each ?? []),
        unsigned,
      ),
      [{ keys: ['b', 'a'], documents: 16 }],
    );
  });

  test('a key that signs lists needs its PIN when a document waits for it', () => {
    const pinNeeded = { code: 'SEAL-KEY-PIN-NEEDED', message: 'waits for its PIN', retryable: true } as const;
    const keyWith = (documentsWaiting: number, change: Partial<KeyView> = {}): KeyView =>
      key('a', { state: 'pin-needed', stack: true, error: pinNeeded, forecast: { documentsWaiting, signaturesLastHour: 0 }, ...change });
    assert.deepEqual(said({ keys: [keyWith(0)] }), []);
    assert.deepEqual(said({ keys: [keyWith(1)] }), ['key a: pin-needed']);
    assert.deepEqual(said({ keys: [keyWith(0, { error: { ...pinNeeded, code: 'SEAL-KEY-PIN-LAST-TRY' } })] }), ['key a: pin-needed']);
  });

  test('certificates that end, and quotas', () => {
    const certificate = { subject: 'CN=x', issuer: '', serialNumber: '' };
    const keys = [61, 29, -1].map((daysLeft) =>
      key(`k${daysLeft}`, { certificate: { ...certificate, notAfter: isoTime(daysLeft * day), daysLeft } }),
    );
    assert.deepEqual(said({ keys }), [
      'key k-1: its certificate has ended on 1969-12-31T00:00:00Z (CN=x)',
      'key k29: its certificate ends in 29 days, on 1970-01-30T00:00:00Z (CN=x)',
    ]);
    const tsas = [79, 80, 95, 100].map((used) => ({ name: `t${used}`, used, quota: 100, per: 'day' as const }));
    assert.deepEqual(said({ tsas: [...tsas, { name: 'free', used: 5_000, per: 'day' }] }), [
      'tsa t80: 80 % of its quota is used (80 of 100)',
      'tsa t95: 90 % of its quota is used (95 of 100)',
      'tsa t100: 100 % of its quota is used (100 of 100)',
    ]);
  });
});
