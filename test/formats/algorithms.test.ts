import assert from 'node:assert/strict';
import { generateKeyPairSync, sign, constants } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  anyDigests,
  describeScheme,
  digestAlgorithmIdentifier,
  digestLengths,
  digestOf,
  ecdsaSignatureFromRaw,
  keyTypeOf,
  parseDigestAlgorithm,
  parseSignatureAlgorithm,
  signatureAlgorithmIdentifier,
  verifySignature,
} from '../../src/formats/algorithms.ts';
import { nullValue, oid, sequence } from '../../src/formats/der.ts';
import { oids } from '../../src/formats/oids.ts';
import { parseCertificate } from '../../src/formats/x509.ts';
import { needs } from '../support/tools.ts';
import { OpensslCa } from '../support/openssl-ca.ts';
import type { DigestAlgorithm } from '../../src/model/algorithms.ts';

const digests: readonly DigestAlgorithm[] = ['sha256', 'sha384', 'sha512'];
const data = Buffer.from('signed attributes');

test('every digest names itself, with and without NULL parameters', () => {
  for (const digest of anyDigests) {
    assert.equal(parseDigestAlgorithm(digestAlgorithmIdentifier(digest)), digest);
    assert.equal(parseDigestAlgorithm(sequence(oid(oids[digest]), nullValue)), digest);
    assert.equal(digestOf(digest, data).length, digestLengths[digest]);
    assert.ok(digestOf(digest, data.subarray(0, 3), data.subarray(3)).equals(digestOf(digest, data)));
  }
  assert.throws(() => parseDigestAlgorithm(sequence(oid('1.2.3'))), { code: 'SEAL-INPUT-INVALID' });
});

test('what a key signs under its identifier verifies, and one changed bit does not', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const cases = [
    ...digests.map((digest) => ({ pair: rsa, algorithm: { digest, padding: 'pkcs1' as const } })),
    ...digests.map((digest) => ({ pair: rsa, algorithm: { digest, padding: 'pss' as const } })),
    ...['P-256', 'P-384', 'P-521', 'brainpoolP256r1', 'brainpoolP384r1', 'brainpoolP512r1'].flatMap((namedCurve) =>
      digests.map((digest) => ({ pair: generateKeyPairSync('ec', { namedCurve }), algorithm: { digest } })),
    ),
    { pair: generateKeyPairSync('ed25519'), algorithm: { digest: 'sha512' as const } },
  ];
  for (const { algorithm, pair } of cases) {
    const type = keyTypeOf(pair.publicKey);
    const pss = 'padding' in algorithm && algorithm.padding === 'pss';
    const options = pss ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST } : {};
    const value = sign(type.type === 'ed25519' ? null : algorithm.digest, data, { key: pair.privateKey, ...options });
    const identifier = signatureAlgorithmIdentifier(type, algorithm);
    const what = `${describeScheme(parseSignatureAlgorithm(identifier))} on ${JSON.stringify(type)}`;
    assert.equal(verifySignature(pair.publicKey, identifier, data, value), true, what);
    const flipped = Buffer.from(value);
    flipped[flipped.length >> 1] = (flipped[flipped.length >> 1] ?? 0) ^ 1;
    assert.equal(verifySignature(pair.publicKey, identifier, data, flipped), false, what);
    assert.equal(verifySignature(pair.publicKey, identifier, Buffer.from('other'), value), false, what);
  }
});

test('an identifier that names only the key takes the digest of the message; without one it is no algorithm', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const value = sign('sha384', data, privateKey);
  const identifier = sequence(oid(oids.rsaEncryption), nullValue);
  assert.equal(verifySignature(publicKey, identifier, data, value, 'sha384'), true);
  assert.equal(verifySignature(publicKey, identifier, data, value, 'sha256'), false);
  assert.equal(verifySignature(publicKey, identifier, data, value), false);
});

