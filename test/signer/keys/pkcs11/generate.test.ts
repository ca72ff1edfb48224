import assert from 'node:assert/strict';
import { createPublicKey, randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { nodeFiles } from '../../../../src/effects/files.ts';
import { systemRandom } from '../../../../src/effects/random.ts';
import { newKeyKinds } from '../../../../src/ports/key-management.ts';
import { pkcs11Management } from '../../../../src/signer/keys/pkcs11/management/management.ts';
import { algorithmsFor, opensslVerifies, testWorld } from '../../../suites/key-source.ts';
import { softHsm, testPin } from '../../../support/softhsm.ts';
import { needs } from '../../../support/tools.ts';
import type { SoftHsm } from '../../../support/softhsm.ts';

describe('keys made on a token', needs('softhsm', 'openssl'), () => {
  let hsm: SoftHsm;
  const removals: (() => void)[] = [];
  before(() => {
    hsm = softHsm((remove) => removals.push(remove));
  });
  after(() => {
    for (const remove of removals) remove();
  });

  for (const kind of newKeyKinds)
    test(`${kind}: made there, and whatever it signs openssl verifies`, async (t) => {
      const world = testWorld(t, Buffer.from(testPin), Date.now());
      const token = hsm.createToken(`made-${kind}`);
      const files = nodeFiles();
      t.after(() => files.close());
      const management = pkcs11Management(hsm.config(token, { key: { id: 'a1' } }), { ...world.fx, files, random: systemRandom });
      const made = await management.generate(kind, Buffer.from(testPin));
      assert.deepEqual([made.id, made.place], ['a1', `token “${token}”`]);
      const publicKey = createPublicKey({ key: made.spki, format: 'der', type: 'spki' });
      const key = await management.open(Buffer.from(testPin));
      try {
        assert.deepEqual(key.spki, made.spki);
        for (const algorithm of algorithmsFor(kind)) {
          const data = randomBytes(300);
          assert.ok(opensslVerifies({ publicKey }, data, await key.sign(data, algorithm), algorithm), JSON.stringify(algorithm));
        }
      } finally {
        await key.close();
      }
    });
});
