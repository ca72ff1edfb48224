import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { writePem } from '../../../src/formats/pem.ts';
import { writePkcs12 } from '../../../src/formats/pkcs12.ts';
import { pkcs12Source } from '../../../src/signer/keys/pkcs12.ts';
import { keySourceSuite } from '../../suites/key-source.ts';
import type { Pkcs12KeyConfig } from '../../../src/model/config.ts';
import type { TestIdentity } from '../../support/authority.ts';
import type { Wish, World } from '../../suites/key-source.ts';

const secret = Buffer.from('correct horse');

function config(world: World, changes: Wish['rule'] = {}): Pkcs12KeyConfig {
  return {
    name: 'seal',
    source: 'pkcs12',
    file: `${world.directory}/seal.p12`,
    passphrase: { env: 'UNUSED' },
    roots: [],
    chain: [],
    minRemaining: 86_400_000,
    keyUsage: 'contentCommitment',
    ...changes,
  };
}

keySourceSuite({
  name: 'pkcs12',
  tools: ['openssl'],
  secret,
  keyKinds: ['rsa2048', 'rsa3072', 'p256', 'p384', 'brainpoolP256r1', 'brainpoolP384r1', 'ed25519'],
  wrongSecret: 'SEAL-KEY-PASSPHRASE',
  make: async (world, { identity, certificate, rule }) => {
    const file = `${world.directory}/seal.p12`;
    // openssl refuses to pair what does not fit.
    if (certificate !== undefined) writeFileSync(file, await ours(identity, certificate));
    else theirs(world, identity, file);
    return pkcs12Source(config(world, rule), world.fx);
  },
  renew: async (world, { identity }, certificate) => {
    writeFileSync(`${world.directory}/seal.p12`, await ours(identity, certificate, ...identity.chain));
  },
  makeAbsent: (world) => pkcs12Source(config(world), world.fx),
});

function ours({ privateKey }: TestIdentity, ...certificates: readonly Buffer[]): Promise<Buffer> {
  return writePkcs12({ privateKey, certificates, passphrase: secret, random: randomBytes });
}

function theirs(world: World, identity: TestIdentity, out: string): void {
  const [key, cert, chain] = ['key', 'cert', 'chain'].map((name) => `${world.directory}/${name}`) as [string, string, string];
  writeFileSync(key, identity.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(cert, identity.pem);
  writeFileSync(
    chain,
    identity.chain
      .slice(1)
      .map((der) => writePem(der))
      .join(''),
  );
  const args = ['-export', '-inkey', key, '-in', cert, '-certfile', chain, '-passout', `pass:${secret.toString()}`, '-out', out];
  execFileSync('openssl', ['pkcs12', ...args]);
}
