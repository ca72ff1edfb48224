import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPublicKey, generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { SealError } from '../../src/errors.ts';
import { children, parse } from '../../src/formats/der.ts';
import { readPem } from '../../src/formats/pem.ts';
import { openPkcs12, writePkcs12 } from '../../src/formats/pkcs12.ts';
import { needs } from '../support/tools.ts';
import type { KeyObject } from 'node:crypto';
import type { Pkcs12Content } from '../../src/formats/pkcs12.ts';

const secret = 'sesam öffne 😀';
let dir: string;
let certificate: Buffer;
let plainFile: Buffer;
const otherKey = generateKeyPairSync('ed25519').privateKey;

function openssl(...args: string[]): Buffer {
  return execFileSync('openssl', args, { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] });
}

function fits(privateKey: KeyObject, der: Buffer): boolean {
  return new X509Certificate(der).checkPrivateKey(privateKey);
}

async function rejected(file: Buffer, passphrase = secret): Promise<SealError> {
  const thrown: unknown = await openPkcs12(file, Buffer.from(passphrase)).catch((error: unknown) => error);
  assert.ok(thrown instanceof SealError, String(thrown));
  return thrown;
}

before(() => {
  dir = mkdtempSync(`${tmpdir()}/sealtree-p12-`);
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'key.pem',
    '-out',
    'cert.pem',
    '-days',
    '30',
    '-subj',
    '/CN=Key file',
  );
  certificate = readPem(readFileSync(`${dir}/cert.pem`))[0] ?? Buffer.alloc(0);
  exportWith('plain.p12', '-keypbe', 'NONE', '-certpbe', 'NONE', '-macalg', 'sha256', '-iter', '1');
  plainFile = readFileSync(`${dir}/plain.p12`);
});
after(() => {
  rmSync(dir, { recursive: true });
});

function exportWith(name: string, ...options: string[]): Buffer {
  openssl(
    'pkcs12',
    '-export',
    '-inkey',
    'key.pem',
    '-in',
    'cert.pem',
    '-name',
    'sig',
    '-passout',
    `pass:${secret}`,
    '-out',
    name,
    ...options,
  );
  return readFileSync(`${dir}/${name}`);
}

describe('PKCS#12 files of other programs', needs('openssl'), () => {
  const kinds: Readonly<Record<string, readonly string[]>> = {
    'OpenSSL 3 (PBES2, AES-256, MAC SHA-256)': [],
    'MAC SHA-512 and AES-128': ['-macalg', 'sha512', '-keypbe', 'AES-128-CBC', '-certpbe', 'AES-192-CBC'],
    'PBES2 with triple DES': ['-keypbe', 'DES-EDE3-CBC', '-certpbe', 'DES-EDE3-CBC'],
    'OpenSSL 1 and Windows (RC2-40 certificates, triple DES key, MAC SHA-1)': ['-legacy'],
    'RC2-128 and two-key triple DES': ['-legacy', '-certpbe', 'PBE-SHA1-RC2-128', '-keypbe', 'PBE-SHA1-2DES'],
    'plain key and certificate under a MAC': ['-keypbe', 'NONE', '-certpbe', 'NONE'],
    'no MAC': ['-nomac'],
    'no iterations': ['-noiter', '-nomaciter'],
  };
  for (const [kind, options] of Object.entries(kinds)) {
    test(`${kind}: opens, and tells a wrong passphrase`, async () => {
      const file = exportWith('kind.p12', ...options);
      const { keys, certificates } = await openPkcs12(file, Buffer.from(secret));
      assert.deepEqual([keys.length, certificates.length], [1, 1]);
      const [key] = keys;
      assert.ok(key && fits(key.privateKey, certificate));
      assert.deepEqual(certificates[0]?.der, certificate);
      assert.deepEqual(certificates[0].localKeyId, key.localKeyId);
      assert.equal((await rejected(file, 'wrong')).code, 'SEAL-KEY-PASSPHRASE');
    });
  }

  test('RC4 is not read, and the error says how to convert', async () => {
    const error = await rejected(exportWith('rc4.p12', '-legacy', '-keypbe', 'PBE-SHA1-RC4-128'));
    assert.equal(error.code, 'SEAL-INPUT-INVALID');
    assert.match(error.hint ?? '', /openssl pkcs12 -legacy/);
  });

  test('indefinite length and a cut OCTET STRING (BER, as Windows and BouncyCastle write) are read', async () => {
    const file = exportWith('der.p12');
    const { keys } = await openPkcs12(intoBer(file), Buffer.from(secret));
    assert.ok(keys[0] && fits(keys[0].privateKey, certificate));
  });

  test('an EC key with its issuer: localKeyId names the certificate of the key', async () => {
    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:brainpoolP256r1', '-nodes', '-keyout', 'ec.key', '-out', 'ec.pem', '-subj', '/CN=E'); // prettier-ignore
    openssl('pkcs12', '-export', '-inkey', 'ec.key', '-in', 'ec.pem', '-certfile', 'cert.pem', '-passout', 'pass:x', '-out', 'ec.p12');
    const { keys, certificates } = await openPkcs12(readFileSync(`${dir}/ec.p12`), Buffer.from('x'));
    const own = certificates.find((candidate) => candidate.localKeyId?.equals(keys[0]?.localKeyId ?? Buffer.alloc(1)));
    assert.equal(certificates.length, 2);
    assert.ok(keys[0] && own && fits(keys[0].privateKey, own.der));
  });

  test('a file of Java keytool opens', needs('dss'), async () => {
    const at = ['-storetype', 'PKCS12', '-keystore', `${dir}/java.p12`, '-storepass', 'changeit'];
    execFileSync('keytool', ['-genkeypair', ...at, '-alias', 'sig', '-keyalg', 'RSA', '-keysize', '2048', '-dname', 'CN=Java'], {
      stdio: 'ignore',
    });
    const { keys, certificates } = await openPkcs12(readFileSync(`${dir}/java.p12`), Buffer.from('changeit'));
    assert.ok(keys[0] && certificates[0] && fits(keys[0].privateKey, certificates[0].der));
  });
});

