import assert from 'node:assert/strict';
import { randomBytes, verify } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { pkcs11Sources } from '../../../../src/signer/keys/pkcs11/sources.ts';
import { testWorld } from '../../../suites/key-source.ts';
import { testAuthority } from '../../../support/authority.ts';
import { softHsm, testPin } from '../../../support/softhsm.ts';
import { needs } from '../../../support/tools.ts';
import type { TestContext } from 'node:test';
import type { Pkcs11KeyConfig } from '../../../../src/model/config.ts';
import type { KeySource } from '../../../../src/ports/keys.ts';
import type { SoftHsm } from '../../../support/softhsm.ts';

const algorithm = { digest: 'sha256' } as const;

describe('an individual key whose card asks one PIN for all its keys', needs('softhsm'), () => {
  let hsm: SoftHsm;
  const authority = testAuthority();
  const [machine, person] = [authority.issue(), authority.issue()];
  const removals: (() => void)[] = [];
  let made = 0;

  before(() => {
    hsm = softHsm((remove) => removals.push(remove));
  });
  after(() => {
    for (const remove of removals) remove();
  });

  /** Two keys of one token, opened: the second is `kind: individual`. */
  const twoKeys = async (t: TestContext, first: Partial<Pkcs11KeyConfig>): Promise<{ mass: KeySource; individual: KeySource }> => {
    const token = hsm.createToken(`both${++made}`);
    for (const [id, { privateKey, certificate }] of [['01', machine], ['02', person]] as const) hsm.importKey(token, { privateKey, certificate, id, label: id }); // prettier-ignore
    const { fx } = testWorld(t, Buffer.from(testPin), authority.now());
    const keys = [
      hsm.config(token, { name: 'mass', key: { id: '01' }, ...first }),
      hsm.config(token, { name: 'individual', key: { id: '02' }, kind: 'individual' }),
    ];
    const [mass, individual] = pkcs11Sources(keys, fx);
    assert.ok(mass && individual);
    for (const source of [mass, individual]) {
      t.after(() => source.close());
      await source.open();
    }
    return { mass, individual };
  };

  /** A document is shown, and a person gives this PIN for it. */
  const withPin = async (source: KeySource, pin: string): Promise<Buffer> => {
    const data = randomBytes(40);
    const digest = randomBytes(32);
    const key = source.key();
    assert.ok(key?.attend !== undefined, source.status().reason);
    const shown = key.attend({ name: 'contract.pdf', digest }, new AbortController().signal);
    const given = source.activate(Buffer.from(pin), digest).catch((error: unknown) => error);
    await shown;
    try {
      const signature = await key.sign(data, algorithm);
      assert.ok(verify('sha256', data, person.publicKey, signature));
      return signature;
    } finally {
      await given;
    }
  };

  test('alone on its token: the right PIN signs, a wrong one does not, each time', async (t) => {
    const { individual } = await twoKeys(t, { kind: 'individual' });
    for (let round = 0; round < 2; round++) {
      await assert.rejects(withPin(individual, '000000'), { code: 'SEAL-KEY-PIN-INCORRECT' });
      await withPin(individual, testPin);
    }
  });

  for (const [how, first] of [
    ['a person', {}],
    ['a configured PIN', { pin: { env: 'UNUSED' } }],
  ] as const)
    test(`its token was opened by ${how} for another key: no PIN is verified then, so nothing is signed`, async (t) => {
      const { mass, individual } = await twoKeys(t, first);
      if (how === 'a person') await mass.activate(Buffer.from(testPin));
      const data = randomBytes(40);
      for (const pin of ['000000', testPin]) {
        await assert.rejects(withPin(individual, pin), { code: 'SEAL-KEY-PIN-NEEDED', message: /would not verify/ });
        const signature = await mass.key()?.sign(data, algorithm);
        assert.ok(signature && verify('sha256', data, machine.publicKey, signature), 'the other key is not disturbed');
      }
      await mass.deactivate();
      await assert.rejects(withPin(individual, '000000'), { code: 'SEAL-KEY-PIN-INCORRECT' });
      await withPin(individual, testPin);
    });
});
