import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { loadModule } from '../../../../src/signer/keys/pkcs11/module.ts';
import { loginAtReader, padOf } from '../../../../src/signer/keys/pkcs11/pin-pad.ts';
import { faultyCards, type FaultyCards } from '../../../support/p11-shim.ts';
import { testPin } from '../../../support/softhsm.ts';
import { needs } from '../../../support/tools.ts';
import type pkcs11js from 'pkcs11js';
import type { Loaded } from '../../../../src/signer/keys/pkcs11/module.ts';

describe('C_Login with a NULL PIN', needs('softhsm', 'softhsm-dev', 'gcc'), () => {
  let cards: FaultyCards;
  let loaded: Loaded;
  let session: pkcs11js.Handle;
  let flags: number;
  const removals: (() => void)[] = [];
  before(async () => {
    cards = faultyCards((remove) => removals.push(remove));
    cards.createToken('pad');
    Object.assign(process.env, cards.environment, { P11SHIM_PADPIN: testPin });
    cards.set('pinpad=1');
    loaded = await loadModule(cards.module);
    const { module, api } = loaded;
    const slot = module.C_GetSlotList(true).find((one) => module.C_GetTokenInfo(one).label.trim() === 'pad');
    assert.ok(slot);
    ({ flags } = module.C_GetTokenInfo(slot));
    session = module.C_OpenSession(slot, api.CKF_SERIAL_SESSION);
  });
  after(() => {
    loaded.module.C_Finalize();
    for (const remove of removals) remove();
  });
  /** CK_STATE: 0 public, 1 logged in. */
  const state = (): number => loaded.module.C_GetSessionInfo(session).state;

  test('the reader with a pad asks for the PIN, in the session and driver that pkcs11js has opened', async () => {
    assert.deepEqual(padOf(loaded, flags), { pinPad: true });
    assert.deepEqual(padOf(loaded, flags & ~loaded.api.CKF_PROTECTED_AUTHENTICATION_PATH), { pinPad: false });
    assert.equal(state(), 0);
    await loginAtReader(loaded, session, loaded.api.CKU_USER);
    assert.equal(state(), 1);
    loaded.module.C_Logout(session);
  });

  test('the process goes on while the person types', async () => {
    cards.set('pinpad=1', 'pad_ms=300');
    let wentOn = false;
    setImmediate(() => (wentOn = true));
    await loginAtReader(loaded, session, loaded.api.CKU_USER);
    assert.ok(wentOn);
    loaded.module.C_Logout(session);
  });

  test('it is NULL, which a driver without a pad refuses; an empty PIN would be a wrong one', async () => {
    cards.set();
    await assert.rejects(loginAtReader(loaded, session, loaded.api.CKU_USER), { fault: { rv: 7, message: 'CKR_ARGUMENTS_BAD' } });
    assert.throws(() => { loaded.module.C_Login(session, loaded.api.CKU_USER, ''); }, { code: 160 }); // prettier-ignore
  });
});
