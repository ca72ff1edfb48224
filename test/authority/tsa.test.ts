import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { SignedData, TimeStampResp } from 'pkijs';
import { checkBasisErs } from '../../src/formats/tsp-basis-ers.ts';
import { embedRevocation } from '../../src/formats/tsp-normalize.ts';
import { buildTimestampRequest, parseTimestampResponse, parseTimestampToken } from '../../src/formats/tsp.ts';
import { boolean, encode, integer, octetString, oid, sequence } from '../../src/formats/der.ts';
import { testAuthority, testPolicy } from '../support/authority.ts';
import { dss } from '../support/judges.ts';
import { needs } from '../support/tools.ts';
import { openssl } from './openssl.ts';
import { temporaryDirectory } from '../support/files.ts';
import type { DigestAlgorithm } from '../../src/model/algorithms.ts';
import type { TestAuthority } from '../support/authority.ts';

const imprint = (digest: DigestAlgorithm, data = 'document') => createHash(digest).update(data).digest();
const ask = (digest: DigestAlgorithm = 'sha256', more: { readonly nonce?: Buffer; readonly policy?: string } = {}) =>
  buildTimestampRequest({ digest, messageImprint: imprint(digest), certReq: true, ...more });

async function refused(authority: TestAuthority, request: Buffer): Promise<readonly string[]> {
  const { status, failInfo, statusText, token } = parseTimestampResponse(await authority.tsa()(request));
  assert.equal(status, 'rejection');
  assert.equal(token, undefined);
  assert.equal(statusText.length, 1);
  return failInfo;
}

describe('TSA and openssl ts', () => {
  for (const keyType of ['p256', 'p384', 'rsa3072'] as const) {
    for (const digest of ['sha256', 'sha384', 'sha512'] as const) {
      for (const nonce of [[], ['-no_nonce']]) {
        test(`${keyType}, ${digest}${nonce.join(' ')}: the answer verifies against file and request`, needs('openssl'), async (t) => {
          const directory = temporaryDirectory(t);
          const authority = testAuthority({ tsaKeyType: keyType });
          authority.write(directory);
          await writeFile(join(directory, 'data'), 'document');
          await openssl(directory, 'ts', '-query', '-data', 'data', `-${digest}`, '-cert', ...nonce, '-out', 'request.tsq');
          await writeFile(join(directory, 'answer.tsr'), await authority.tsa()(await readFile(join(directory, 'request.tsq'))));
          const trust = ['-CAfile', 'trust.pem', '-untrusted', 'issuing.pem'];
          for (const against of ['-queryfile', '-data'] as const) {
            const file = against === '-data' ? 'data' : 'request.tsq';
            const { status, output } = await openssl(directory, 'ts', '-verify', against, file, '-in', 'answer.tsr', ...trust);
            assert.equal(status, 0, output);
          }
          const { output } = await openssl(directory, 'ts', '-reply', '-in', 'answer.tsr', '-text');
          assert.match(output, /Status: Granted/);
          assert.match(output, new RegExp(`Policy OID: ${testPolicy}`));
          assert.match(output, /Accuracy: unspecified seconds, 0x64 millis/);
          assert.match(output, nonce.length > 0 ? /Nonce: unspecified/ : /Nonce: 0x/);
        });
      }
    }
  }

  test('a token over other data, or of another request, is refused', needs('openssl'), async (t) => {
    const directory = temporaryDirectory(t);
    const authority = testAuthority();
    authority.write(directory);
    await writeFile(join(directory, 'data'), 'another document');
    await writeFile(join(directory, 'answer.tsr'), await authority.tsa()(ask()));
    await writeFile(join(directory, 'other.tsq'), ask('sha256', { nonce: randomBytes(8) }));
    const trust = ['-CAfile', 'trust.pem', '-untrusted', 'issuing.pem'];
    assert.notEqual((await openssl(directory, 'ts', '-verify', '-data', 'data', '-in', 'answer.tsr', ...trust)).status, 0);
    assert.notEqual((await openssl(directory, 'ts', '-verify', '-queryfile', 'other.tsq', '-in', 'answer.tsr', ...trust)).status, 0);
  });
});

