import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { periodReport } from '../../src/app/report.ts';
import { ServiceHouse } from '../support/service.ts';

const hour = 3_600_000;

suite('report', () => {
  test('days are local dates of the archive: documents, signatures and timestamps of a day, and of no other', async (t) => {
    const house = await ServiceHouse.open(t, { archive: { timezone: 'Pacific/Auckland' } });
    const service = await house.service();
    const deliver = async (path: string): Promise<void> => {
      house.place(path, { x: path });
      await house.reaches((await house.take(service, path)).id, 'delivered');
      await house.fx.store.countTimestamp('tsa', house.clock.now(), house.authority.tsaIdentity.certificate);
    };
    // 06:21 UTC is 19:21 in Auckland.
    await deliver('a');
    house.clock.jump(5 * hour);
    await deliver('b');
    const figures = async (from?: string, to?: string): Promise<unknown[]> => {
      const { documents, signaturesByKey, timestamps, days } = await periodReport(service.app, {
        ...(from === undefined ? {} : { from }),
        ...(to === undefined ? {} : { to }),
      });
      return [days.from, documents.delivered, signaturesByKey['key'] ?? 0, timestamps[0]?.ok ?? 0];
    };
    assert.deepEqual(await figures(), ['2026-11-23', 1, 1, 1], 'today');
    assert.deepEqual(await figures('2026-11-22'), ['2026-11-22', 1, 1, 1]);
    assert.deepEqual(await figures('2026-11-22', '2026-11-23'), ['2026-11-22', 2, 2, 2]);
    assert.deepEqual(await figures('2026-11-20', '2026-11-21'), ['2026-11-20', 0, 0, 0]);
    const { from, to } = await periodReport(service.app, { from: '2026-11-22' });
    assert.deepEqual([from, to], ['2026-11-21T11:00:00Z', '2026-11-22T11:00:00Z']);
  });

  test('what came in is delivered, failed or waiting, whatever became of it', async (t) => {
    const house = await ServiceHouse.open(t, { roots: { letters: { onError: 'deliverRest' } } });
    const service = await house.service();
    house.place('a', { x: 'x', 'broken.pdf': '%PDF-1.7 x' });
    await house.reaches((await house.take(service, 'a')).id, 'delivered');
    house.key.pull();
    house.place('b', { y: 'y', z: 'z' });
    await house.waits((await house.take(service, 'b')).id, 'SEAL-KEY-ABSENT');
    const { documents, batches } = await periodReport(service.app, {});
    assert.deepEqual(documents, { in: 4, delivered: 1, failed: 1, waiting: 2 });
    assert.deepEqual([batches.delivered, batches.admitted], [1, 1]);
  });

  test('a date that the calendar does not have is a mistake', async (t) => {
    const { app } = await (await ServiceHouse.open(t)).service();
    for (const from of ['2026-02-30', '22.11.2026', '2026-11-22T00:00'])
      await assert.rejects(periodReport(app, { from }), { code: 'SEAL-USAGE' }, from);
    await assert.rejects(periodReport(app, { from: '2026-11-22', to: '2026-11-21' }), { code: 'SEAL-USAGE', message: /--to/ });
  });
});
