import { after } from 'node:test';
import { pkcs11Sources } from '../../../../src/signer/keys/pkcs11/sources.ts';
import { keySourceSuite } from '../../../suites/key-source.ts';
import { softHsm, testPin } from '../../../support/softhsm.ts';
import type { Pkcs11KeyConfig } from '../../../../src/model/config.ts';
import type { KeySource } from '../../../../src/ports/keys.ts';
import type { World } from '../../../suites/key-source.ts';

const hsm = softHsm((remove) => {
  after(remove);
});
let tokens = 0;

function source(world: World, config: Pkcs11KeyConfig): KeySource {
  const [only] = pkcs11Sources([config], world.fx);
  if (only === undefined) throw new Error('no source');
  return only;
}

keySourceSuite({
  name: 'pkcs11',
  tools: ['softhsm'],
  secret: Buffer.from(testPin),
  keyKinds: ['rsa2048', 'rsa3072', 'rsa4096', 'p256', 'p384', 'brainpoolP256r1', 'brainpoolP384r1', 'ed25519'],
  wrongSecret: 'SEAL-KEY-PIN-INCORRECT',
  make: (world, { identity, certificate = identity.certificate, rule }) => {
    const token = hsm.createToken(`token-${++tokens}`);
    hsm.importKey(token, { privateKey: identity.privateKey, certificate, chain: identity.chain.slice(1) });
    return source(world, hsm.config(token, { pin: { env: 'UNUSED' }, sessions: 4, ...rule }));
  },
  renew: (_, __, certificate) => {
    hsm.importKey(`token-${tokens}`, { certificate, publicKey: false });
  },
  makeAbsent: (world) => source(world, hsm.config('never-made', { pin: { env: 'UNUSED' } })),
});
