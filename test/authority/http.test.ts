import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { buildOcspRequest, parseOcspResponse } from '../../src/formats/ocsp.ts';
import { buildTimestampRequest, parseTimestampResponse } from '../../src/formats/tsp.ts';
import { parseCertificate } from '../../src/formats/x509.ts';
import { testAuthority } from '../support/authority.ts';

const empty = Buffer.alloc(0);
const authority = testAuthority();
const handler = authority.handler();

describe('routes of the authority', () => {
  test('serve CRLs and CA certificates under the addresses that stand in certificates', async () => {
    const { crlUrls, caIssuersUrls } = parseCertificate(authority.issue().certificate);
    const above = parseCertificate(authority.issuing.certificate);
    for (const [url, type] of [
      ...[...crlUrls, ...above.crlUrls].map((crl) => [crl, 'application/pkix-crl'] as const),
      ...[...caIssuersUrls, ...above.caIssuersUrls].map((ca) => [ca, 'application/pkix-cert'] as const),
    ]) {
      const answer = await handler({ method: 'GET', path: new URL(url).pathname, body: empty });
      assert.deepEqual([answer.status, answer.contentType], [200, type]);
      assert.equal(answer.body[0], 0x30);
    }
  });

  test('stamp at /tsa', async () => {
    const body = buildTimestampRequest({ digest: 'sha256', messageImprint: Buffer.alloc(32), certReq: true });
    const answer = await handler({ method: 'POST', path: '/tsa', body });
    assert.deepEqual([answer.status, answer.contentType], [200, 'application/timestamp-reply']);
    assert.equal(parseTimestampResponse(answer.body).status, 'granted');
  });

  test('answer OCSP by GET with base64 that holds slashes', async () => {
    const issuing = parseCertificate(authority.issuing.certificate);
    for (let count = 0; count < 20; count++) {
      const der = buildOcspRequest(parseCertificate(authority.issue().certificate), issuing);
      const path = `/ocsp/${der.toString('base64')}`;
      const answer = await handler({ method: 'GET', path, body: empty });
      assert.equal(answer.contentType, 'application/ocsp-response');
      assert.equal(parseOcspResponse(answer.body).status, 'successful');
    }
  });

  for (const [method, path, status] of [
    ['GET', '/tsa', 405],
    ['PUT', '/ocsp', 405],
    ['POST', '/crl/root.crl', 405],
    ['GET', '/', 404],
    ['GET', '/crl/other.crl', 404],
    ['GET', '/crl/../authority.json', 404],
    ['GET', '/ca/root.key', 404],
    ['GET', '/ocsp/%', 200],
  ] as const) {
    test(`${method} ${path} is ${status}`, async () => {
      assert.equal((await handler({ method, path, body: empty })).status, status);
    });
  }
});
