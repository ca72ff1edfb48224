import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { CertificationRequest } from 'pkijs';
import { readPem, writePem } from '../../src/formats/pem.ts';
import { testAuthority } from '../support/authority.ts';
import { softHsm, testPin } from '../support/softhsm.ts';
import { needs } from '../support/tools.ts';
import { Evaluation, until } from './house.ts';
import type { ImportView } from '../../src/app/key-import.ts';
import type { NewKeyView } from '../../src/app/key-management.ts';
import type { RequestView } from '../../src/app/key-request.ts';
import type { AuditView } from '../../src/app/audit.ts';
import type { KeyView } from '../../src/app/keys.ts';
import type { House, Ran } from './house.ts';

const passphrase = 'correct horse battery staple';
const subject = 'CN=Seal of Müller \\+ Co,OU=Post,O=Example AG,C=DE';
const evaluation = new Evaluation();
const authority = testAuthority();
before(async () => {
  await evaluation.init();
});
after(() => {
  evaluation.remove();
});

/** A house with one key that does not exist yet, and an authority of its own that answers requests. */
function houseWith(key: object): House {
  const house = evaluation.house();
  house.edit((settings) => {
    settings.setIn(['keys', 'seal'], key);
    settings.setIn(['trust', 'anchors'], ['./anchor.pem', './trust.pem']);
    settings.setIn(['trust', 'revocation'], 'soft-fail');
  });
  writeFileSync(join(house.directory, 'anchor.pem'), authority.root.pem);
  writeFileSync(join(house.directory, 'seal.pass'), `${passphrase}\n`, { mode: 0o600 });
  writeFileSync(join(house.directory, 'pin'), `${testPin}\n`, { mode: 0o600 });
  writeFileSync(join(house.directory, 'issuing.pem'), authority.issuing.pem);
  writeFileSync(join(house.directory, 'issuing.key'), authority.issuing.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return house;
}

function softwareHouse(): House {
  return houseWith({ source: 'pkcs12', file: './keys/new/seal.p12', passphrase: { file: './seal.pass' } });
}

/** What a certification authority does with a request. */
function certify(house: House, days: number, out = 'seal.pem'): void {
  const serial = `0x${randomBytes(8).toString('hex').replace(/^./, '1')}`;
  const args = [
    '-req',
    '-in',
    'seal.csr',
    '-CA',
    'issuing.pem',
    '-CAkey',
    'issuing.key',
    '-set_serial',
    serial,
    '-copy_extensions',
    'copy',
  ];
  execFileSync('openssl', ['x509', ...args, '-days', String(days), '-out', out], { cwd: house.directory, stdio: 'pipe' });
}

function openssl(house: House, ...args: string[]): string {
  return execFileSync('openssl', args, { cwd: house.directory, stdio: 'pipe' }).toString();
}

function succeeded({ status, stdout, stderr }: Ran): string {
  assert.equal(status, 0, `${stdout}${stderr}`);
  return stdout;
}

async function request(house: House, ...more: string[]): Promise<RequestView> {
  const out = join(house.directory, 'seal.csr');
  const usual = ['--subject', subject, '--san', 'email:seal@example.com', 'uri:https://example.com/seal', '--out', out];
  return await house.ask<RequestView>('key', 'csr', 'seal', ...usual, ...more);
}

describe('key generate, csr, import', needs('openssl'), () => {
  test('a PKCS#12 file: made once, private; request and certificate; openssl and keytool read it', needs('keytool'), async () => {
    const house = softwareHouse();
    const file = join(house.directory, 'keys/new/seal.p12');
    assert.equal((await house.run('key', 'csr', 'seal', '--subject', 'CN=x')).status, 69, 'no key yet');
    const made = await house.ask<NewKeyView>('key', 'generate', 'seal', '--type', 'rsa-3072');
    assert.deepEqual([made.algorithm, made.place, statSync(file).mode & 0o777], ['RSA-3072', file, 0o600]);
    const first = readFileSync(file);
    const again = await house.run('key', 'generate', 'seal');
    assert.deepEqual([again.status, again.stderr.includes('SEAL-KEY-EXISTS'), readFileSync(file).equals(first)], [65, true, true]);

    for (const padding of ['pss', 'pkcs1']) {
      execFileSync('rm', ['-f', join(house.directory, 'seal.csr')]);
      await request(house, '--padding', padding);
      assert.match(openssl(house, 'req', '-in', 'seal.csr', '-verify', '-noout', '-text'), padding === 'pss' ? /rsassaPss/ : /sha256With/);
    }
    const text = openssl(house, 'req', '-in', 'seal.csr', '-noout', '-text', '-nameopt', 'utf8,RFC2253');
    for (const part of [
      'Non Repudiation',
      'email:seal@example.com',
      'URI:https://example.com/seal',
      'CN=Seal of M\\C3\\BCller \\+ Co,OU=Post,O=Example AG,C=DE',
    ])
      assert.ok(text.includes(part), `${part} in ${text}`);
    const [der] = readPem(readFileSync(join(house.directory, 'seal.csr')), 'CERTIFICATE REQUEST');
    assert.equal(await CertificationRequest.fromBER(new Uint8Array(der ?? [])).verify(), true, 'pkijs');

    certify(house, 700);
    const imported = await house.ask<ImportView>(
      'key',
      'import',
      'seal',
      '--certificate',
      join(house.directory, 'seal.pem'),
      join(house.directory, 'issuing.pem'),
    );
    assert.deepEqual([imported.warnings, imported.stored.length], [[], 2]);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    succeeded(await house.run('key', 'test', 'seal'));
    assert.match(
      openssl(house, 'pkcs12', '-in', file, '-passin', `pass:${passphrase}`, '-nokeys', '-clcerts', '-info'),
      /AES-256-CBC|Seal of/,
    );
    assert.match(openssl(house, 'pkcs12', '-in', file, '-passin', `pass:${passphrase}`, '-nocerts', '-nodes'), /BEGIN PRIVATE KEY/);
    const listed = execFileSync('keytool', ['-list', '-v', '-keystore', file, '-storepass', passphrase], { stdio: 'pipe' }).toString();
    assert.match(listed, /PrivateKeyEntry[\s\S]*Certificate chain length: 2[\s\S]*Müller/);
  });

  test('what does not fit is refused or warned of: another key, no way to an anchor, a use that is not signing', async () => {
    const house = softwareHouse();
    await house.ask('key', 'generate', 'seal');
    const file = readFileSync(join(house.directory, 'keys/new/seal.p12'));
    writeFileSync(join(house.directory, 'other.pem'), authority.issue({ keyName: 'other' }).pem);
    const wrong = await house.run('key', 'import', 'seal', '--certificate', join(house.directory, 'other.pem'));
    assert.deepEqual([wrong.status, wrong.stderr.includes('SEAL-KEY-MISMATCH')], [69, true]);
    assert.deepEqual(readFileSync(join(house.directory, 'keys/new/seal.p12')), file);
    assert.equal((await house.run('key', 'csr', 'seal', '--subject', 'no name')).status, 64);
    assert.equal((await house.run('key', 'csr', 'seal', '--subject', 'CN=x', '--san', 'peter')).status, 64);

    await request(house, '--key-usage', 'digitalSignature');
    certify(house, 700);
    const used = await house.run('key', 'import', 'seal', '--certificate', join(house.directory, 'seal.pem'));
    assert.equal(used.status, 3, used.stderr);
    assert.match(used.stdout, /leads to no trust anchor: no certificate of the issuer/);
    assert.match(used.stdout, /key usage digitalSignature, not contentCommitment/);
  });

  test('a renewed certificate: the daemon takes it over, the older one is kept, nothing is restarted', async (t) => {
    const house = softwareHouse();
    await house.ask('key', 'generate', 'seal');
    await request(house);
    const daemon = await house.daemon(t);
    const [chain, pem] = [join(house.directory, 'issuing.pem'), join(house.directory, 'seal.pem')];
    certify(house, 100);
    await house.ask('key', 'import', 'seal', '--certificate', pem, chain);
    const days = async (): Promise<number | undefined> =>
      (await house.ask<KeyView[]>('key', 'list')).find(({ name }) => name === 'seal')?.certificate?.daysLeft;
    assert.equal(await days(), 99);
    const old = readFileSync(pem, 'utf8');
    certify(house, 500);
    await house.ask('key', 'import', 'seal', '--certificate', pem);
    assert.equal(await days(), 499);
    succeeded(await house.run('key', 'test', 'seal'));
    const held = openssl(house, 'pkcs12', '-in', 'keys/new/seal.p12', '-passin', `pass:${passphrase}`, '-nokeys');
    assert.equal(readPem(held).filter((der) => [old, readFileSync(pem, 'utf8')].includes(writePem(der))).length, 2);
    const rows = await house.ask<AuditView[]>('audit', 'show', '--limit', '100');
    const actions = rows.map(({ action }) => action);
    for (const action of ['key-generated', 'key-certificate-requested', 'key-certificate-imported', 'key-certificate-changed'])
      assert.ok(actions.includes(action), `${action} in ${actions.join(' ')}`);
    assert.match(daemon.log, /another certificate of the key is used from now on/);
    assert.ok(!daemon.log.includes(passphrase));
  });

  describe('on a token', needs('softhsm', 'opensc'), () => {
    for (const [type, algorithm] of [
      ['p-256', 'P-256'],
      ['p-384', 'P-384'],
      ['brainpoolP256r1', 'brainpoolP256r1'],
      ['rsa-3072', 'RSA-3072'],
    ] as const)
      test(`${type}: made inside, never leaves; request, certificate, signatures; pkcs11-tool sees both`, async (t) => {
        const hsm = softHsm((remove) => {
          t.after(remove);
        });
        const token = hsm.createToken('Seals');
        const key = { id: 'a1', label: 'Seal 1' };
        const house = houseWith({ source: 'pkcs11', module: hsm.module, environment: hsm.environment, token: { label: token }, key });
        const pin = ['--pin-file', join(house.directory, 'pin')];
        const made = await house.ask<NewKeyView>('key', 'generate', 'seal', '--type', type, ...pin);
        assert.deepEqual([made.algorithm, made.id, made.label], [algorithm, 'a1', 'Seal 1']);
        assert.equal((await house.run('key', 'generate', 'seal', ...pin)).status, 65);
        const tool = (...args: string[]): string =>
          execFileSync('pkcs11-tool', ['--module', hsm.module, '--token-label', token, ...args], {
            env: { ...process.env, ...hsm.environment },
            stdio: 'pipe',
          }).toString();
        const objects = tool('--login', '--pin', testPin, '--list-objects');
        assert.match(objects, /Private Key Object[\s\S]*sensitive, always sensitive, never extractable/);

        await request(house, ...pin);
        assert.match(openssl(house, 'req', '-in', 'seal.csr', '-verify', '-noout', '-text'), /Seal of/);
        certify(house, 300);
        const files = ['seal.pem', 'issuing.pem'].map((name) => join(house.directory, name));
        const imported = await house.ask<ImportView>('key', 'import', 'seal', '--certificate', ...files, ...pin);
        assert.deepEqual([imported.warnings, imported.stored.length], [[], 2]);
        assert.match(tool('--list-objects', '--type', 'cert'), /ID: +a1/);
        const again = await house.ask<ImportView>('key', 'import', 'seal', '--certificate', ...files, ...pin);
        assert.deepEqual(again.stored, []);
      });

    test('through the daemon: what was active is active again, a wrong PIN is tried once, a renewed certificate signs', async (t) => {
      const hsm = softHsm((remove) => {
        t.after(remove);
      });
      const key = {
        source: 'pkcs11',
        module: hsm.module,
        environment: hsm.environment,
        token: { label: hsm.createToken('Seals') },
        key: { id: 'a1' },
      };
      const house = houseWith(key);
      const daemon = await house.daemon(t);
      const pin = ['--pin-file', join(house.directory, 'pin')];
      const view = async (): Promise<KeyView | undefined> =>
        (await house.ask<KeyView[]>('key', 'list')).find(({ name }) => name === 'seal');
      await house.ask('key', 'generate', 'seal', ...pin);
      await request(house, ...pin);
      const files = ['seal.pem', 'issuing.pem'].map((name) => join(house.directory, name));
      certify(house, 100);
      await house.ask('key', 'import', 'seal', '--certificate', ...files, ...pin);
      await until('the certificate is seen', async () => (await view())?.certificate?.daysLeft === 99);
      succeeded(await house.run('key', 'activate', 'seal', ...pin));
      succeeded(await house.run('key', 'test', 'seal'));
      certify(house, 500);
      await house.ask('key', 'import', 'seal', '--certificate', ...files, ...pin);
      assert.deepEqual([(await view())?.state, (await view())?.certificate?.daysLeft], ['ready', 499]);
      succeeded(await house.run('key', 'test', 'seal'));

      writeFileSync(join(house.directory, 'wrong'), '00000000', { mode: 0o600 });
      const wrong = await house.run('key', 'csr', 'seal', '--subject', 'CN=x', '--pin-file', join(house.directory, 'wrong'));
      assert.deepEqual([wrong.status, wrong.stderr.includes('SEAL-KEY-PIN-INCORRECT')], [77, true], wrong.stderr);
      assert.equal((await view())?.state, 'pin-needed');
      assert.ok(!existsSync(join(house.directory, 'data/run', 'pin')) && !daemon.log.includes(testPin));
    });
  });
});
