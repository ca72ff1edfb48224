import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SealError } from '../../src/errors.ts';
import { verifySignature } from '../../src/formats/algorithms.ts';
import {
  buildOcspRequest,
  isResponder,
  matchesCertId,
  parseBasicOcspResponse,
  parseOcspResponse,
  publicKeyBits,
  wrapOcspResponse,
} from '../../src/formats/ocsp.ts';
import { digestOf } from '../../src/formats/digests.ts';
import { parseCertificate } from '../../src/formats/x509.ts';
import { needs } from '../support/tools.ts';
import { OpensslCa } from '../support/openssl-ca.ts';
import { cn, day, makeCa, makeCertificate, makeOcsp, noon } from '../support/pki.ts';

function opensslOcsp(ca: OpensslCa, ...flags: string[]) {
  ca.selfSigned('ca', { extensions: ['basicConstraints=critical,CA:TRUE'] });
  ca.issue('good', 'ca');
  ca.issue('bad', 'ca');
  ca.issue('responder', 'ca', ['extendedKeyUsage=OCSPSigning']);
  const hex = (name: string) =>
    parseCertificate(ca.der(`${name}.pem`))
      .serialNumber.toString('hex')
      .toUpperCase();
  ca.write(
    'index.txt',
    `V\t300101000000Z\t\t${hex('good')}\tunknown\t/CN=good\nR\t300101000000Z\t260102030405Z,superseded\t${hex('bad')}\tunknown\t/CN=bad\n`,
  );
  const certificates = ['good', 'bad', 'ca', 'responder'].map((name) => parseCertificate(ca.der(`${name}.pem`)));
  const [good, bad, issuer, responder] = certificates;
  assert.ok(good && bad && issuer && responder);
  const ask = (request: Buffer): Buffer => {
    ca.write('req.der', request);
    ca.run(
      'ocsp',
      '-index',
      'index.txt',
      '-CA',
      'ca.pem',
      '-rsigner',
      'responder.pem',
      '-rkey',
      'responder.key',
      '-reqin',
      'req.der',
      '-respout',
      'resp.der',
      '-ndays',
      '3',
      ...flags,
    );
    return ca.read('resp.der');
  };
  return { good, bad, issuer, responder, ask };
}

test('openssl understands our request, we understand its answer', needs('openssl'), () => {
  using ca = new OpensslCa();
  const { ask, bad, good, issuer, responder } = opensslOcsp(ca);
  for (const hashAlgorithm of ['sha1', 'sha256'] as const) {
    const nonce = Buffer.from('0123456789abcdef');
    const { basic, status } = parseOcspResponse(ask(buildOcspRequest(bad, issuer, { nonce, hashAlgorithm })));
    assert.equal(status, 'successful');
    assert.ok(basic);
    const answer = parseBasicOcspResponse(basic);
    assert.ok(answer.nonce?.equals(nonce));
    const [single] = answer.responses;
    assert.ok(single);
    assert.equal(single.certId.hashAlgorithm, hashAlgorithm);
    assert.equal(matchesCertId(single.certId, bad, issuer), true);
    assert.equal(matchesCertId(single.certId, good, issuer), false);
    assert.equal(single.status, 'revoked');
    assert.equal(single.reason, 'superseded');
    assert.equal(single.revocationTime, Date.UTC(2026, 0, 2, 3, 4, 5));
    assert.equal((single.nextUpdate ?? 0) - single.thisUpdate, 3 * day);
    assert.equal(isResponder(answer.responder, responder), true);
    assert.equal(isResponder(answer.responder, issuer), false);
    assert.ok(answer.certificates.some((der) => der.equals(responder.der)));
    assert.equal(verifySignature(responder.publicKey(), answer.signatureAlgorithm, answer.tbs, answer.signature), true);
    assert.ok(wrapOcspResponse(basic).equals(ca.read('resp.der')));
  }
});

test('a responder named by its key is found', needs('openssl'), () => {
  using ca = new OpensslCa();
  const { ask, good, issuer, responder } = opensslOcsp(ca, '-resp_key_id');
  const { basic } = parseOcspResponse(ask(buildOcspRequest(good, issuer)));
  assert.ok(basic);
  const answer = parseBasicOcspResponse(basic);
  assert.ok('byKey' in answer.responder);
  assert.equal(isResponder(answer.responder, responder), true);
  assert.equal(isResponder(answer.responder, issuer), false);
  assert.equal(answer.responses[0]?.status, 'good');
  assert.equal(answer.nonce, undefined);
});

test('openssl accepts an answer built for tests here, so those tests are about real answers', needs('openssl'), () => {
  using ca = new OpensslCa();
  const issuer = makeCa({ subject: cn('issuer'), notAfter: Date.UTC(2049, 0, 1) });
  const { certificate } = makeCertificate({ issuer, notAfter: Date.UTC(2049, 0, 1) });
  const basic = makeOcsp({ about: certificate, issuer, thisUpdate: noon, nextUpdate: Date.UTC(2048, 0, 1) });
  ca.write('resp.der', wrapOcspResponse(basic));
  for (const [name, der] of [
    ['ca', issuer.certificate.der],
    ['ee', certificate.der],
  ] as const)
    ca.write(
      `${name}.pem`,
      `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
    );
  const out = ca.run('ocsp', '-respin', 'resp.der', '-CAfile', 'ca.pem', '-issuer', 'ca.pem', '-cert', 'ee.pem', '-no_nonce').toString();
  assert.match(out, /ee\.pem: good/);
});

test('the envelope tells when a responder does not answer', () => {
  assert.deepEqual(parseOcspResponse(Buffer.from('30030a0103', 'hex')), { status: 'tryLater' });
  assert.deepEqual(parseOcspResponse(Buffer.from('30030a0106', 'hex')), { status: 'unauthorized' });
  for (const wrong of ['30030a0104', '30030a0100', '3000', '30030a0110'])
    assert.throws(() => parseOcspResponse(Buffer.from(wrong, 'hex')), { code: 'SEAL-INPUT-INVALID' }, wrong);
});

test('the key hash is over the bits of the key alone', () => {
  const { certificate } = makeCa();
  const bits = publicKeyBits(certificate.spki);
  assert.equal(bits.length, 65);
  assert.equal(bits[0], 4);
  assert.equal(digestOf('sha1', bits).length, 20);
});

test('mutated answers end in a typed error or in another answer, never in a crash', () => {
  const issuer = makeCa();
  const { certificate } = makeCertificate({ issuer });
  const der = makeOcsp({ about: certificate, issuer, status: { revokedAt: noon, reason: 1 }, certificates: [issuer.certificate] });
  fc.assert(
    fc.property(fc.nat(der.length - 1), fc.nat(255), (at, octet) => {
      const mutated = Buffer.from(der);
      mutated[at] = octet;
      try {
        for (const single of parseBasicOcspResponse(mutated).responses) matchesCertId(single.certId, certificate, issuer.certificate);
      } catch (error) {
        assert.ok(error instanceof SealError && error.code === 'SEAL-INPUT-INVALID', String(error));
      }
    }),
    { numRuns: 1000 },
  );
});
