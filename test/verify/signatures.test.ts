import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import assert from 'node:assert/strict';
import { parseSignedData } from '../../src/formats/cms.ts';
import { oids } from '../../src/formats/oids.ts';
import { TrustKeeper } from '../../src/verify/verify.ts';
import { signDocument } from '../formats/signing.ts';
import { testAuthority, type TestAuthority, type TestIdentity } from '../support/authority.ts';
import { needs } from '../support/tools.ts';
import { trusting, verifyBytes, words } from './verifying.ts';

const day = 86_400_000;
const document = Buffer.from('Vertrag über 100 Stück');
const documents = { 'contract.txt': document };
let authority: TestAuthority;
let identity: TestIdentity;
before(() => {
  authority = testAuthority({ name: 'Verify' });
  identity = authority.issue({ keyType: 'p256' });
});

test('a detached signature passes: intact, valid and trusted apart, signer, chain and revocation named', async () => {
  const signed = await signDocument(identity, document, { signingTime: authority.now() });
  const { report, wanted } = verifyBytes(signed, { name: 'contract.txt.p7s', documents, fileDigests: ['sha256'] }, trusting(authority));
  assert.deepEqual(words(report), ['TOTAL-PASSED', 'TOTAL-PASSED']);
  const [signature] = report.signatures;
  assert.ok(signature);
  assert.deepEqual([signature.intact, signature.valid, signature.trusted], [true, true, true]);
  assert.deepEqual([signature.format, signature.level, signature.scope], ['cades', 'B-B', 'contract.txt']);
  assert.match(signature.signer?.subject ?? '', /CN=Test Signer/);
  assert.equal(signature.chain.certificates.length, 3);
  assert.deepEqual(
    signature.chain.revocation.map(({ status, source }) => `${status} ${source ?? ''}`),
    ['good crl', 'good crl'],
  );
  assert.equal(signature.signingTime, new Date(authority.now()).toISOString());
  assert.equal(report.evaluation, true);
  assert.deepEqual(report.digests, [['sha256', createHash('sha256').update(signed).digest('hex')]]);
  assert.equal(report.size, signed.length);
  assert.deepEqual(wanted, []);
});

test('an enveloping signature is verified without the document at hand', async () => {
  const signed = await signDocument(identity, document, { packaging: 'enveloping' });
  const { report } = verifyBytes(signed, {}, trusting(authority));
  assert.deepEqual(words(report), ['TOTAL-PASSED', 'TOTAL-PASSED']);
  assert.equal(report.signatures[0]?.scope, 'the document inside');
});

test('the right one of several documents is found; a digest serves instead of a document', async () => {
  const signed = await signDocument(identity, document);
  const several = { 'a.txt': Buffer.from('a'), 'b.txt': document };
  assert.equal(verifyBytes(signed, { documents: several }, trusting(authority)).report.signatures[0]?.scope, 'b.txt');
  const value = createHash('sha256').update(document).digest();
  const byDigest = verifyBytes(signed, { digests: [{ algorithm: 'sha256', value }] }, trusting(authority));
  assert.deepEqual(words(byDigest.report), ['TOTAL-PASSED', 'TOTAL-PASSED']);
});

test('each wrong has its word, and the reasons are told', async () => {
  const signed = await signDocument(identity, document);
  const judged = (more: Parameters<typeof trusting>[1], given: Parameters<typeof verifyBytes>[1] = { documents }) =>
    words(verifyBytes(signed, given, trusting(authority, more)).report)[0];
  assert.equal(judged({}, { documents: { x: Buffer.from('other') } }), 'TOTAL-FAILED HASH_FAILURE');
  assert.equal(judged({}, {}), 'INDETERMINATE SIGNED_DATA_NOT_FOUND');
  assert.equal(judged({ anchors: [] }), 'INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND');
  assert.equal(judged({ anchors: [testAuthority({ name: 'Other' }).root.certificate] }), 'INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND');
  const none = { crls: [], ocsps: [], failures: ['http://ca.example/crl: no answer'] };
  assert.equal(judged({ revocation: none }), 'INDETERMINATE TRY_LATER');
  assert.equal(judged({ revocation: none, revocationMode: 'soft-fail' }), 'TOTAL-PASSED');
  assert.equal(judged({ revocation: none, revocationMode: 'none' }), 'TOTAL-PASSED');
  const { report, wanted } = verifyBytes(signed, { documents }, trusting(authority, { revocation: none }));
  assert.ok(report.signatures[0]?.chain.errors.some((error) => error.includes('no answer')));
  assert.deepEqual(
    wanted.map(({ certificate }) => certificate),
    [identity.certificate, authority.issuing.certificate],
  );
  assert.deepEqual(wanted[0]?.issuer, authority.issuing.certificate);
});

