import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { certificateEnds, describeEnd, logEnds, tsaCertificates } from '../../src/app/certificate-ends.ts';
import { exhaustion, forecastKeys } from '../../src/app/key-forecast.ts';
import { CollectingLog } from '../support/log.ts';
import { ServiceHouse } from '../support/service.ts';
import type { KeyView } from '../../src/app/keys.ts';

const now = Date.UTC(2026, 10, 22, 12);
const hour = 3_600_000;
const day = 24 * hour;
const key = (name: string, more: Partial<KeyView> = {}): KeyView => ({
  ...{ name, source: 'pkcs11', state: 'ready', signaturesToday: 0, signatures: 0, inDoubt: 0, discarded: 0 },
  ...more,
});
const certificate = (days: number, serialNumber = '01') => ({
  ...{ subject: 'CN=Seal', issuer: 'CN=CA', serialNumber, daysLeft: Math.floor(days) },
  notAfter: new Date(now + days * day).toISOString(),
});

suite('forecasts', () => {
  test('used up: what is left at the pace of the last hour; never when it suffices or nobody has signed', () => {
    const card = key('card', { signaturesLeft: 100 });
    const at = (documents: number, perHour: number): string | undefined =>
      forecastKeys([card], [{ keys: ['card'], documents }], new Map([['card', perHour]]), now).get('card')?.usedUpAt;
    assert.equal(at(500, 200), '2026-11-22T12:30:00Z');
    assert.equal(at(100, 200), undefined);
    assert.equal(at(500, 0), undefined);
    const timed = key('card', { activation: { since: '', until: '2026-11-22T13:00:00Z' } });
    const ends = (documents: number) =>
      forecastKeys([timed], [{ keys: ['card'], documents }], new Map([['card', 100]]), now).get('card')?.usedUpAt;
    assert.deepEqual([ends(99), ends(101)], [undefined, '2026-11-22T13:00:00Z']);
  });

  test('a queue is shared among the keys that sign, by their pace; what does not sign takes nothing', () => {
    const keys = [key('fast'), key('slow'), key('away', { state: 'absent' })];
    const pace = new Map([
      ['fast', 299],
      ['slow', 99],
    ]);
    const forecasts = forecastKeys(keys, [{ keys: ['fast', 'slow', 'away'], documents: 400 }], pace, now);
    assert.deepEqual(
      keys.map(({ name }) => forecasts.get(name)?.documentsWaiting),
      [300, 100, 0],
    );
  });

  test('a queue longer than all activations is a sentence', () => {
    const keys = [key('a', { signaturesLeft: 10 }), key('b', { signaturesLeft: 5 })];
    assert.deepEqual(exhaustion(keys, [{ keys: ['a', 'b'], documents: 15 }]), []);
    assert.deepEqual(exhaustion(keys, [{ keys: ['a', 'b'], documents: 16 }]), [
      'a, b: 15 signatures left for 16 documents that wait; have the PIN at hand',
    ]);
  });

  test('documents that no key has signed are counted, and shown with the key', async (t) => {
    const house = await ServiceHouse.open(t);
    const service = await house.service();
    house.key.pull();
    house.place('a', { x: 'x', y: 'y', z: 'z' });
    await house.waits((await house.take(service, 'a')).id, 'SEAL-KEY-ABSENT');
    assert.deepEqual(
      (await house.fx.store.unsignedDocuments()).map(({ documents }) => documents),
      [3],
    );
  });
});

suite('certificates that end', () => {
  test('stages of 60, 30, 14, 7 and 1 days; each once in the log, over restarts; a renewed one begins anew', async () => {
    const stage = (days: number) => certificateEnds({ keys: [key('seal', { certificate: certificate(days) })], tsas: [] }, now)[0]?.stage;
    assert.deepEqual([61, 60, 30.5, 30, 14, 7, 1.5, 1, 0.5, -0.5].map(stage), [undefined, 60, 60, 30, 14, 7, 7, 1, 1, 0]);
    const meta = new Map<string, string>();
    const log = new CollectingLog();
    const store = {
      meta: (name: string) => Promise.resolve(meta.get(name)),
      setMeta: (name: string, value: string) => Promise.resolve(void meta.set(name, value)),
    };
    const look = async (days: number, serial?: string): Promise<number> => {
      const ends = certificateEnds({ keys: [key('seal', { certificate: certificate(days, serial) })], tsas: [] }, now);
      await logEnds({ log, store: store as unknown as ServiceHouse['fx']['store'] }, ends);
      return log.lines.length;
    };
    assert.deepEqual(
      [await look(60), await look(45), await look(30), await look(29), await look(700, '02'), await look(59, '02')],
      [1, 1, 2, 2, 2, 3],
    );
    assert.match(String(log.lines[1]?.message), /^key seal: its certificate ends in 30 days, on /);
  });

  test('the certificate of an authority is found in the newest token', async (t) => {
    const house = await ServiceHouse.open(t);
    const service = await house.service();
    house.place('a', { x: 'x' });
    await house.reaches((await house.take(service, 'a')).id, 'delivered');
    await service.closing.close('karl');
    const found = (await tsaCertificates(house.fx, ['tsa', 'other'], house.clock.now())).get('tsa');
    assert.equal(found?.serialNumber, house.authority.tsaIdentity.serialNumber.toString('hex'));
    const [end] = certificateEnds({ keys: [], tsas: [{ name: 'tsa', certificate: found }] }, Date.parse(found.notAfter) - day / 2);
    assert.match(end === undefined ? '' : describeEnd(end), /^tsa tsa: its certificate ends in 0 days/);
  });
});