describe('PKCS#12 files of ours', () => {
  test('are read by OpenSSL with key and all certificates, and by ourselves', needs('openssl'), async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    writeFileSync(`${dir}/own.key`, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    openssl('req', '-x509', '-new', '-key', 'own.key', '-out', 'own.pem', '-subj', '/CN=Own');
    const own = readPem(readFileSync(`${dir}/own.pem`))[0] ?? Buffer.alloc(0);
    const file = await writePkcs12({
      privateKey,
      certificates: [own, certificate],
      friendlyName: 'Grüße',
      passphrase: Buffer.from(secret),
      random: randomBytes,
    });
    writeFileSync(`${dir}/own.p12`, file);
    const text = openssl('pkcs12', '-in', 'own.p12', '-passin', `pass:${secret}`, '-nodes', '-info').toString();
    assert.equal(text.match(/BEGIN CERTIFICATE/g)?.length, 2);
    const exported = createPublicKey(/-----BEGIN PRIVATE KEY-----[^]*?-----END PRIVATE KEY-----/.exec(text)?.[0] ?? '');
    assert.deepEqual(exported.export({ type: 'spki', format: 'der' }), publicKey.export({ type: 'spki', format: 'der' }));
    const opened = await openPkcs12(file, Buffer.from(secret));
    assert.ok(opened.keys[0] && fits(opened.keys[0].privateKey, own));
    assert.equal((await rejected(file, 'sesam')).code, 'SEAL-KEY-PASSPHRASE');
  });
});

describe('hostile PKCS#12 files', () => {
  test('an iteration count that would keep us busy for hours is refused', async () => {
    const file = Buffer.from(exportWith('slow.p12', '-nomac'));
    // INTEGER 2048 → 0x7fffffff needs room: written over "02 02 08 00", with the length kept by shortening the salt before it.
    // Encrypted bytes may look like either: only both at their distance are the parameters.
    const at = Array.from(file.keys()).find(
      (start) => file.readUInt16BE(start) === 0x0408 && file.subarray(start + 10, start + 14).toString('hex') === '02020800',
    );
    assert.ok(at !== undefined);
    Buffer.from('0406', 'hex').copy(file, at);
    Buffer.from('02047fffffff', 'hex').copy(file, at + 8);
    const error = await rejected(file);
    assert.match(error.message, /iterations/);
  });

  test('no changed or cut byte ends in anything but a SealError', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 255 }), fc.boolean(), async (place, change, cut) => {
        const file = Buffer.from(plainFile);
        const at = place % file.length;
        file[at] = (file[at] ?? 0) ^ change;
        const result = await openPkcs12(cut ? file.subarray(0, at) : file, Buffer.from(secret)).catch((thrown: unknown) => thrown);
        // What the MAC does not cover (its own algorithm's parameters) may change without harm: then the content is still the right one.
        const harmless = !(result instanceof Error) && fits((result as Pkcs12Content).keys[0]?.privateKey ?? otherKey, certificate);
        assert.ok(result instanceof SealError || harmless, `${at}: ${String(result)}`);
      }),
      { numRuns: 300 },
    );
  });
});

/** The same file with an indefinite outer length, and the authenticated safe cut into pieces of 1000 bytes. */
function intoBer(file: Buffer): Buffer {
  const [version, safe, mac] = children(parse(file));
  const [type, content] = safe === undefined ? [] : children(safe);
  const octets = content === undefined ? undefined : children(content)[0]?.content;
  assert.ok(version && type && octets && mac);
  const close = Buffer.alloc(2);
  const pieces: Buffer[] = [];
  for (let at = 0; at < octets.length; at += 1000) {
    const piece = octets.subarray(at, at + 1000);
    pieces.push(Buffer.from([0x04, 0x82, piece.length >> 8, piece.length & 0xff]), piece);
  }
  const cut = Buffer.concat([Buffer.from([0x24, 0x80]), ...pieces, close]);
  const info = Buffer.concat([Buffer.from([0x30, 0x80]), type.raw, Buffer.from([0xa0, 0x80]), cut, close, close]);
  return Buffer.concat([Buffer.from([0x30, 0x80]), version.raw, info, mac.raw, close]);
}