describe('TSA tokens', () => {
  test('are TOTAL-PASSED for DSS with our CRLs, and fail for a changed document', needs('dss'), async (t) => {
    const directory = temporaryDirectory(t);
    const authority = testAuthority();
    const { trust, crls } = authority.write(directory);
    await writeFile(join(directory, 'token.tst'), await authority.timestamp('sha256', imprint('sha256')));
    await writeFile(join(directory, 'good'), 'document');
    await writeFile(join(directory, 'bad'), 'documenT');
    const token = { file: join(directory, 'token.tst'), trust: [trust], crls };
    const [good, bad] = await dss([
      { ...token, detached: [join(directory, 'good')] },
      { ...token, detached: [join(directory, 'bad')] },
    ]);
    assert.deepEqual(
      good?.detachedTimestamps.map(({ indication, errors, warnings }) => ({ indication, errors, warnings })),
      [{ indication: 'PASSED', errors: [], warnings: [] }],
    );
    assert.deepEqual(
      bad?.detachedTimestamps.map(({ indication }) => indication),
      ['FAILED'],
    );
  });

  test('have the Basis-ERS shape once revocation data is embedded', async () => {
    const authority = testAuthority();
    const token = await authority.timestamp('sha512', imprint('sha512'));
    const embedded = embedRevocation(token, { certificates: [authority.root.certificate], crls: authority.crls(), ocsps: [] });
    assert.deepEqual(checkBasisErs(embedded), []);
  });

  test('are read alike by pkijs and by our own reader', async () => {
    const authority = testAuthority();
    const nonce = randomBytes(16);
    const response = await authority.tsa()(ask('sha384', { nonce }));
    const theirs = TimeStampResp.fromBER(new Uint8Array(response));
    assert.ok(theirs.timeStampToken);
    const signed = new SignedData({ schema: theirs.timeStampToken.content });
    assert.equal(signed.version, 3);
    assert.equal(signed.certificates?.length, 2);
    assert.equal(signed.signerInfos[0]?.version, 1);
    assert.equal(signed.signerInfos[0].unsignedAttrs, undefined);
    const { token = Buffer.alloc(0) } = parseTimestampResponse(response);
    const ours = parseTimestampToken(token);
    assert.equal(ours.genTime, authority.now());
    assert.equal(ours.policy, testPolicy);
    assert.deepEqual(ours.messageImprint, { algorithm: 'sha384', value: imprint('sha384') });
  });

  test('have serial numbers that differ though the clock stands still, also from one start to the next', async () => {
    const serials = new Set<string>();
    for (const name of ['first', 'second']) {
      const authority = testAuthority({ name });
      for (let count = 0; count < 50; count++) {
        const token = parseTimestampToken(await authority.timestamp('sha256', imprint('sha256')));
        serials.add(token.serialNumber.toString('hex'));
      }
    }
    assert.equal(serials.size, 100);
  });

  test('state milliseconds of the clock, and carry certificates only when asked', async () => {
    for (const fraction of [0, 120, 7, 999]) {
      const now = 1_795_000_000_000 + fraction;
      assert.equal(parseTimestampToken(await testAuthority({ now }).timestamp('sha256', imprint('sha256'))).genTime, now);
    }
    const authority = testAuthority();
    const bare = buildTimestampRequest({ digest: 'sha256', messageImprint: imprint('sha256'), certReq: false });
    const { token = Buffer.alloc(0) } = parseTimestampResponse(await authority.tsa()(bare));
    assert.equal(token.includes(authority.tsaIdentity.certificate), false);
    const full = await authority.timestamp('sha256', imprint('sha256'));
    assert.equal(full.includes(authority.tsaIdentity.certificate), true);
    assert.equal(full.includes(authority.issuing.certificate), true);
  });
});

describe('TSA refuses', () => {
  const authority = testAuthority();
  const identifier = (dotted: string) => sequence(oid(dotted));
  const messageImprint = sequence(identifier('2.16.840.1.101.3.4.2.1'), octetString(imprint('sha256')));
  const extension = encode(0xa0, sequence(oid('1.2.3'), octetString(Buffer.alloc(0))));

  const cases: readonly (readonly [string, Buffer, string])[] = [
    ['SHA-1', sequence(integer(1), sequence(identifier('1.3.14.3.2.26'), octetString(Buffer.alloc(20)))), 'badAlg'],
    ['an unknown digest', sequence(integer(1), sequence(identifier('1.2.3.4'), octetString(Buffer.alloc(32)))), 'badAlg'],
    [
      'a hash of the wrong length',
      sequence(integer(1), sequence(identifier('2.16.840.1.101.3.4.2.1'), octetString(Buffer.alloc(31)))),
      'badDataFormat',
    ],
    ['another version', sequence(integer(2), messageImprint), 'badRequest'],
    ['another policy', ask('sha256', { policy: '1.2.3.4' }), 'unacceptedPolicy'],
    ['an extension', sequence(integer(1), messageImprint, boolean(true), extension), 'unacceptedExtension'],
    ['nothing', Buffer.alloc(0), 'badDataFormat'],
    ['text', Buffer.from('GET / HTTP/1.1'), 'badDataFormat'],
    ['trailing bytes', Buffer.concat([ask(), Buffer.from([0])]), 'badDataFormat'],
  ];
  for (const [name, request, reason] of cases) {
    test(`${name}: ${reason}`, async () => {
      assert.deepEqual(await refused(authority, request), [reason]);
    });
  }

  test('SHA-1 in words that openssl shows', needs('openssl'), async (t) => {
    const directory = temporaryDirectory(t);
    await writeFile(join(directory, 'data'), 'document');
    await openssl(directory, 'ts', '-query', '-data', 'data', '-sha1', '-out', 'request.tsq');
    await writeFile(join(directory, 'answer.tsr'), await authority.tsa()(await readFile(join(directory, 'request.tsq'))));
    const { output } = await openssl(directory, 'ts', '-reply', '-in', 'answer.tsr', '-text');
    assert.match(output, /Status: Rejected[^]*sha1 is not stamped here[^]*unrecognized or unsupported algorithm/);
  });

  test('whatever bytes come, without a crash', async () => {
    const tsa = authority.tsa();
    const good = ask('sha256', { nonce: randomBytes(8) });
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.nat(good.length - 1), fc.nat(255), async (noise, at, octet) => {
        assert.equal(parseTimestampResponse(await tsa(Buffer.from(noise))).status, 'rejection');
        const bent = Buffer.from(good);
        bent[at] = octet;
        parseTimestampResponse(await tsa(bent));
      }),
      { numRuns: 200 },
    );
  });
});