test('a certificate not meant for documents, not yet valid or revoked does not pass', async () => {
  const verdict = async (options: Parameters<TestAuthority['issue']>[0]) => {
    const signed = await signDocument(authority.issue({ keyType: 'p256', ...options }), document);
    return words(verifyBytes(signed, { documents }, trusting(authority)).report)[1];
  };
  assert.equal(await verdict({ keyUsage: ['keyAgreement'] }), 'INDETERMINATE CHAIN_CONSTRAINTS_FAILURE');
  assert.equal(await verdict({ state: 'not-yet-valid' }), 'INDETERMINATE OUT_OF_BOUNDS_NOT_REVOKED');
  assert.equal(await verdict({ state: 'revoked' }), 'INDETERMINATE REVOKED_NO_POE');
});

test('a signature timestamp carries a signature beyond the end of its certificate, and beyond its revocation', async () => {
  const own = testAuthority({ name: 'Time' });
  const start = own.now();
  const signer = own.issue({ keyType: 'p256', notAfter: start + 30 * day });
  const plain = await signDocument(signer, document, { signingTime: own.now() });
  const stamped = await signDocument(signer, document, { signingTime: own.now(), timestampFrom: own });
  const kept: Buffer[] = [];
  // A CRL made after a certificate's end says nothing about it: those of before are kept.
  const verdict = (signed: Buffer) => {
    const revocation = { crls: [...kept, ...own.crls()], ocsps: [], failures: [] };
    return verifyBytes(signed, { documents }, trusting(own, { revocation })).report;
  };
  assert.equal(verdict(stamped).signatures[0]?.level, 'B-T');
  assert.equal(verdict(stamped).signatures[0]?.bestSignatureTime, new Date(start).toISOString());
  assert.deepEqual(verdict(stamped).signatures[0]?.timestamps[0]?.indication, 'PASSED');

  own.setTime(start + 20 * day);
  kept.push(...own.crls());
  own.setTime(start + 60 * day);
  assert.deepEqual(words(verdict(plain))[0], 'INDETERMINATE OUT_OF_BOUNDS_NOT_REVOKED');
  assert.deepEqual(words(verdict(stamped))[0], 'TOTAL-PASSED');

  const other = own.issue({ keyType: 'p256' });
  own.setTime(start + 61 * day);
  const before = await signDocument(other, document, { signingTime: own.now(), timestampFrom: own });
  own.setTime(start + 62 * day);
  own.revoke(other);
  own.setTime(start + 63 * day);
  const afterwards = await signDocument(other, document, { signingTime: own.now(), timestampFrom: own });
  assert.equal(words(verdict(before))[0], 'TOTAL-PASSED');
  assert.equal(words(verdict(afterwards))[0], 'INDETERMINATE REVOKED_NO_POE');
});

test('a timestamp over something else fails the file and proves no time; the signature keeps its own word', async () => {
  const foreign = { timestamp: () => authority.timestamp('sha256', createHash('sha256').update('other').digest()) };
  const signed = await signDocument(identity, document, { timestampFrom: foreign });
  const { report } = verifyBytes(signed, { documents }, trusting(authority, { at: authority.now() + 1000 }));
  assert.deepEqual(words(report), ['TOTAL-FAILED HASH_FAILURE', 'TOTAL-PASSED']);
  assert.equal(report.signatures[0]?.bestSignatureTime, new Date(authority.now() + 1000).toISOString());
  const stranger = await signDocument(identity, document, { timestampFrom: testAuthority({ name: 'Stranger' }) });
  assert.deepEqual(words(verifyBytes(stranger, { documents }, trusting(authority)).report), [
    'INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND',
    'TOTAL-PASSED',
  ]);
});

