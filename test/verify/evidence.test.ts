import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { levelsAbove, pathIn, rootOf } from '../../src/archive/tree.ts';
import { SealError } from '../../src/errors.ts';
import { parse } from '../../src/formats/der.ts';
import { digestLengths, digestOf } from '../../src/formats/digests.ts';
import { hashList } from '../../src/formats/ers-hash.ts';
import { encodeEvidenceRecord, recordWriter } from '../../src/formats/ers-write.ts';
import { parseEvidenceRecord } from '../../src/formats/ers.ts';
import { readPem } from '../../src/formats/pem.ts';
import { TrustKeeper, VerifyContext } from '../../src/verify/context.ts';
import { verifyEvidenceRecord, type EvidenceObject } from '../../src/verify/evidence.ts';
import { judgeToken } from '../../src/verify/timestamps.ts';
import { testAuthority, type TestAuthority } from '../support/authority.ts';
import { frozenToken, initialChains, recordSamples, renewHashTree, renewTimestamp } from '../support/evidence.ts';
import type { AnyDigest, DigestAlgorithm } from '../../src/model/algorithms.ts';
import type { EvidenceRecordReport } from '../../src/model/verification.ts';
import type { VerifyOptions } from '../../src/ports/documents.ts';

const day = 86_400_000;
const start = Date.UTC(2026, 4, 1);
const authority = testAuthority({ now: start });
const samples = await recordSamples(authority, start);
const keeper = new TrustKeeper();

function object(name: string, bytes: Buffer): EvidenceObject {
  return { name, digest: (algorithm: AnyDigest) => digestOf(algorithm, bytes) };
}

function objects(members: readonly Buffer[]): EvidenceObject[] {
  return members.map((bytes, n) => object(`object ${n}`, bytes));
}

function optionsAt(at: number, authorities: readonly TestAuthority[] = [authority], extra: Partial<VerifyOptions> = {}): VerifyOptions {
  const crls = authorities.flatMap((one) => {
    one.setTime(at);
    return one.crls();
  });
  return {
    anchors: authorities.map(({ root }) => root.certificate),
    certificates: [],
    revocation: { crls, ocsps: [], failures: [] },
    at,
    revocationMode: 'require',
    ...extra,
  };
}

function verify(record: Buffer, given: readonly EvidenceObject[], options: VerifyOptions): EvidenceRecordReport {
  const context = new VerifyContext(options, keeper);
  return verifyEvidenceRecord(record, given, {
    at: options.at,
    judge: (token, at) => judgeToken(context, token, { kind: 'evidence-record', at }),
  });
}

const later = optionsAt(start + 90 * day);

void test('every kind of record proves its objects: single, group, renewed, re-hashed, several of each', () => {
  for (const { name, members, record } of samples) {
    const report = verify(record, objects(members), later);
    assert.equal(report.indication, 'PASSED', `${name}: ${report.errors.join('; ')}`);
    assert.deepEqual([report.covered.length, report.warnings], [members.length, []], name);
    assert.equal(report.provenSince, new Date(start).toISOString());
    assert.ok((report.provesUntil ?? '') > new Date(later.at).toISOString(), name);
    assert.equal(report.hashTreeRenewal, /rehashed|both|several/.test(name) ? 'unsorted' : undefined);
  }
});

void test('a changed document is refused in every kind of record', () => {
  for (const { name, members, record } of samples) {
    const changed = members.map((bytes, n) => (n === 0 ? Buffer.concat([bytes, Buffer.from('.')]) : bytes));
    const report = verify(record, objects(changed), later);
    assert.deepEqual([report.indication, report.subIndication], ['FAILED', 'HASH_FAILURE'], name);
  }
});

