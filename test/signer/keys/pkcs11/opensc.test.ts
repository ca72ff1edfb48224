import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { nodeFiles } from '../../../../src/effects/files.ts';
import { systemRandom } from '../../../../src/effects/random.ts';
import { pkcs11Management } from '../../../../src/signer/keys/pkcs11/management/management.ts';
import { pkcs11Sources } from '../../../../src/signer/keys/pkcs11/sources.ts';
import { algorithmsFor, opensslVerifies, testWorld } from '../../../suites/key-source.ts';
import { testAuthority } from '../../../support/authority.ts';
import { cardPin, PcscStack } from '../../../support/pcsc.ts';
import { needs } from '../../../support/tools.ts';
import type { TestContext } from 'node:test';
import type { KeyKind } from '../../../../src/authority/signing.ts';
import type { Pkcs11KeyConfig } from '../../../../src/model/config.ts';
import type { KeySource } from '../../../../src/ports/keys.ts';
import type { World } from '../../../suites/key-source.ts';

const authority = testAuthority();
/** What a PIV card may hold (SP 800-78-4, table 3-1) and OpenSC 0.23 signs with. */
const kinds: readonly KeyKind[] = ['rsa2048', 'p256', 'p384'];
const identities = Object.fromEntries(
  kinds.map((keyType) => [keyType, authority.issue({ keyType, keyName: `piv-${keyType}`, subject: keyType })]),
);
const identityOf = (kind: KeyKind) => {
  const identity = identities[kind];
  assert.ok(identity);
  return identity;
};

async function insert(t: TestContext, mass: KeyKind, individual: KeyKind): Promise<PcscStack> {
  return await PcscStack.start(
    (end) => {
      t.after(end);
    },
    [{ name: `${mass} ${individual}`, mass: identityOf(mass), individual: identityOf(individual) }],
  );
}

function config(stack: PcscStack, name: string, id: string): Pkcs11KeyConfig {
  return {
    name,
    source: 'pkcs11',
    module: stack.module,
    environment: stack.environment,
    token: { serial: stack.serial(0) },
    key: { id },
    pin: { env: 'UNUSED' },
    kind: 'mass',
    onDoubt: 'sign',
    roots: [],
    chain: [],
    minRemaining: 86_400_000,
    keyUsage: 'contentCommitment',
    sessions: 1,
    timeout: 20_000,
    pinTimeout: 60_000,
    keepAlive: 0,
  };
}

/** pcscd takes a second or two to see a card. */
async function active(world: World, sources: readonly KeySource[]): Promise<void> {
  for (const source of sources) await source.open();
  for (const source of sources)
    for (let look = 0; source.key() === undefined && look < 100; look++) {
      await setTimeout(200);
      await world.clock.advance(1_000);
    }
}

describe('OpenSC and a PIV card behind the real PC/SC stack', needs('pcsc', 'opensc', 'openssl'), () => {
  for (const [mass, individual] of [
    ['rsa2048', 'p384'],
    ['p256', 'rsa2048'],
  ] as const)
    test(`${mass} with one PIN and ${individual} with a PIN for each signature: what they sign openssl verifies`, async (t) => {
      const stack = await insert(t, mass, individual);
      const world = testWorld(t, Buffer.from(cardPin), authority.now());
      const sources = pkcs11Sources([config(stack, 'mass', '01'), config(stack, 'individual', '02')], world.fx);
      t.after(() => Promise.all(sources.map((source) => source.close())));
      await active(world, sources);
      for (const [source, kind] of [
        [sources[0], mass],
        [sources[1], individual],
      ] as const) {
        const key = source?.key();
        assert.ok(key, source?.status().reason);
        for (const algorithm of algorithmsFor(kind)) {
          assert.ok(key.supports(algorithm), JSON.stringify(algorithm));
          const data = randomBytes(300);
          assert.ok(opensslVerifies(identityOf(kind), data, await key.sign(data, algorithm), algorithm), JSON.stringify(algorithm));
        }
      }
    });

  test('a card on which OpenSC makes no keys says so, and nothing has changed', async (t) => {
    const stack = await insert(t, 'rsa2048', 'p256');
    const world = testWorld(t, Buffer.from(cardPin), authority.now());
    const files = nodeFiles();
    t.after(() => files.close());
    const [source] = pkcs11Sources([config(stack, 'there', '01')], world.fx);
    assert.ok(source);
    await active(world, [source]);
    await source.close();
    const management = pkcs11Management(config(stack, 'card', 'a1'), { ...world.fx, files, random: systemRandom });
    for (const kind of ['rsa-2048', 'p-256'] as const)
      await assert.rejects(management.generate(kind, Buffer.from(cardPin)), { code: 'SEAL-KEY-MECHANISM' }, kind);
    assert.equal((await stack.statistics(0)).triesLeft, 3);
  });
});
