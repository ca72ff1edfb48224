import { test } from 'node:test';
import assert from 'node:assert/strict';
import { digestOf } from '../../src/formats/digests.ts';
import { hashList } from '../../src/formats/ers-hash.ts';
import { encodeEvidenceRecord } from '../../src/formats/ers-write.ts';
import { signDocument } from '../formats/signing.ts';
import { testAuthority, type TestAuthority } from '../support/authority.ts';
import { trusting, verifyBytes, words } from './verifying.ts';

const day = 86_400_000;
const document = Buffer.from('archived');
const sha256 = (bytes: Buffer): Buffer => digestOf('sha256', bytes);

async function recordOver(authority: TestAuthority, ...members: Buffer[]): Promise<Buffer> {
  const list = members.map(sha256);
  const root = list.length === 1 && list[0] ? list[0] : hashList(list, 'sha256');
  const timeStamp = await authority.timestamp('sha256', root);
  return encodeEvidenceRecord([[{ digestAlgorithm: 'sha256', reducedHashtree: [list], timeStamp }]]);
}

test('an evidence record carries a signature without timestamp beyond the end of its certificate', async () => {
  const authority = testAuthority({ name: 'Proof' });
  const start = authority.now();
  const identity = authority.issue({ keyType: 'p256', notAfter: start + 30 * day });
  const signed = await signDocument(identity, document);
  authority.setTime(start + day);
  const record = await recordOver(authority, document, signed);
  const kept = authority.crls();
  authority.setTime(start + 60 * day);
  const options = () => trusting(authority, { revocation: { crls: [...kept, ...authority.crls()], ocsps: [], failures: [] } });
  const bare = verifyBytes(signed, { name: 'd.p7s', documents: { d: document } }, options()).report;
  assert.equal(bare.indication, 'INDETERMINATE');
  const { report } = verifyBytes(signed, { name: 'd.p7s', documents: { d: document }, evidence: [record] }, options());
  assert.deepEqual(words(report), ['TOTAL-PASSED', 'TOTAL-PASSED']);
  assert.deepEqual(report.evidenceRecords[0]?.covered, ['d.p7s', 'd']);
  assert.equal(report.signatures[0]?.bestSignatureTime, new Date(start + day).toISOString());
});

test('a record proves only what it covers: the document alone proves no time for the signature', async () => {
  const authority = testAuthority({ name: 'Proof' });
  const signed = await signDocument(authority.issue({ keyType: 'p256' }), document);
  const now = authority.now();
  const single = await recordOver(authority, document);
  authority.setTime(now + day);
  const options = trusting(authority);
  const { report } = verifyBytes(signed, { name: 'd.p7s', documents: { d: document }, evidence: [single] }, options);
  assert.deepEqual(words(report), ['TOTAL-PASSED', 'TOTAL-PASSED']);
  assert.deepEqual(report.evidenceRecords[0]?.warnings, ['the record does not cover d.p7s']);
  assert.equal(report.signatures[0]?.bestSignatureTime, new Date(now + day).toISOString());
  const foreign = await recordOver(authority, Buffer.from('other'));
  assert.equal(verifyBytes(signed, { documents: { d: document }, evidence: [foreign] }, options).report.indication, 'TOTAL-FAILED');
});

test('in a group no member may be another one, signed or not', async () => {
  const authority = testAuthority({ name: 'Proof' });
  const identity = authority.issue({ keyType: 'p256' });
  const signed = await signDocument(identity, document);
  const again = await signDocument(identity, document, { signingTime: authority.now() + 1000 });
  const record = await recordOver(authority, document, signed);
  const given = { name: 'd.p7s', documents: { d: document }, evidence: [record] };
  assert.equal(verifyBytes(signed, given, trusting(authority)).report.indication, 'TOTAL-PASSED');
  const { report } = verifyBytes(again, given, trusting(authority));
  assert.deepEqual(words(report), ['TOTAL-FAILED HASH_FAILURE', 'TOTAL-PASSED']);
});

test('a record is a file of its own: with its document, with a digest, without anything', async () => {
  const authority = testAuthority({ name: 'Proof' });
  const record = await recordOver(authority, document);
  const options = trusting(authority);
  assert.equal(verifyBytes(record, { documents: { d: document } }, options).report.indication, 'TOTAL-PASSED');
  const digests = [{ algorithm: 'sha256', value: sha256(document) }] as const;
  assert.equal(verifyBytes(record, { digests }, options).report.indication, 'TOTAL-PASSED');
  const alone = verifyBytes(record, {}, options).report;
  assert.deepEqual([alone.indication, alone.subIndication], ['INDETERMINATE', 'SIGNED_DATA_NOT_FOUND']);
  const plain = verifyBytes(document, { evidence: [record] }, options).report;
  assert.equal(plain.indication, 'TOTAL-PASSED');
  assert.deepEqual(plain.errors, []);
  const broken = verifyBytes(document, { evidence: [record.subarray(0, 200)] }, options).report;
  assert.deepEqual([broken.indication, broken.subIndication], ['TOTAL-FAILED', 'FORMAT_FAILURE']);
});
