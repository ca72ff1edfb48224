import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { explain } from '../../../../src/signer/keys/pkcs11/events.ts';
import { ecdsaToDer, mechanismFor } from '../../../../src/signer/keys/pkcs11/mechanisms.ts';
import { isOpenSc, openScConf } from '../../../../src/signer/keys/pkcs11/opensc.ts';
import { foreseeCertificate, pairKey } from '../../../../src/signer/keys/pkcs11/pairing.ts';
import { SealError } from '../../../../src/errors.ts';
import { testAuthority } from '../../../support/authority.ts';
import type { KeyWish } from '../../../../src/signer/keys/pkcs11/pairing.ts';
import type { TokenKey } from '../../../../src/signer/keys/pkcs11/messages.ts';

const rsa = { type: 'rsa', bits: 3072 } as const;
const p256 = { type: 'ec', curve: 'prime256v1', bits: 256 } as const;

describe('mechanisms', () => {
  test('the hash is made here where the token takes it, on the token only where it offers nothing else', () => {
    const data = Buffer.from('data');
    const bare = mechanismFor(rsa, { digest: 'sha256', padding: 'pkcs1' }, [0x01, 0x40]);
    assert.equal(bare?.call.mechanism, 0x01);
    assert.deepEqual(bare.input(data).subarray(-32), createHash('sha256').update(data).digest());
    const whole = mechanismFor(rsa, { digest: 'sha256', padding: 'pkcs1' }, [0x40]);
    assert.equal(whole?.call.mechanism, 0x40);
    assert.equal(whole.input(data), data);
    const pss = mechanismFor(rsa, { digest: 'sha384', padding: 'pss' }, [0x0d]);
    assert.deepEqual(pss?.call, { mechanism: 0x0d, pss: { hashAlg: 0x260, mgf: 3, saltLen: 48 } });
    assert.equal(mechanismFor(rsa, { digest: 'sha256', padding: 'pss' }, [0x01]), undefined);
    assert.equal(mechanismFor({ type: 'rsa-pss', bits: 3072 }, { digest: 'sha256', padding: 'pkcs1' }, [0x01, 0x0d]), undefined);
    assert.equal(mechanismFor(p256, { digest: 'sha256' }, [0x01]), undefined);
  });

  test('raw r‖s becomes the DER that verifiers take, whatever its leading zeros', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), (bytes) => {
        const raw = sign('sha256', bytes, { key: privateKey, dsaEncoding: 'ieee-p1363' });
        assert.ok(verify('sha256', bytes, publicKey, ecdsaToDer(raw)));
        assert.deepEqual(ecdsaToDer(ecdsaToDer(raw)), ecdsaToDer(raw));
      }),
      { numRuns: 300 },
    );
  });
});

describe('events', () => {
  test('each row of the table has its code, its consequence and a remedy', () => {
    const rows = {
      50: 'lost',
      179: 'lost',
      224: 'lost',
      257: 'logged-out',
      160: 'refused',
      164: 'locked',
      5: 'fault',
      48: 'fault',
      112: 'none',
      9999: 'fault',
    };
    for (const [rv, then] of Object.entries(rows)) {
      const { error, then: found } = explain('card', { rv: Number(rv), message: 'CKR_X' });
      assert.equal(found, then, rv);
      assert.ok(error.hint && error.code.startsWith('SEAL-KEY-'));
      assert.match(error.message, /card: .*CKR_X/);
    }
  });
});

describe('OpenSC', () => {
  test('its configuration takes the PIN cache away and locks the card for other processes', () => {
    assert.ok(isOpenSc('/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so') && !isOpenSc('/usr/lib/softhsm/libsofthsm2.so'));
    const text = openScConf(['Reader "A"', 'B']);
    assert.match(text, /use_pin_caching = false;/);
    assert.match(text, /lock_login = true;/);
    assert.match(text, /ignored_readers = "Reader A", "B";/);
  });
});

describe('which key and certificate are meant', () => {
  const authority = testAuthority();
  const now = authority.now();
  const wish = (key: KeyWish['key']): KeyWish => ({ name: 'k', token: {}, key, keyUsage: 'contentCommitment', minRemaining: 0 });
  const object = (id: string, label: string): TokenKey => ({
    handle: randomBytes(8),
    id: Buffer.from(id, 'hex'),
    label,
    alwaysAuthenticate: false,
  });
  const good = authority.issue();
  const old = authority.issue({ state: 'expired' });
  const login = authority.issue({ keyUsage: ['digitalSignature'] });
  const certificates = [
    { id: Buffer.from([1]), label: 'Login', der: login.certificate },
    { id: Buffer.from([2]), label: 'Old', der: old.certificate },
    { id: Buffer.from([3]), label: 'Seal', der: good.certificate },
  ];
  const keys = [object('01', 'a'), object('02', 'b'), object('03', 'c')];

  test('without a name: the pair that may sign now, never the one for authentication', () => {
    assert.deepEqual(pairKey(wish({}), keys, certificates, [], now).certificate.der, good.certificate);
    assert.deepEqual(foreseeCertificate(wish({}), certificates, now)?.der, good.certificate);
  });

  test('by id, by the label of the key, by the label of the certificate', () => {
    for (const key of [{ id: '02' }, { label: 'b' }, { label: 'Old' }])
      assert.deepEqual(pairKey(wish(key), keys, certificates, [], now).certificate.der, old.certificate);
  });

  test('a certificate from a file serves a token without one, when the public key is its own', () => {
    const { n = '' } = authority.issue({ keyType: 'rsa2048' }).publicKey.export({ format: 'jwk' });
    const identity = authority.issue({ keyType: 'rsa2048' });
    const key = { ...object('07', 'rsa'), modulus: Buffer.from(n, 'base64url') };
    assert.deepEqual(pairKey(wish({}), [key], [], [good.certificate, identity.certificate], now).certificate.der, identity.certificate);
    const code = (run: () => unknown): string => {
      try {
        run();
      } catch (thrown) {
        return thrown instanceof SealError ? thrown.code : String(thrown);
      }
      return 'none';
    };
    assert.equal(
      code(() => pairKey(wish({}), [key], [], [good.certificate], now)),
      'SEAL-KEY-CERTIFICATE',
    );
    assert.equal(
      code(() => pairKey(wish({ id: '09' }), keys, certificates, [], now)),
      'SEAL-KEY-UNKNOWN',
    );
  });
});
