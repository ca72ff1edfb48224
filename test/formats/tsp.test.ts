import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { SealError } from '../../src/errors.ts';
import { children, context, encode, integer, oid, readElement, sequence, Tag } from '../../src/formats/der.ts';
import { isDer } from '../../src/formats/der-canonical.ts';
import { oids } from '../../src/formats/oids.ts';
import { checkBasisErs } from '../../src/formats/tsp-basis-ers.ts';
import { embedRevocation, normalizeToken } from '../../src/formats/tsp-normalize.ts';
import {
  buildTimestampRequest,
  parseTimestampResponse,
  parseTimestampToken,
  sameNonce,
  wrapTimestampToken,
} from '../../src/formats/tsp.ts';
import { testAuthority, testPolicy } from '../support/authority.ts';
import { needs } from '../support/tools.ts';

const authority = testAuthority({ name: 'TSP', accuracy: 1250 });
const imprint = createHash('sha256').update('data').digest();
let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'sealtree-tsp-'));
  authority.write(directory);
  writeFileSync(join(directory, 'data'), 'data');
});
after(() => {
  rmSync(directory, { recursive: true });
});

const inOrder = (one: Buffer, other: Buffer): number => Buffer.compare(one, other);
const path = (name: string): string => join(directory, name);

/** Whether OpenSSL takes the token for `data`. */
function opensslAccepts(token: Buffer): boolean {
  writeFileSync(path('token'), token);
  const trust = ['-CAfile', path('trust.pem'), '-untrusted', path('issuing.pem')];
  return spawnSync('openssl', ['ts', '-verify', '-data', path('data'), '-token_in', '-in', path('token'), ...trust]).status === 0;
}

test('our request is the one OpenSSL reads and the authority answers; the token states what was asked', needs('openssl'), async () => {
  // The high bit makes the INTEGER one octet longer than the nonce.
  const nonce = Buffer.concat([Buffer.of(0x00, 0xff), randomBytes(7)]);
  const request = buildTimestampRequest({ digest: 'sha256', messageImprint: imprint, nonce, policy: testPolicy, certReq: true });
  writeFileSync(path('request'), request);
  const { stdout } = spawnSync('openssl', ['ts', '-query', '-in', path('request'), '-text'], { encoding: 'utf8' });
  assert.match(stdout, /Hash Algorithm: sha256/);
  assert.match(stdout, /Certificate required: yes/);
  assert.ok(stdout.includes(`Policy OID: ${testPolicy}`));

  const response = parseTimestampResponse(await authority.tsa()(request));
  assert.equal(response.status, 'granted');
  assert.ok(response.token);
  const token = parseTimestampToken(response.token);
  assert.equal(token.policy, testPolicy);
  assert.deepEqual(token.messageImprint, { algorithm: 'sha256', value: imprint });
  assert.equal(Math.floor(token.genTime / 1000), Math.floor(authority.now() / 1000));
  assert.equal(token.accuracy, 1250);
  assert.ok(sameNonce(token, nonce));
  assert.ok(!sameNonce(token, randomBytes(8)));
  assert.ok(opensslAccepts(response.token));
});

