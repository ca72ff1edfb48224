import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { TokenClient } from '../../../../src/signer/keys/pkcs11/client.ts';
import { loadModule } from '../../../../src/signer/keys/pkcs11/module.ts';
import { softHsm, testPin } from '../../../support/softhsm.ts';
import { needs } from '../../../support/tools.ts';
import type { SoftHsm } from '../../../support/softhsm.ts';

describe('a token without a process of its own', needs('softhsm'), () => {
  let hsm: SoftHsm;
  const removals: (() => void)[] = [];
  before(() => {
    hsm = softHsm((remove) => removals.push(remove));
    Object.assign(process.env, hsm.environment);
  });
  after(() => {
    for (const remove of removals) remove();
  });

  test('a module that is initialised already, and a token that is logged in already, are fine', async () => {
    const token = hsm.createToken('twice');
    const first = await loadModule(hsm.module);
    const client = new TokenClient(await loadModule(hsm.module), 2);
    assert.throws(
      () => {
        first.module.C_Initialize();
      },
      { code: 401 },
      'CKR_CRYPTOKI_ALREADY_INITIALIZED',
    );
    assert.equal(client.look({ label: token })?.loggedIn, false);
    await client.login(Buffer.from(testPin));
    const pin = Buffer.from(testPin);
    await client.login(pin);
    assert.deepEqual(pin, Buffer.alloc(testPin.length));
    const seen = client.look({ label: token });
    assert.deepEqual([seen?.loggedIn, seen?.fresh], [true, false]);
    client.close();
  });

  test('a token that is logged in already verifies the PIN all the same: a wrong one is refused, and ends that login', async () => {
    const token = hsm.createToken('verified');
    const client = new TokenClient(await loadModule(hsm.module), 1);
    client.look({ label: token });
    await client.login(Buffer.from(testPin));
    await assert.rejects(async () => await client.login(Buffer.from('000000')), { code: 160 }, 'CKR_PIN_INCORRECT');
    assert.equal(client.look({ label: token })?.loggedIn, false);
    await client.login(Buffer.from(testPin));
    assert.equal(client.look({ label: token })?.loggedIn, true);
    client.close();
  });
});