test('a signature of one scheme never passes for another, and a key of another kind only makes it false', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pkcs1 = signatureAlgorithmIdentifier(keyTypeOf(rsa.publicKey), { digest: 'sha256', padding: 'pkcs1' });
  const pss = signatureAlgorithmIdentifier(keyTypeOf(rsa.publicKey), { digest: 'sha256', padding: 'pss' });
  const ecdsa = signatureAlgorithmIdentifier(keyTypeOf(ec.publicKey), { digest: 'sha256' });
  const value = sign('sha256', data, rsa.privateKey);
  assert.equal(verifySignature(rsa.publicKey, pkcs1, data, value), true);
  assert.equal(verifySignature(rsa.publicKey, pss, data, value), false);
  assert.equal(verifySignature(rsa.publicKey, ecdsa, data, value), false);
  assert.equal(verifySignature(ec.publicKey, pkcs1, data, value), false);
});

test('raw r‖s of a card becomes the DER that ECDSA signatures need', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-521' });
  const raw = sign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  const identifier = signatureAlgorithmIdentifier(keyTypeOf(publicKey), { digest: 'sha256' });
  assert.equal(verifySignature(publicKey, identifier, data, ecdsaSignatureFromRaw(raw)), true);
});

test('hostile identifiers and signatures are false, never an exception', () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pss = signatureAlgorithmIdentifier(keyTypeOf(publicKey), { digest: 'sha512', padding: 'pss' });
  fc.assert(
    fc.property(fc.nat(pss.length - 1), fc.nat(255), fc.uint8Array({ maxLength: 300 }), (at, octet, value) => {
      const mutated = Buffer.from(pss);
      mutated[at] = octet;
      assert.equal(verifySignature(publicKey, mutated, data, Buffer.from(value)), false);
    }),
    { numRuns: 300 },
  );
});

test('certificates that openssl signs with every algorithm verify here', needs('openssl'), () => {
  using ca = new OpensslCa();
  const rsa = ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'];
  const curve = (name: string) => ['-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${name}`];
  const pss = (salt: number, mgf: string) => ['rsa_padding_mode:pss', `rsa_pss_saltlen:${salt}`, `rsa_mgf1_md:${mgf}`];
  const kinds = [
    { keyArgs: rsa, digest: 'sha1', expected: 'RSA with SHA-1' },
    { keyArgs: rsa, digest: 'sha224', expected: 'RSA with SHA-224' },
    { keyArgs: rsa, digest: 'sha512', expected: 'RSA with SHA-512' },
    { keyArgs: rsa, digest: 'sha3-256', expected: 'RSA with SHA3-256' },
    { keyArgs: rsa, digest: 'ripemd160', expected: 'RSA with RIPEMD160' },
    { keyArgs: rsa, digest: 'sha256', sigopts: pss(32, 'sha256'), expected: 'RSA-PSS with SHA-256' },
    { keyArgs: rsa, digest: 'sha1', sigopts: pss(20, 'sha1'), expected: 'RSA-PSS with SHA-1' },
    { keyArgs: rsa, digest: 'sha256', sigopts: pss(17, 'sha1'), expected: 'RSA-PSS with SHA-256' },
    { keyArgs: rsa, digest: 'sha384', sigopts: pss(48, 'sha256'), expected: 'RSA-PSS with SHA-384' },
    { keyArgs: ['-algorithm', 'RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048'], digest: 'sha256', expected: 'RSA-PSS with SHA-256' },
    { keyArgs: curve('P-256'), digest: 'sha256', expected: 'ECDSA with SHA-256' },
    { keyArgs: curve('P-384'), digest: 'sha3-384', expected: 'ECDSA with SHA3-384' },
    { keyArgs: curve('brainpoolP512r1'), digest: 'sha512', expected: 'ECDSA with SHA-512' },
    { keyArgs: ['-algorithm', 'ED25519'], expected: 'Ed25519' },
    { keyArgs: ['-algorithm', 'ED448'], expected: 'Ed448' },
  ];
  for (const [index, { expected, ...options }] of kinds.entries()) {
    const certificate = parseCertificate(ca.selfSigned(`k${index}`, options));
    const { signature, signatureAlgorithm, tbs } = certificate;
    assert.equal(describeScheme(parseSignatureAlgorithm(signatureAlgorithm)), expected);
    assert.equal(verifySignature(certificate.publicKey(), signatureAlgorithm, tbs, signature), true, `${index}: ${expected}`);
    assert.equal(verifySignature(certificate.publicKey(), signatureAlgorithm, tbs.subarray(1), signature), false, expected);
  }
});
