import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { monitorHandler } from '../../src/app/monitor.ts';
import type { Service } from '../../src/app/service.ts';
import { parseExposition } from '../support/exposition.ts';
import { ServiceHouse } from '../support/service.ts';

type Answer = { readonly status: number; readonly contentType: string; readonly text: string };

/** Asks the monitor of a service as a probe does. */
function probe(service: Service, sinceBeat = 0): (path: string, method?: string) => Promise<Answer> {
  const handler = monitorHandler(service.app, {
    live: () => service.live(),
    sinceBeat: () => sinceBeat,
    loopDelay: () => ({ p50: 1, p99: 12, max: 30 }),
  });
  return async (path, method = 'GET') => {
    const { status, contentType, body } = await handler({ method, path, body: Buffer.alloc(0) });
    return { status, contentType, text: body.toString('utf8') };
  };
}

suite('monitor', () => {
  test('live as long as the main loop beats, whatever else is missing', async (t) => {
    const house = await ServiceHouse.open(t);
    const service = await house.service();
    house.key.pull();
    assert.deepEqual([(await probe(service)('/livez')).status, (await probe(service, 61_000)('/livez')).status], [200, 503]);
  });

  test('ready: each root has a key that signs, none is paused, no timestamp is late', async (t) => {
    const house = await ServiceHouse.open(t, { roots: { letters: {}, plain: { keys: [] } } });
    const service = await house.service();
    const ask = probe(service);
    assert.deepEqual(await ask('/readyz'), { status: 200, contentType: 'text/plain; charset=utf-8', text: 'ready\n' });
    house.key.pull();
    assert.deepEqual(await ask('/readyz'), {
      ...{ status: 503, contentType: 'text/plain; charset=utf-8' },
      text: 'root letters has no key that signs: key is absent\n',
    });
    house.key.insert();
    house.place('a', { x: 'x' });
    await house.reaches((await house.take(service, 'a')).id, 'delivered');
    house.tsa.down = true;
    await service.closing.close('karl');
    assert.equal((await ask('/readyz')).status, 200, 'a timestamp may take a moment');
    house.clock.jump(61_000);
    assert.match((await ask('/readyz')).text, /tree 2026-11-22\.1 has no timestamp/);
    const roots = [{ ...(await service.live()).roots[0], name: 'letters', path: '', running: 0, waiting: 0, paused: 'no room' }];
    const paused = {
      ...service,
      live: () => Promise.resolve({ roots: roots.map((root) => ({ settling: [], nearMisses: [], warnings: [], ...root })) }),
    };
    assert.match((await probe(paused)('/readyz')).text, /root letters is paused: no room/);
  });

  test('metrics are Prometheus text and tell what is under way, what was done and what is left', async (t) => {
    const house = await ServiceHouse.open(t);
    const service = await house.service();
    house.place('a', { x: 'x', y: 'y' });
    await house.reaches((await house.take(service, 'a')).id, 'delivered');
    house.place('b', { 'broken.pdf': '%PDF-1.7 x' });
    await house.reaches((await house.take(service, 'b')).id, 'failed');
    await service.closing.close('karl');
    house.key.pull();
    house.place('c', { x: 'x' });
    await house.waits((await house.take(service, 'c')).id, 'SEAL-KEY-ABSENT');
    house.clock.jump(90_000);
    house.place('d', { x: 'x' });
    const { status, contentType, text } = await probe(service)('/metrics');
    assert.deepEqual([status, contentType], [200, 'text/plain; version=0.0.4; charset=utf-8']);
    const families = parseExposition(text);
    const samples = new Map(
      [...families].flatMap(([name, family]) => [...family.samples].map(([labels, value]) => [name + labels, value])),
    );
    const expected: Record<string, number> = {
      sealtree_oldest_approved_batch_seconds: 90,
      'sealtree_batches_ended_total{state="delivered"}': 1,
      'sealtree_batches_ended_total{state="failed"}': 1,
      sealtree_documents_delivered_total: 2,
      'sealtree_documents{condition="failed"}': 1,
      'sealtree_documents{condition="waiting"}': 1,
      'sealtree_key_ready{key="key"}': 0,
      'sealtree_key_signatures_total{key="key"}': 2,
      'sealtree_tsa_timestamps{tsa="tsa"}': 1,
      sealtree_trees_sealed: 0,
      sealtree_last_token_seconds: 90,
      'sealtree_batches{root="letters",condition="settling"}': 1,
    };
    for (const [name, value] of Object.entries(expected)) assert.equal(samples.get(name), value, name);
    assert.ok([...families.values()].every(({ help }) => help.length > 10));
    assert.ok((samples.get(`sealtree_disk_free_bytes{path="${house.config.dataDir}"}`) ?? 0) > 0);
  });

  test('says what there is, and only to GET', async (t) => {
    const service = await (await ServiceHouse.open(t)).service();
    const ask = probe(service);
    assert.match((await ask('/')).text, /\/livez, \/readyz and \/metrics/);
    assert.deepEqual([(await ask('/')).status, (await ask('/livez', 'POST')).status], [404, 405]);
  });
});
