import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { BasicOCSPResponse } from 'pkijs';
import { verifySignature } from '../../src/formats/algorithms.ts';
import { buildOcspRequest, parseBasicOcspResponse, parseOcspResponse } from '../../src/formats/ocsp.ts';
import { parseCertificate } from '../../src/formats/x509.ts';
import { testAuthority } from '../support/authority.ts';
import { needs } from '../support/tools.ts';
import { openssl } from './openssl.ts';
import { temporaryDirectory } from '../support/files.ts';
import type { TestAuthority, TestIdentity } from '../support/authority.ts';

const request = (authority: TestAuthority, identity: TestIdentity, nonce?: Buffer) =>
  buildOcspRequest(parseCertificate(identity.certificate), parseCertificate(authority.issuing.certificate), nonce ? { nonce } : {});

async function answer(authority: TestAuthority, der: Buffer) {
  const { status, basic } = parseOcspResponse(await authority.ocsp()(der));
  assert.equal(status, 'successful');
  assert.ok(basic);
  return parseBasicOcspResponse(basic);
}

describe('OCSP responder', () => {
  test('answers openssl over HTTP: good, revoked and unknown, verified to the root', needs('openssl'), async (t) => {
    const directory = temporaryDirectory(t);
    const authority = testAuthority();
    const server = await authority.serve();
    try {
      authority.write(directory);
      await writeFile(join(directory, 'good.pem'), authority.issue().pem);
      await writeFile(join(directory, 'revoked.pem'), authority.issue({ state: 'revoked' }).pem);
      const ask = ['ocsp', '-url', `${server.url}/ocsp`, '-issuer', 'issuing.pem', '-CAfile', 'trust.pem', '-verify_other', 'issuing.pem'];
      const { status, output } = await openssl(directory, ...ask, '-cert', 'good.pem', '-cert', 'revoked.pem', '-serial', '0x1234');
      assert.equal(status, 0, output);
      assert.match(output, /Response verify OK/);
      assert.match(output, /good\.pem: good/);
      assert.match(output, /revoked\.pem: revoked[^]*Reason: keyCompromise/);
      assert.match(output, /0x1234: unknown/);
      const sha256 = await openssl(directory, ...ask, '-sha256', '-no_nonce', '-cert', 'good.pem');
      assert.match(sha256.output, /good\.pem: good/);
    } finally {
      await server.close();
    }
  });

  test('repeats the nonce, names itself, includes its certificate, and signs', async () => {
    const authority = testAuthority();
    const nonce = randomBytes(32);
    const basic = await answer(authority, request(authority, authority.issue(), nonce));
    assert.deepEqual(basic.nonce, nonce);
    assert.ok('byName' in basic.responder);
    const [der] = basic.certificates;
    assert.ok(der);
    const responder = parseCertificate(der);
    assert.deepEqual(basic.responder.byName, responder.subject);
    assert.deepEqual(responder.extendedKeyUsage, ['1.3.6.1.5.5.7.3.9']);
    assert.ok(responder.extensions.has('1.3.6.1.5.5.7.48.1.5'));
    assert.equal(verifySignature(responder.publicKey(), basic.signatureAlgorithm, basic.tbs, basic.signature), true);
    assert.equal(basic.responses[0]?.thisUpdate, authority.now());
    assert.equal((await answer(authority, request(authority, authority.issue()))).nonce, undefined);
  });

  test('says when and why a certificate was revoked', async () => {
    const authority = testAuthority();
    const signer = authority.issue();
    authority.revoke(signer, { at: authority.now() - 60_000, reason: 'cessationOfOperation' });
    const [response] = (await answer(authority, request(authority, signer))).responses;
    assert.equal(response?.status, 'revoked');
    assert.equal(response.revocationTime, authority.now() - 60_000);
    assert.equal(response.reason, 'cessationOfOperation');
  });

  test('does not know certificates of another CA with the same name', async () => {
    const authority = testAuthority();
    const other = testAuthority();
    const [response] = (await answer(authority, request(other, other.issue()))).responses;
    assert.equal(response?.status, 'unknown');
  });

  test('is understood by pkijs', async () => {
    const authority = testAuthority();
    const basic = BasicOCSPResponse.fromBER(new Uint8Array(await authority.ocspFor(authority.issue().certificate)));
    assert.equal(basic.certs?.length, 1);
    assert.equal(basic.tbsResponseData.responses.length, 1);
  });

  test('answers GET as well as POST', async () => {
    const authority = testAuthority();
    const der = request(authority, authority.issue());
    const path = `/ocsp/${encodeURIComponent(der.toString('base64'))}`;
    const { status, contentType, body } = await authority.handler()({ method: 'GET', path, body: Buffer.alloc(0) });
    assert.deepEqual([status, contentType], [200, 'application/ocsp-response']);
    assert.equal(parseOcspResponse(body).status, 'successful');
  });

  test('answers whatever bytes come with malformedRequest, never with a crash', async () => {
    const authority = testAuthority();
    const ocsp = authority.ocsp();
    const good = request(authority, authority.issue());
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.nat(good.length - 1), fc.nat(255), async (noise, at, octet) => {
        assert.equal(parseOcspResponse(await ocsp(Buffer.from(noise))).status, 'malformedRequest');
        const bent = Buffer.from(good);
        bent[at] = octet;
        assert.ok(['successful', 'malformedRequest'].includes(parseOcspResponse(await ocsp(bent)).status));
      }),
      { numRuns: 200 },
    );
  });
});