void test('any flipped bit of a hash or a signed byte is refused', () => {
  const flippable = samples.map(({ name, members, record }) => ({ name, members, record, places: protectedBytes(record) }));
  fc.assert(
    fc.property(fc.constantFrom(...flippable), fc.nat(), fc.integer({ min: 0, max: 7 }), ({ members, record, places }, pick, bit) => {
      const place = places[pick % places.length] ?? 0;
      const flipped = Buffer.from(record);
      flipped.writeUInt8((flipped[place] ?? 0) ^ (1 << bit), place);
      assert.notEqual(verdictOf(flipped, members), 'PASSED', `byte ${place}`);
    }),
    { numRuns: 250 },
  );
});

/** The verdict, or `refused` where the bytes are no record any more: an error with a code, never a crash. */
function verdictOf(record: Buffer, members: readonly Buffer[]): string {
  try {
    return verify(record, objects(members), later).indication;
  } catch (thrown) {
    assert.ok(thrown instanceof SealError && /^SEAL-(INPUT|DOC)-/.test(thrown.code), String(thrown));
    return 'refused';
  }
}

void test('records spoilt anywhere end in a verdict or an error with a code', () => {
  fc.assert(
    fc.property(fc.constantFrom(...samples), fc.nat(), fc.nat(255), fc.nat(3), ({ members, record }, pick, value, cut) => {
      const spoilt = Buffer.from(cut === 0 ? record.subarray(0, pick % record.length) : record);
      if (spoilt.length > 0) spoilt.writeUInt8(value, pick % spoilt.length);
      verdictOf(spoilt, members);
    }),
    { numRuns: 300 },
  );
});

