import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { activateKey, deactivateKey } from '../../src/app/key-activation.ts';
import { ServiceHouse } from '../support/service.ts';
import { FakeSource } from '../signer/fake-source.ts';
import type { AuditRow } from '../../src/model/archive.ts';
import type { Pkcs11KeyConfig } from '../../src/model/config.ts';

const card: Pkcs11KeyConfig = {
  ...{
    name: 'key',
    source: 'pkcs11',
    module: '/none.so',
    token: {},
    key: {},
    kind: 'mass',
    maxSignatures: 500,
    sessions: 1,
    keepAlive: 0,
    pinTimeout: 0,
    timeout: 1_000,
  },
  ...{ onDoubt: 'sign', environment: {}, roots: ['letters'], minRemaining: 0, keyUsage: 'contentCommitment', chain: [] },
};

async function rows(house: ServiceHouse): Promise<Pick<AuditRow, 'actor' | 'action' | 'details'>[]> {
  const all = await house.fx.store.auditRows(0, 1000);
  return all.filter(({ action }) => action.startsWith('key-')).map(({ actor, action, details }) => ({ actor, action, details }));
}

suite('what the audit log says about keys', () => {
  test('an activation: who, whose certificate, since when, for which roots, within which limits; by the machine as well', async (t) => {
    const house = await ServiceHouse.open(t, { roots: { letters: {}, plain: { keys: [] } }, config: { keys: { key: card } } });
    const service = await house.service();
    await house.until('the first activation is recorded', async () => (await rows(house)).length === 1);
    const [first] = await rows(house);
    assert.deepEqual([first?.actor, first?.action], ['sealtree', 'key-activated']);
    const { holder, roots, maxSignatures, since, kind } = first?.details ?? {};
    assert.deepEqual([holder, roots, maxSignatures, since, kind], ['Test Signer', ['letters'], 500, '2026-11-22T06:21:29Z', 'mass']);

    house.key.pull();
    await house.until('its end is recorded', async () => (await rows(house)).length === 2);
    assert.equal((await rows(house))[1]?.action, 'key-activation-ended');
    await house.clock.advance(1_000);
    await activateKey(service, { name: 'key' }, { actor: 'karl', secret: Buffer.from('1234') });
    await deactivateKey(service, { name: 'key' }, { actor: 'karl' });
    assert.deepEqual(
      (await rows(house)).slice(2).map(({ actor, action }) => [actor, action]),
      [
        ['karl', 'key-activated'],
        ['karl', 'key-deactivated'],
      ],
    );
  });

  test('a restart repeats nothing', async (t) => {
    const house = await ServiceHouse.open(t);
    const first = await house.service();
    await house.until('recorded', async () => (await rows(house)).length === 1);
    await first.close();
    const second = await house.service();
    await second.keyAudit.stop();
    assert.equal((await rows(house)).length, 1);
  });

  test('a renewed certificate that takes over, also while nobody looked', async (t) => {
    const house = await ServiceHouse.open(t);
    await (await house.service()).close();
    const { authority, clock } = house;
    const renewed = authority.issue({ notAfter: authority.now() + 900 * 86_400_000 });
    const source = new FakeSource('key', clock, { identity: renewed });
    const service = await house.service({ keys: [source] });
    await house.until('recorded', async () => (await rows(house)).some(({ action }) => action === 'key-certificate-changed'));
    await service.keyAudit.stop();
    const row = (await rows(house)).find(({ action }) => action === 'key-certificate-changed');
    assert.equal((row?.details['to'] as { serialNumber: string }).serialNumber, renewed.serialNumber.toString('hex'));
    assert.notDeepEqual(row?.details['from'], row?.details['to']);
    assert.equal(house.log.lines.filter(({ message }) => message.startsWith('another certificate')).length, 1);
  });
});
