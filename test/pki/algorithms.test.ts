import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signatureAlgorithmIdentifier } from '../../src/formats/algorithms.ts';
import { oid, sequence } from '../../src/formats/der.ts';
import { describeSignature, digestLife, judgeAlgorithms, keyLife } from '../../src/pki/algorithms.ts';
import { defaultCatalogue } from '../../src/pki/catalogue.ts';
import type { KeyType } from '../../src/model/algorithms.ts';

const today = Date.UTC(2026, 10, 22);
const rsa = (bits: number): KeyType => ({ type: 'rsa', bits });
const ec = (curve: string, bits: number): KeyType => ({ type: 'ec', curve, bits });
const word = (key: KeyType, at = today, padding: 'pkcs1' | 'pss' = 'pss') => {
  const { acceptable, warnings } = judgeAlgorithms(signatureAlgorithmIdentifier(key, { digest: 'sha256', padding }), key, at);
  return acceptable ? (warnings.length > 0 ? 'warning' : 'good') : 'ended';
};

test('every date of the catalogue is a day and has a source', () => {
  for (const { end, legacy, source } of defaultCatalogue) {
    assert.ok(source.length > 10);
    assert.ok((end ?? legacy) !== undefined);
    for (const date of [end, legacy]) if (date !== undefined) assert.equal(new Date(date).toISOString().slice(0, 10), date);
  }
});

test('old digests ended long ago, those that are written have no known end', () => {
  for (const digest of ['md5', 'sha1', 'ripemd160', 'sha224', 'sha3-224'] as const) assert.ok(digestLife(digest).end < today, digest);
  for (const digest of ['sha256', 'sha384', 'sha512', 'sha3-256', 'sha3-512'] as const)
    assert.equal(digestLife(digest).end, Infinity, digest);
});

test('keys are judged by kind, size and time', () => {
  assert.equal(word(rsa(1024)), 'ended');
  assert.equal(word(rsa(1024), Date.UTC(2015, 0, 1)), 'good');
  assert.equal(word(rsa(2048)), 'warning');
  assert.equal(word(rsa(2048), Date.UTC(2025, 0, 1)), 'good');
  assert.equal(word(rsa(2048), Date.UTC(2031, 0, 1)), 'ended');
  assert.equal(word(rsa(3072)), 'good');
  assert.equal(word(rsa(4096), Date.UTC(2029, 0, 1), 'pkcs1'), 'warning');
  assert.equal(word({ type: 'rsa-pss', bits: 1024 }), 'ended');
  assert.equal(word(ec('prime256v1', 256)), 'good');
  assert.equal(word(ec('brainpoolP384r1', 384)), 'good');
  assert.equal(word(ec('secp224r1', 224)), 'ended');
  assert.equal(word(ec('secp256k1', 256)), 'ended');
  assert.equal(word(ec('explicit', 0)), 'ended');
  assert.equal(word({ type: 'ed25519', bits: 256 }), 'good');
  assert.equal(keyLife({ type: 'dsa', bits: 3072 }).end, Date.UTC(2024, 1, 3));
});

test('an operator’s dates replace ours, and what is not understood is not accepted', () => {
  const identifier = signatureAlgorithmIdentifier(rsa(2048), { digest: 'sha256', padding: 'pkcs1' });
  const strict = [{ subject: { digest: 'sha256' as const }, end: '2026-01-01', source: 'house rule of this test' }];
  const verdict = judgeAlgorithms(identifier, rsa(2048), today, strict);
  assert.deepEqual(verdict.errors, ['SHA-256 is not acceptable from 2026-01-01 on (house rule of this test)']);
  assert.equal(judgeAlgorithms(identifier, rsa(2048), today, []).acceptable, true);
  assert.equal(judgeAlgorithms(sequence(oid('1.2.3')), rsa(4096), today).acceptable, false);
  assert.equal(describeSignature(identifier), 'RSA with SHA-256');
  assert.equal(describeSignature(sequence(oid('1.2.3'))), 'unsupported algorithm');
});
