import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { asicMimeType, encodeEvidenceRecordManifest, evidenceRecordNames, type AsicReference } from '../../src/formats/asic.ts';
import { digestOf } from '../../src/formats/digests.ts';
import { encodeEvidenceRecord } from '../../src/formats/ers-write.ts';
import { loadXml } from '../../src/formats/xml.ts';
import { signDocument } from '../formats/signing.ts';
import { testAuthority } from '../support/authority.ts';
import { initialChains, renewHashTree, renewTimestamp } from '../support/evidence.ts';
import { dss } from '../support/judges.ts';
import { temporaryDirectory } from '../support/store.ts';
import { needs } from '../support/tools.ts';
import { XmlRecord } from '../support/xml-evidence.ts';
import { makeZip, type ZipPart } from '../support/zips.ts';
import { trusting, verifyBytes, words } from './verifying.ts';
import type { FileReport } from '../../src/model/verification.ts';

await loadXml();
const day = 86_400_000;
const start = Math.floor(Date.now() / day) * day - 100 * day;
const authority = testAuthority({ name: 'Trust in containers', now: start });
const letter = Buffer.from('Dear reader,\n');
const invoice = Buffer.from('<?xml version="1.0"?>\n<invoice><sum>12</sum></invoice>\n');
const objects = { 'letter & more.txt': letter, 'invoice.xml': invoice };

const at = (days: number) => ({ authority, time: start + days * day });
const initial = await initialChains({ ...at(0), digest: 'sha256' }, Object.values(objects), 5);
const renewed = await renewHashTree({ ...at(20), digest: 'sha512' }, await renewTimestamp(at(10), initial), Object.values(objects));
const single = await initialChains({ ...at(0), digest: 'sha256' }, [letter], 5);
const records = { initial: encodeEvidenceRecord(initial), renewed: encodeEvidenceRecord(renewed), single: encodeEvidenceRecord(single) };
const inXml = (await new XmlRecord(authority, start, [letter]).begin('sha256')).bytes;
authority.setTime(Math.floor(Date.now() / 1000) * 1000);
const options = trusting(authority);

const mimetype: ZipPart = { name: 'mimetype', bytes: Buffer.from(asicMimeType) };

interface Made {
  readonly record?: Buffer;
  readonly inside?: Readonly<Record<string, Buffer>>;
  readonly named?: readonly string[];
  readonly packed?: boolean;
  readonly more?: readonly ZipPart[];
  readonly manifest?: (text: string) => string;
}

function container({
  record = records.initial,
  inside = objects,
  named = Object.keys(objects),
  packed = false,
  more = [],
  manifest = (text) => text,
}: Made = {}): Buffer {
  const names = evidenceRecordNames(1);
  const known: Readonly<Record<string, Buffer>> = objects;
  const references = named.map(
    (name) => ({ name, digest: 'sha256' as const, value: digestOf('sha256', known[name] ?? Buffer.alloc(0)) }) satisfies AsicReference,
  );
  const text = encodeEvidenceRecordManifest({ covers: names.record, references }).toString();
  return makeZip([
    mimetype,
    { name: names.manifest, bytes: Buffer.from(manifest(text)), packed },
    { name: names.record, bytes: record, packed },
    ...Object.entries(inside).map(([name, bytes]) => ({ name, bytes, packed })),
    ...more,
  ]);
}

function verified(bytes: Buffer, name = 'proof.asice'): FileReport {
  return verifyBytes(bytes, { name }, options).report;
}

const sound: Readonly<Record<string, Buffer>> = {
  'a group': container(),
  packed: container({ packed: true }),
  'renewed and re-hashed': container({ record: records.renewed }),
  'one document': container({ record: records.single, inside: { 'letter & more.txt': letter }, named: ['letter & more.txt'] }),
};

void test('containers with an evidence record and its manifest prove what is in them', () => {
  for (const [name, bytes] of Object.entries(sound)) {
    const report = verified(bytes);
    assert.deepEqual(
      [words(report), report.errors],
      [['TOTAL-PASSED'], []],
      `${name}: ${JSON.stringify(report.evidenceRecords[0]?.errors)}`,
    );
    assert.ok((report.evidenceRecords[0]?.covered.length ?? 0) >= 1);
  }
  assert.equal(verified(container(), 'anything').indication, 'TOTAL-PASSED', 'known by its first file');
});

void test('a record in XML, and one without a manifest over the only document, are read', () => {
  const names = { record: 'META-INF/evidencerecord.xml', manifest: 'META-INF/ASiCEvidenceRecordManifest.xml' };
  const manifest = encodeEvidenceRecordManifest({
    covers: names.record,
    references: [{ name: 'letter.txt', digest: 'sha256', value: digestOf('sha256', letter) }],
  });
  const document = { name: 'letter.txt', bytes: letter };
  const report = verified(makeZip([mimetype, document, { name: names.record, bytes: inXml }, { name: names.manifest, bytes: manifest }]));
  assert.deepEqual([words(report), report.evidenceRecords[0]?.syntax], [['TOTAL-PASSED'], 'RFC 6283']);
  const simple = makeZip([mimetype, document, { name: 'META-INF/evidencerecord.ers', bytes: records.single }]);
  assert.deepEqual(words(verified(simple, 'x.asics')), ['TOTAL-PASSED']);
});