test('each flipped bit of what is signed or certified is refused, in every region', async () => {
  const signed = await signDocument(identity, document, { packaging: 'enveloping', timestampFrom: authority });
  const cms = parseSignedData(signed);
  const [signer] = cms.signers;
  const token = signer?.unsignedAttributes.find(({ type }) => type === oids.signatureTimeStampToken)?.values[0]?.raw;
  assert.ok(signer?.signedAttributes && token);
  const inner = parseSignedData(token).signers[0];
  assert.ok(inner?.signedAttributes);
  const at = (piece: Buffer, inside = signed): number => signed.indexOf(inside) + inside.indexOf(piece);
  const regions = {
    document: [at(document), document.length],
    attributes: [at(signer.signedAttributes.toBeSigned.subarray(1)), signer.signedAttributes.toBeSigned.length - 1],
    value: [at(signer.signatureValue), signer.signatureValue.length],
    certificate: [at(identity.certificate), identity.certificate.length],
    timestamp: [at(inner.signedAttributes.toBeSigned.subarray(1), token), inner.signedAttributes.toBeSigned.length - 1],
    timestampValue: [at(inner.signatureValue, token), inner.signatureValue.length],
  } as const;
  const keeper = new TrustKeeper();
  const options = trusting(authority);
  assert.equal(verifyBytes(signed, {}, options, keeper).report.indication, 'TOTAL-PASSED');
  for (const [region, [start, length]] of Object.entries(regions))
    for (let offset = 0; offset < length; offset += 3) {
      const flipped = Buffer.from(signed);
      flipped[start + offset] = (flipped[start + offset] ?? 0) ^ (1 << (offset % 8));
      assert.notEqual(verifyBytes(flipped, {}, options, keeper).report.indication, 'TOTAL-PASSED', `${region} ${offset}`);
    }
});

test('several signers, ours and one of OpenSSL: each has its own verdict, the worst counts', needs('openssl'), async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sealtree-signers-'));
  t.after(() => {
    rmSync(directory, { recursive: true });
  });
  const path = (name: string): string => join(directory, name);
  const resign = async (second: TestIdentity): Promise<Buffer> => {
    writeFileSync(path('one.p7m'), await signDocument(identity, document, { packaging: 'enveloping' }));
    writeFileSync(path('two.pem'), second.pem);
    writeFileSync(path('two.key'), second.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const files = ['-in', path('one.p7m'), '-out', path('both.p7m'), '-signer', path('two.pem'), '-inkey', path('two.key')];
    const result = spawnSync('openssl', ['cms', '-resign', '-inform', 'DER', '-outform', 'DER', '-binary', '-cades', ...files]);
    assert.equal(result.status, 0, result.stderr.toString());
    return readFileSync(path('both.p7m'));
  };
  const good = await resign(authority.issue({ keyType: 'p384', subject: 'Second' }));
  assert.deepEqual(words(verifyBytes(good, {}, trusting(authority)).report), ['TOTAL-PASSED', 'TOTAL-PASSED', 'TOTAL-PASSED']);
  const bad = await resign(authority.issue({ keyType: 'p384', subject: 'Second', state: 'revoked' }));
  const verdicts = words(verifyBytes(bad, {}, trusting(authority)).report);
  assert.deepEqual(verdicts.toSorted(), ['INDETERMINATE REVOKED_NO_POE', 'INDETERMINATE REVOKED_NO_POE', 'TOTAL-PASSED']);
});

test('structure only: no anchors are needed, and the report says that trust was not examined', async () => {
  const signed = await signDocument(identity, document, { timestampFrom: authority });
  const options = trusting(authority, { anchors: [], structureOnly: true });
  const { report } = verifyBytes(signed, { documents }, options);
  assert.deepEqual(words(report), ['TOTAL-PASSED', 'TOTAL-PASSED']);
  const [signature] = report.signatures;
  assert.ok(signature);
  assert.equal(signature.trusted, false);
  assert.deepEqual(signature.chain.warnings, ['structure only: trust was not examined']);
  assert.equal(report.evaluation, true);
  assert.equal(verifyBytes(signed, { documents: { x: Buffer.from('x') } }, options).report.indication, 'TOTAL-FAILED');
});

test('a timestamp token is a file of its own; a file without anything says so', async () => {
  const token = await authority.timestamp('sha512', createHash('sha512').update(document).digest());
  const { report } = verifyBytes(token, { documents }, trusting(authority));
  assert.equal(report.indication, 'TOTAL-PASSED');
  assert.equal(report.timestamps[0]?.kind, 'document-timestamp');
  assert.equal(verifyBytes(token, { documents: { x: Buffer.from('x') } }, trusting(authority)).report.indication, 'TOTAL-FAILED');
  const plain = verifyBytes(document, {}, trusting(authority)).report;
  assert.equal(plain.indication, 'INDETERMINATE');
  assert.deepEqual(plain.errors, ['the file holds no signature and no timestamp']);
});

test('a cut-off signature is a verdict with its reason, not an exception', async () => {
  const signed = await signDocument(identity, document);
  const { report } = verifyBytes(signed.subarray(0, 900), { documents }, trusting(authority));
  assert.deepEqual([report.indication, report.subIndication], ['TOTAL-FAILED', 'FORMAT_FAILURE']);
  assert.equal(report.errors.length, 1);
});