void test('in any day of documents and groups every record proves its own objects and no others', async () => {
  const day = fc.array(fc.uniqueArray(fc.string({ maxLength: 5 }), { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 40 });
  const anyDigest = fc.constantFrom<DigestAlgorithm>('sha256', 'sha384', 'sha512');
  await fc.assert(
    fc.asyncProperty(day, anyDigest, fc.nat(), async (groups, digest, pick) => {
      const members = groups.map((group) => group.map((text) => Buffer.from(text)));
      const hashes = members.map((group) => group.map((bytes) => digestOf(digest, bytes)));
      const leaves = Buffer.concat(hashes.map((group) => hashList(group, digest)));
      const timeStamp = await frozenToken({ authority, time: start, digest }, rootOf(leaves, digest));
      const levels = levelsAbove(leaves, digest);
      const write = recordWriter(digest, timeStamp);
      const records = hashes.map((group, n) => write(group, pathIn(levels, n, digestLengths[digest])));
      records.forEach((record, n) => {
        const report = verify(record, objects(members[n] ?? []), later);
        assert.deepEqual([report.indication, report.warnings], ['PASSED', []], report.errors.join());
      });
      const other = verify(records[pick % records.length] ?? Buffer.alloc(0), [object('other', Buffer.from('longer than any'))], later);
      assert.equal(other.subIndication, 'HASH_FAILURE');
    }),
    { numRuns: 25 },
  );
});

/** Offsets of the hashes and of every token's signed content and signature: what must not change by one bit. */
function protectedBytes(record: Buffer): number[] {
  const places: number[] = [];
  const add = (part: Buffer): void => {
    const at = part.byteOffset - record.byteOffset;
    for (let octet = at; octet < at + part.length; octet++) places.push(octet);
  };
  for (const { timestamps } of parseEvidenceRecord(record).chains)
    for (const { reducedHashtree, timeStamp } of timestamps) {
      reducedHashtree?.flat().forEach(add);
      const tail = parse(timeStamp).raw;
      // The signature is the last field, the TSTInfo stands near the start: certificates and CRLs between them are other people's.
      add(tail.subarray(tail.length - 40));
      const info = tail.indexOf(Buffer.from('060b2a864886f70d0109100104', 'hex'));
      add(tail.subarray(info + 20, info + 80));
    }
  return places;
}

void test('one member of a group is proven, and the report says that the group holds more', () => {
  const sample = samples.find(({ name }) => name === 'group');
  assert.ok(sample?.members[1]);
  const report = verify(sample.record, [object('signature', sample.members[1])], later);
  assert.deepEqual([report.indication, report.covered], ['PASSED', ['signature']]);
  assert.match(report.warnings.join(), /contains other objects/);
});

void test('every given object must be covered; without any the record proves nothing yet', () => {
  const sample = samples.find(({ name }) => name === 'single');
  assert.ok(sample?.members[0]);
  const strange = verify(sample.record, [object('mine', sample.members[0]), object('other', Buffer.from('other'))], later);
  assert.deepEqual([strange.indication, strange.subIndication, strange.covered], ['FAILED', 'HASH_FAILURE', ['mine']]);
  const nothing = verify(sample.record, [], later);
  assert.deepEqual([nothing.indication, nothing.subIndication], ['INDETERMINATE', 'SIGNED_DATA_NOT_FOUND']);
});

void test('a document known by one digest only leaves a re-hashed record open and names the digest that is needed', () => {
  const sample = samples.find(({ name }) => name === 'single-rehashed');
  const bytes = sample?.members[0];
  assert.ok(bytes);
  const known = { name: 'known', digest: (digest: AnyDigest) => (digest === 'sha256' ? digestOf(digest, bytes) : undefined) };
  const report = verify(sample.record, [known], later);
  assert.deepEqual([report.indication, report.subIndication], ['INDETERMINATE', 'SIGNED_DATA_NOT_FOUND']);
  assert.match(report.errors.join(), /sha512 of known is needed/);
});

void test('the sorted form of erratum 7411 is read too, and reported', async () => {
  const members = [Buffer.from('erratum')];
  const chains = await initialChains({ authority, time: start, digest: 'sha256' }, members, 3);
  const sorted = await renewHashTree({ authority, time: start + day, digest: 'sha512' }, chains, members, true);
  const unsorted = await renewHashTree({ authority, time: start + day, digest: 'sha512' }, chains, members, false);
  const hash = digestOf('sha512', Buffer.from('erratum'));
  for (const [name, renewed] of Object.entries({ sorted, unsorted })) {
    const report = verify(encodeEvidenceRecord(renewed), objects(members), later);
    assert.equal(report.indication, 'PASSED', report.errors.join());
    const same = renewed[1]?.[0]?.reducedHashtree[0]?.[0];
    assert.ok(same && hash.length === 64);
    // Where the document's hash is the smaller one both forms are the same bytes.
    const equal = sorted[1]?.[0]?.reducedHashtree[0]?.[0]?.equals(unsorted[1]?.[0]?.reducedHashtree[0]?.[0] ?? Buffer.alloc(0));
    if (equal !== true) assert.equal(report.hashTreeRenewal, name);
  }
});

void test('a renewal that lists only the last token is read, one that lists none is refused', async () => {
  const members = [Buffer.from('renewed')];
  const initial = await initialChains({ authority, time: start, digest: 'sha256' }, members, 3);
  const once = await renewTimestamp({ authority, time: start + day }, initial);
  const onlyLast = await renewTimestamp({ authority, time: start + 2 * day }, once, true);
  assert.equal(verify(encodeEvidenceRecord(onlyLast), objects(members), later).indication, 'PASSED');
  const stranger = await initialChains({ authority, time: start + day, digest: 'sha256' }, [Buffer.from('other')], 3);
  const wrong = verify(encodeEvidenceRecord([[...(initial[0] ?? []), ...(stranger[0] ?? [])]]), objects(members), later);
  assert.deepEqual([wrong.indication, wrong.subIndication], ['FAILED', 'HASH_FAILURE']);
});

void test('timestamps out of order are refused', async () => {
  const members = [Buffer.from('order')];
  const initial = await initialChains({ authority, time: start + 5 * day, digest: 'sha256' }, members, 3);
  const report = verify(encodeEvidenceRecord(await renewTimestamp({ authority, time: start }, initial)), objects(members), later);
  assert.equal(report.indication, 'FAILED');
  assert.ok(report.errors.some((error) => error.includes('older than the timestamp before it')));
});

void test('after the end of the first authority’s certificate an unrenewed record is open, one renewed in time passes', async () => {
  const ending = testAuthority({ name: 'Ending', now: start, tsaNotAfter: start + 60 * day });
  const members = [Buffer.from('long lived')];
  const initial = await initialChains({ authority: ending, time: start, digest: 'sha256' }, members, 3);
  const renewed = await renewTimestamp({ authority, time: start + 30 * day }, initial);
  const options = optionsAt(start + 100 * day, [ending, authority]);
  const open = verify(encodeEvidenceRecord(initial), objects(members), options);
  assert.equal(open.indication, 'INDETERMINATE', open.errors.join());
  assert.match(open.subIndication ?? '', /^OUT_OF_BOUNDS/);
  const passed = verify(encodeEvidenceRecord(renewed), objects(members), options);
  assert.equal(passed.indication, 'PASSED', passed.errors.join());
});

void test('an unknown authority leaves the record open, and structure alone can be asked for', () => {
  const sample = samples[2];
  assert.ok(sample);
  const stranger = testAuthority({ name: 'Stranger', now: start });
  const report = verify(sample.record, objects(sample.members), optionsAt(later.at, [stranger]));
  assert.deepEqual([report.indication, report.subIndication], ['INDETERMINATE', 'NO_CERTIFICATE_CHAIN_FOUND']);
  const structure = verify(sample.record, objects(sample.members), { ...later, anchors: [], structureOnly: true });
  assert.equal(structure.indication, 'PASSED', structure.errors.join());
});

void test('a hash that has come to its end proves nothing, unless a newer chain took over in time', () => {
  const sample = samples.find(({ name }) => name === 'single');
  const rehashed = samples.find(({ name }) => name === 'single-rehashed');
  assert.ok(sample && rehashed);
  const catalogue = [{ subject: { digest: 'sha256' as const }, end: new Date(start + 40 * day).toISOString(), source: 'test' }];
  const context = new VerifyContext(later, keeper);
  const judged = ({ record, members }: typeof sample): EvidenceRecordReport =>
    verifyEvidenceRecord(record, objects(members), {
      at: later.at,
      catalogue,
      judge: (token, at) => judgeToken(context, token, { kind: 'evidence-record', at }),
    });
  assert.deepEqual([judged(sample).indication, judged(sample).subIndication], ['INDETERMINATE', 'CRYPTO_CONSTRAINTS_FAILURE_NO_POE']);
  assert.equal(judged(rehashed).indication, 'PASSED');
});

const foreign = new URL('../../fixtures/evidence/bouncycastle/', import.meta.url);
const file = (name: string): Buffer => readFileSync(new URL(name, foreign));

void test('records of BouncyCastle are read: single, group, without neighbours, renewed and re-hashed', () => {
  const now = Date.UTC(2026, 11, 1);
  const anchors = readPem(file('trust.pem'));
  const options: VerifyOptions = {
    anchors,
    certificates: [],
    revocation: { crls: [], ocsps: [], failures: [] },
    at: now,
    revocationMode: 'none',
  };
  const cases: [record: string, documents: string[]][] = [
    ['single0.1-init', ['obj0']],
    ...['1-init', '2-tsrenew', '3-rehash'].flatMap((step): [string, string[]][] => [
      [`er3.${step}`, ['obj3']],
      [`er5.${step}`, ['obj5', 'obj6']],
    ]),
  ];
  for (const [name, documents] of cases) {
    const given = documents.map((document) => object(document, file(`${document}.bin`)));
    const report = verify(file(`${name}.ers`), given, options);
    assert.equal(report.indication, 'PASSED', `${name}: ${report.errors.join('; ')}`);
    assert.deepEqual(report.warnings, [], name);
    const wrong = verify(file(`${name}.ers`), [object('obj', Buffer.from('object 9'))], options);
    assert.equal(wrong.subIndication, 'HASH_FAILURE', name);
  }
});