const spoilt: readonly (readonly [string, string, Made])[] = [
  ['a document changed', 'TOTAL-FAILED HASH_FAILURE', { inside: { ...objects, 'letter & more.txt': Buffer.from('Dear writer,\n') } }],
  ['documents exchanged', 'TOTAL-FAILED HASH_FAILURE', { inside: { 'letter & more.txt': invoice, 'invoice.xml': letter } }],
  ['a document missing', 'INDETERMINATE SIGNED_DATA_NOT_FOUND', { inside: { 'invoice.xml': invoice } }],
  ['a document renamed', 'INDETERMINATE SIGNED_DATA_NOT_FOUND', { inside: { 'invoice.xml': invoice, 'letter.txt': letter } }],
  ['a document more', 'INDETERMINATE CUSTOM', { inside: { ...objects, 'more.txt': Buffer.from('more') } }],
  ['a manifest that leaves one out', 'INDETERMINATE CUSTOM', { named: ['invoice.xml'] }],
  ['a record of something else', 'TOTAL-FAILED HASH_FAILURE', { record: records.single }],
  ['no record but bytes', 'TOTAL-FAILED FORMAT_FAILURE', { record: Buffer.from('no record') }],
  [
    'a manifest that names another record',
    'TOTAL-FAILED FORMAT_FAILURE',
    { manifest: (text) => text.replace('evidencerecord001', 'evidencerecord002') },
  ],
  ['a manifest with another hash', 'TOTAL-FAILED HASH_FAILURE', { manifest: (text) => text.replace(/(<ds:DigestValue>)...../, '$1AAAAA') }],
  ['a manifest that is no XML', 'TOTAL-FAILED FORMAT_FAILURE', { manifest: () => 'letter.txt' }],
  [
    'a manifest with an entity',
    'TOTAL-FAILED FORMAT_FAILURE',
    { manifest: (text) => text.replace('?>', '?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>') },
  ],
  [
    'a signature of a kind that is not judged',
    'INDETERMINATE CUSTOM',
    { more: [{ name: 'META-INF/signatures.xml', bytes: Buffer.from('<a/>') }] },
  ],
  ['a file twice', 'TOTAL-FAILED FORMAT_FAILURE', { more: [{ name: 'invoice.xml', bytes: Buffer.from('other') }] }],
  ['a file that leads elsewhere', 'TOTAL-FAILED FORMAT_FAILURE', { more: [{ name: '../invoice.xml', bytes: Buffer.from('other') }] }],
];

void test('containers that were changed do not pass, and say why', () => {
  for (const [name, word, made] of spoilt) {
    const report = verified(container(made));
    const reasons = [...report.errors, ...report.evidenceRecords.flatMap(({ errors }) => errors)];
    assert.deepEqual(words(report), [word], `${name}: ${reasons.join('; ')}`);
    assert.ok(reasons.length > 0, name);
  }
});

void test('a signed document that was taken out of its container leaves the verdict open', async () => {
  const manifest = encodeEvidenceRecordManifest({
    covers: 'META-INF/signature001.p7s',
    references: Object.entries(objects).map(([name, bytes]) => ({ name, digest: 'sha256', value: digestOf('sha256', bytes) })),
  });
  const signature = await signDocument(authority.issue({ keyType: 'p256' }), manifest);
  const made = (inside: Readonly<Record<string, Buffer>>): Buffer =>
    makeZip([
      mimetype,
      ...Object.entries(inside).map(([name, bytes]) => ({ name, bytes })),
      { name: 'META-INF/ASiCManifest001.xml', bytes: manifest },
      { name: 'META-INF/signature001.p7s', bytes: signature },
    ]);
  assert.equal(verified(made(objects)).indication, 'TOTAL-PASSED');
  const { indication, subIndication, errors } = verified(made({ 'invoice.xml': invoice }));
  assert.deepEqual([indication, subIndication], ['INDETERMINATE', 'SIGNED_DATA_NOT_FOUND']);
  assert.match(errors.join(), /letter & more\.txt/);
});

void test('EU DSS says the same of the sound containers, and passes none that we refuse', needs('dss'), async (t) => {
  const directory = await temporaryDirectory(t);
  const { trust, crls } = authority.write(directory);
  const put = (name: string, bytes: Buffer): string => {
    writeFileSync(join(directory, name), bytes);
    return join(directory, name);
  };
  // DSS passes documents that a record covers; it does not ask about files beside them that none covers, or that it would not unpack.
  const unasked = new Set(['a file that leads elsewhere']);
  const others = spoilt.filter(([name, word]) => !word.endsWith('CUSTOM') && !unasked.has(name));
  const files = [...Object.values(sound), ...others.map(([, , made]) => container(made))];
  const answers = await dss(files.map((bytes, n) => ({ file: put(`${n}.asice`, bytes), trust: [trust], crls })));
  for (const [n, name] of Object.keys(sound).entries()) {
    const [report] = answers[n]?.evidenceRecords ?? [];
    assert.equal(report?.indication, 'PASSED', `${name}: ${report?.errors.join('; ') ?? answers[n]?.error ?? JSON.stringify(answers[n])}`);
  }
  for (const [n, [name]] of others.entries()) {
    const answer = answers[Object.keys(sound).length + n];
    assert.ok(
      answer?.evidenceRecords.length === 0 || answer?.evidenceRecords.some(({ indication }) => indication !== 'PASSED') === true,
      name,
    );
  }
});