test('a reply of openssl ts is read: time, imprint, serial number', needs('openssl'), () => {
  writeFileSync(path('tsa.key'), authority.tsaIdentity.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(path('tsa.pem'), authority.tsaIdentity.pem);
  writeFileSync(path('serial'), '0A');
  writeFileSync(
    path('ts.cnf'),
    `[tsa]\ndefault_tsa=t\n[t]\nserial=${path('serial')}\nsigner_digest=sha256\ndefault_policy=1.2.3.4.1\ndigests=sha256,sha512\naccuracy=secs:1,millisecs:500,microsecs:100\ness_cert_id_alg=sha256\n`,
  );
  writeFileSync(path('request'), buildTimestampRequest({ digest: 'sha256', messageImprint: imprint, certReq: true }));
  const reply = ['-config', path('ts.cnf'), '-queryfile', path('request'), '-signer', path('tsa.pem'), '-inkey', path('tsa.key')];
  const made = spawnSync('openssl', ['ts', '-reply', ...reply, '-out', path('response')], { encoding: 'utf8' });
  assert.equal(made.status, 0, made.stderr);
  const { token } = parseTimestampResponse(readFileSync(path('response')));
  assert.ok(token);
  const parsed = parseTimestampToken(token);
  assert.equal(parsed.accuracy, 1501);
  assert.deepEqual(parsed.serialNumber, Buffer.of(0x0b));
  assert.ok(Math.abs(parsed.genTime - Date.now()) < 60_000);
  assert.deepEqual(normalizeToken(token), token);
});

test('a refusal tells why', () => {
  const text = encode(Tag.utf8String, Buffer.from('not today'));
  const refusal = sequence(sequence(integer(2), sequence(text), encode(Tag.bitString, Buffer.from([0x00, 0x20, 0x01]))));
  assert.deepEqual(parseTimestampResponse(refusal), {
    status: 'rejection',
    statusText: ['not today'],
    failInfo: ['badRequest', 'unacceptedPolicy'],
    token: undefined,
  });
});

test('nonsense is refused with a code, never with another error', async () => {
  const token = await authority.timestamp('sha256', imprint);
  const bad = (parse: () => unknown) => {
    assert.throws(parse, (error: unknown) => error instanceof SealError && error.code === 'SEAL-INPUT-INVALID');
  };
  bad(() => parseTimestampResponse(Buffer.from('<html>')));
  bad(() => parseTimestampResponse(sequence(sequence(integer(0)))));
  bad(() => parseTimestampResponse(sequence(sequence(integer(2)), token)));
  bad(() => parseTimestampResponse(sequence(sequence(integer(9)))));
  bad(() => parseTimestampToken(sequence(oid(oids.data))));
  for (let length = 0; length < token.length; length += 7) bad(() => parseTimestampToken(token.subarray(0, length)));
});

/** The same token with indefinite lengths around everything that is not signed, and the content in two segments. */
function asBer(token: Buffer): Buffer {
  const open = (tag: number, ...content: Buffer[]): Buffer => Buffer.concat([Buffer.of(tag, 0x80), ...content, Buffer.of(0, 0)]);
  const [type, explicit] = children(readElement(token));
  const [signedData] = children(explicit ?? { content: Buffer.alloc(0) });
  const [version, digests, encapsulated, certificates, signers] = children(signedData ?? { content: Buffer.alloc(0) });
  assert.ok(type && version && digests && encapsulated && certificates && signers);
  const [contentType, wrapped] = children(encapsulated);
  const [octets] = children(wrapped ?? { content: Buffer.alloc(0) });
  assert.ok(contentType && octets);
  const halves = [octets.content.subarray(0, 50), octets.content.subarray(50)].map((half) => encode(Tag.octetString, half));
  const content = open(Tag.sequence, contentType.raw, open(context(0, true), open(0x24, ...halves)));
  const backwards = children(certificates)
    .map(({ raw }) => raw)
    .reverse();
  const body = [version.raw, open(Tag.set, ...children(digests).map(({ raw }) => raw)), content];
  body.push(open(context(0, true), ...backwards), open(Tag.set, ...children(signers).map(({ raw }) => raw)));
  return open(Tag.sequence, type.raw, open(context(0, true), open(Tag.sequence, ...body)));
}

test('normalising: BER framing becomes DER, every signed byte stays, OpenSSL accepts before and after', needs('openssl'), async () => {
  const token = await authority.timestamp('sha256', imprint);
  const ber = asBer(token);
  assert.ok(opensslAccepts(ber));
  const der = normalizeToken(ber);
  assert.ok(isDer(der) && !isDer(ber));
  assert.ok(opensslAccepts(der));
  assert.deepEqual(normalizeToken(der), der);
  assert.deepEqual(normalizeToken(token), der);
  const [before, after] = [parseTimestampToken(ber), parseTimestampToken(der)];
  assert.deepEqual(after.tstInfo, before.tstInfo);
  assert.deepEqual(after.cms.signers[0]?.signedAttributes?.toBeSigned, before.cms.signers[0]?.signedAttributes?.toBeSigned);
  assert.deepEqual(after.cms.certificates.toSorted(inOrder), before.cms.certificates.toSorted(inOrder));
});

test('a token whose signed attributes are not DER is refused', async () => {
  const token = await authority.timestamp('sha256', imprint);
  const set = parseTimestampToken(token).cms.signers[0]?.signedAttributes?.toBeSigned;
  assert.ok(set);
  const unsorted = encode(
    context(0, true),
    ...children(readElement(set))
      .map(({ raw }) => raw)
      .reverse(),
  );
  const tampered = Buffer.from(token);
  unsorted.copy(tampered, token.indexOf(set.subarray(1)) - 1);
  assert.throws(
    () => normalizeToken(tampered),
    (error: unknown) => error instanceof SealError && error.code === 'SEAL-TSA-INVALID',
  );
});

test('with certificates, CRLs and OCSP inside, a token fits Basis-ERS and OpenSSL still accepts it', needs('openssl'), async () => {
  const token = await authority.timestamp('sha256', imprint);
  assert.deepEqual(checkBasisErs(token), ['no revocation data']);
  const crls = authority.crls();
  const certificates = [authority.issuing.certificate, authority.root.certificate];
  const withCrls = embedRevocation(token, { certificates, crls, ocsps: [] });
  assert.deepEqual(checkBasisErs(withCrls), []);
  assert.equal(parseTimestampToken(withCrls).cms.version, 3);
  assert.deepEqual(parseTimestampToken(withCrls).cms.crls.toSorted(inOrder), crls.toSorted(inOrder));
  assert.equal(parseTimestampToken(withCrls).cms.certificates.length, 3);
  assert.ok(opensslAccepts(withCrls));
  assert.deepEqual(embedRevocation(withCrls, { certificates, crls, ocsps: [] }), withCrls, 'nothing is embedded twice');

  const ocsp = await authority.ocspFor(authority.tsaIdentity.certificate);
  const withOcsp = embedRevocation(withCrls, { certificates, crls: crls.slice(0, 1), ocsps: [ocsp], replace: true });
  const parsed = parseTimestampToken(withOcsp);
  assert.equal(parsed.cms.version, 5);
  assert.deepEqual(parsed.cms.ocsps, [ocsp]);
  assert.deepEqual(parsed.cms.crls, crls.slice(0, 1));
  assert.ok(isDer(withOcsp));
  // `openssl ts` reads PKCS #7, which knows CRLs alone; its CMS reader takes the token.
  writeFileSync(path('ocsp-token'), withOcsp);
  const cms = ['-in', path('ocsp-token'), '-inform', 'DER', '-CAfile', path('trust.pem'), '-purpose', 'timestampsign', '-binary'];
  const verified = spawnSync('openssl', ['cms', '-verify', ...cms]);
  assert.equal(verified.status, 0, verified.stderr.toString());
  assert.deepEqual(verified.stdout, parsed.tstInfo);
  assert.deepEqual(parsed.tstInfo, parseTimestampToken(token).tstInfo);
});

test('the check of Basis-ERS names each breach', async () => {
  const token = await authority.timestamp('sha256', imprint);
  const complete = embedRevocation(token, { certificates: [], crls: authority.crls(), ocsps: [] });
  assert.deepEqual(checkBasisErs(Buffer.from('30', 'hex')).length, 1);
  const version = complete.indexOf(Buffer.from('020103', 'hex'));
  const wrongVersion = Buffer.from(complete);
  wrongVersion[version + 2] = 1;
  assert.deepEqual(checkBasisErs(wrongVersion), ['CMS version 1, expected 3']);
  assert.ok(checkBasisErs(asBer(token)).includes('the token is not DER'));
});

test('openssl ts reads the response that we wrap around a token', needs('openssl'), async () => {
  writeFileSync(path('wrapped'), wrapTimestampToken(await authority.timestamp('sha256', imprint)));
  const trust = ['-CAfile', path('trust.pem'), '-untrusted', path('issuing.pem')];
  assert.equal(spawnSync('openssl', ['ts', '-verify', '-data', path('data'), '-in', path('wrapped'), ...trust]).status, 0);
});
