import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pkcs11Sources } from '../../../../src/signer/keys/pkcs11/sources.ts';
import { testWorld } from '../../../suites/key-source.ts';
import { testAuthority } from '../../../support/authority.ts';
import { softHsm, testPin } from '../../../support/softhsm.ts';
import { needs } from '../../../support/tools.ts';

test(
  'token: any takes a token with a certificate for signatures, each key another one, and says what is left',
  needs('softhsm'),
  async (t) => {
    const hsm = softHsm((remove) => {
      t.after(remove);
    });
    const authority = testAuthority();
    const identities = {
      login: authority.issue({ subject: 'Login', keyUsage: ['digitalSignature'] }),
      first: authority.issue({ subject: 'Seal 1' }),
      second: authority.issue({ subject: 'Seal 2' }),
      other: authority.issue({ subject: 'Other' }),
    };
    for (const [label, { privateKey, certificate }] of Object.entries(identities))
      hsm.importKey(hsm.createToken(label), { privateKey, certificate });
    const world = testWorld(t, Buffer.from(testPin), authority.now());
    const any = { token: 'any', key: {}, pin: { env: 'UNUSED' }, certificate: { subject: 'CN=Seal *' } } as const;
    const sources = pkcs11Sources(
      ['a', 'b', 'c'].map((name) => hsm.config(name, { name, ...any })),
      world.fx,
    );
    t.after(() => Promise.all(sources.map((source) => source.close())));
    await Promise.all(sources.map((source) => source.open()));
    const labels = sources.map((source) => source.status().token?.label);
    assert.deepEqual(labels.filter((label) => label !== undefined).sort(), ['first', 'second']);
    for (const source of sources.filter((one) => one.status().token !== undefined)) {
      const label = source.status().token?.label === 'first' ? 'first' : 'second';
      assert.deepEqual(source.key()?.chain[0], identities[label].certificate);
    }
    const [left] = sources.filter((source) => source.status().token === undefined);
    assert.ok(left);
    assert.equal(left.status().state, 'absent');
    assert.match(left.status().error?.hint ?? '', /certificate matches.*no key uses.*“login”/);
  },
);
