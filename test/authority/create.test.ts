import assert from 'node:assert/strict';
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { openAuthority } from '../../src/authority/authority.ts';
import { createAuthority } from '../../src/authority/create.ts';
import { createSigners } from '../../src/authority/signers.ts';
import { nodeFiles } from '../../src/effects/files.ts';
import { systemRandom } from '../../src/effects/random.ts';
import { openPkcs12 } from '../../src/formats/pkcs12.ts';
import { parseCertificate } from '../../src/formats/x509.ts';
import { ManualClock } from '../support/clock.ts';
import { Killed, killedAt, temporaryDirectory } from '../support/files.ts';
import { needs } from '../support/tools.ts';
import { openssl } from './openssl.ts';
import type { Files } from '../../src/ports/files.ts';

const files = nodeFiles();
after(() => files.close());
const world = (over: Files = files) => ({ clock: new ManualClock(), files: over, random: systemRandom });
const wanted = (top: string) => ({ dir: join(top, 'authority'), baseUrl: 'http://127.0.0.1:3180', crlDir: join(top, 'crls') });
const contents = async (dir: string) =>
  new Map(await Promise.all((await readdir(dir)).map(async (name) => [name, await readFile(join(dir, name), 'latin1')] as const)));

describe('the evaluation authority on disk', () => {
  test('is made once; a second call changes nothing and gives the same', async (t) => {
    const top = temporaryDirectory(t);
    const first = await createAuthority(world(), wanted(top));
    assert.deepEqual(
      first.created.map((path) => path.slice(top.length)).sort(),
      [
        '/authority/authority.json',
        ...['root', 'issuing', 'tsa', 'ocsp'].flatMap((name) => [`/authority/${name}.key`, `/authority/${name}.pem`]),
      ].sort(),
    );
    const before = await contents(wanted(top).dir);
    const second = await createAuthority(world(), { ...wanted(top), baseUrl: 'http://127.0.0.1:1' });
    assert.deepEqual(second.created, []);
    assert.deepEqual(await contents(wanted(top).dir), before);
    assert.deepEqual(second.authority.root.certificate, first.authority.root.certificate);
    const opened = await openAuthority(world(), wanted(top).dir);
    assert.deepEqual(opened.tsa.certificate, first.authority.tsa.certificate);
    assert.equal(opened.registry.baseUrl, 'http://127.0.0.1:3180');
  });

  test('keeps its keys to itself', async (t) => {
    const top = temporaryDirectory(t);
    await createAuthority(world(), wanted(top));
    const { dir } = wanted(top);
    assert.equal((await stat(dir)).mode & 0o777, 0o700);
    for (const name of ['root', 'issuing', 'tsa', 'ocsp']) assert.equal((await stat(join(dir, `${name}.key`))).mode & 0o777, 0o600);
    await chmod(join(dir, 'tsa.key'), 0o644);
    await assert.rejects(openAuthority(world(), dir), { code: 'SEAL-CONFIG-SECRET', hint: `chmod 600 ${join(dir, 'tsa.key')}` });
  });

  test('says what is wrong: nothing there, mixed files, a damaged registry', async (t) => {
    const [top, other] = [temporaryDirectory(t), temporaryDirectory(t)];
    await assert.rejects(openAuthority(world(), wanted(top).dir), { code: 'SEAL-INPUT-MISSING' });
    await createAuthority(world(), wanted(top));
    await createAuthority(world(), wanted(other));
    const { dir } = wanted(top);
    const own = await readFile(join(dir, 'root.pem'));
    await writeFile(join(dir, 'root.pem'), await readFile(join(wanted(other).dir, 'root.pem')));
    await assert.rejects(openAuthority(world(), dir), { code: 'SEAL-KEY-MISMATCH' });
    await writeFile(join(dir, 'root.pem'), own);
    await writeFile(join(dir, 'authority.json'), '{"version": 1, "baseUrl": 5}');
    await assert.rejects(openAuthority(world(), dir), { code: 'SEAL-CONFIG-INVALID', where: join(dir, 'authority.json') });
  });

  test('is completed after the process was killed at any write, and then every certificate it holds is known to it', async (t) => {
    let changes = Infinity;
    for (let nth = 1; nth <= changes; nth++) {
      const top = temporaryDirectory(t);
      for (const when of ['before', 'after'] as const) {
        const dying = killedAt(files, nth, when);
        await createAuthority(world(dying), wanted(join(top, when))).then(
          () => (changes = nth),
          (error: unknown) => {
            assert.ok(error instanceof Killed);
          },
        );
        const { authority } = await createAuthority(world(), wanted(join(top, when)));
        for (const { certificate } of [authority.tsa, authority.ocsp]) {
          assert.equal(authority.registry.status('issuing', parseCertificate(certificate).serialNumber).status, 'good');
        }
      }
    }
    assert.ok(changes >= 14);
  });
});

describe('signing keys for the evaluation', () => {
  test('open with their passphrase in openssl and here, and lead to the root', needs('openssl'), async (t) => {
    const top = temporaryDirectory(t);
    const { authority } = await createAuthority(world(), wanted(top));
    const signers = [
      { file: join(top, 'rsa.p12'), kind: 'rsa3072', commonName: 'Sealtree EVALUATION Signer RSA' },
      { file: join(top, 'ec.p12'), kind: 'p256', commonName: 'Sealtree EVALUATION Signer EC' },
    ] as const;
    const pass = join(top, 'pass');
    const made = await createSigners(world(), authority, pass, signers);
    assert.deepEqual(made, [pass, signers[0].file, signers[1].file]);
    assert.deepEqual(await createSigners(world(), authority, pass, signers), []);
    for (const file of made) assert.equal((await stat(file)).mode & 0o777, 0o600);
    const passphrase = Buffer.from((await readFile(pass, 'utf8')).trim());
    assert.ok(passphrase.length >= 32);
    await writeFile(join(top, 'root.pem'), await readFile(join(wanted(top).dir, 'root.pem')));
    for (const { file, kind } of signers) {
      const shown = await openssl(top, 'pkcs12', '-in', file, '-passin', `file:${pass}`, '-nodes', '-out', 'all.pem');
      assert.equal(shown.status, 0, shown.output);
      const at = String(Math.floor(new ManualClock().now() / 1000));
      const verified = await openssl(top, 'verify', '-attime', at, '-CAfile', 'root.pem', '-untrusted', 'all.pem', 'all.pem');
      assert.equal(verified.status, 0, verified.output);
      const [key] = (await openPkcs12(await readFile(file), passphrase)).keys;
      assert.equal(key?.privateKey.asymmetricKeyType, kind === 'p256' ? 'ec' : 'rsa');
    }
    assert.match(await readFile(join(wanted(top).dir, 'authority.json'), 'utf8'), /Sealtree EVALUATION Signer RSA/);
  });

  test('are not made under an empty passphrase', async (t) => {
    const top = temporaryDirectory(t);
    const { authority } = await createAuthority(world(), wanted(top));
    await writeFile(join(top, 'pass'), '\n');
    const signer = { file: join(top, 'ec.p12'), kind: 'p256', commonName: 'EC' } as const;
    await assert.rejects(createSigners(world(), authority, join(top, 'pass'), [signer]), { code: 'SEAL-CONFIG-SECRET' });
  });
});
