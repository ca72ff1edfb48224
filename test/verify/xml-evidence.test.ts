import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { canonicalizationByUri } from '../../src/formats/xml-algorithms.ts';
import { canonicalDigest, loadXml } from '../../src/formats/xml.ts';
import { digestOf } from '../../src/formats/digests.ts';
import { encodeXmlEvidenceRecord } from '../../src/formats/xmlers-write.ts';
import { testAuthority } from '../support/authority.ts';
import { frozenToken } from '../support/evidence.ts';
import { dss } from '../support/judges.ts';
import { temporaryDirectory } from '../support/store.ts';
import { needs } from '../support/tools.ts';
import { xmlSamples } from '../support/xml-evidence.ts';
import { trusting, verifyBytes, words } from './verifying.ts';
import type { FileReport } from '../../src/model/verification.ts';

await loadXml();
const day = 86_400_000;
/** DSS judges as of now: everything must lie in the past. */
const start = Math.floor(Date.now() / day) * day - 100 * day;
const authority = testAuthority({ name: 'Trust in XML', now: start });
const samples = await xmlSamples(authority, start);
authority.setTime(Math.floor(Date.now() / 1000) * 1000);
const options = trusting(authority);

function verified(record: Buffer, members: readonly Buffer[]): FileReport {
  const documents = Object.fromEntries(members.map((bytes, n) => [`object ${n}`, bytes]));
  return verifyBytes(record, { name: 'record', documents }, options).report;
}

void test('RFC 6283 records of every kind prove their objects, also as other programs write them', () => {
  for (const { name, members, record } of samples) {
    const report = verified(record, members);
    const [one] = report.evidenceRecords;
    assert.equal(report.indication, 'TOTAL-PASSED', `${name}: ${one?.errors.join('; ') ?? report.errors.join()}`);
    assert.deepEqual([one?.syntax, one?.covered.length, one?.warnings], ['RFC 6283', members.length, []], name);
    assert.equal(one?.provenSince, new Date(start).toISOString());
  }
});

void test('EU DSS says the same of them', needs('dss'), async (t) => {
  const directory = await temporaryDirectory(t);
  const { trust, crls } = authority.write(directory);
  const put = (name: string, bytes: Buffer): string => {
    writeFileSync(join(directory, name), bytes);
    return join(directory, name);
  };
  const answers = await dss(
    samples.map(({ members, record }, n) => ({
      file: put(`${n}.xml`, record),
      detached: members.map((bytes, k) => put(`${n}.${k}`, bytes)),
      trust: [trust],
      crls,
    })),
  );
  // DSS leaves the blanks around a later chain in what it hashes; whoever made the record before that chain came could not.
  const differs = new Set(['with blanks, re-hashed']);
  for (const [n, { name }] of samples.entries()) {
    const [report] = answers[n]?.evidenceRecords ?? [];
    assert.equal(report?.indication === 'PASSED', !differs.has(name), `${name}: ${report?.errors.join('; ') ?? answers[n]?.error ?? ''}`);
  }
});

void test('a changed object, and a changed character of any part that is hashed or signed, are refused', () => {
  for (const { name, members, record } of samples) {
    const changed = members.map((bytes, n) => (n === 0 ? Buffer.concat([bytes, Buffer.from('.')]) : bytes));
    assert.deepEqual(words(verified(record, changed)), ['TOTAL-FAILED HASH_FAILURE'], name);
  }
  const { members, record } = samples.find(({ name }) => name === 'everything') ?? { members: [], record: Buffer.alloc(0) };
  const text = record.toString();
  const places = [...text.matchAll(/<DigestValue>|<TimeStampToken Type="RFC3161">/g)].map(({ index, 0: tag }) => index + tag.length + 9);
  assert.ok(places.length > 20);
  for (const place of places) {
    const other = text[place] === 'A' ? 'B' : 'A';
    assert.notEqual(
      verified(Buffer.from(text.slice(0, place) + other + text.slice(place + 1)), members).indication,
      'TOTAL-PASSED',
      `at ${place}`,
    );
  }
});

void test('what of a record is not hashed may be written otherwise; what is hashed may not', () => {
  const { members, record } = samples.find(({ name }) => name === 'renewed') ?? { members: [], record: Buffer.alloc(0) };
  const text = record.toString();
  const becomes = (from: string, to: string): string => words(verified(Buffer.from(text.replace(from, to)), members))[0] ?? '';
  assert.equal(becomes('<HashTree>', '<HashTree>\n  '), 'TOTAL-PASSED');
  assert.equal(becomes('Version="1.0"', "Version = '1.0'"), 'TOTAL-PASSED');
  assert.equal(becomes('<TimeStamp>', '<TimeStamp ><!-- no part of it -->'), 'TOTAL-PASSED');
  assert.equal(becomes('<TimeStamp>', '<TimeStamp>\n'), 'TOTAL-FAILED HASH_FAILURE');
});

void test('records that are none end in a verdict with a reason', () => {
  const { members, record } = samples.find(({ name }) => name === 'everything') ?? { members: [], record: Buffer.alloc(0) };
  const text = record.toString();
  const cases: readonly (readonly [string, string, string, RegExp])[] = [
    ['no end', text.slice(0, -40), 'TOTAL-FAILED FORMAT_FAILURE', /XML: /],
    [
      'a document type',
      text.replace('?>', '?><!DOCTYPE EvidenceRecord [<!ENTITY a "b">]>'),
      'TOTAL-FAILED FORMAT_FAILURE',
      /document type/,
    ],
    ['an entity', text.replace('<HashTree>', '<HashTree>&a;'), 'TOTAL-FAILED FORMAT_FAILURE', /XML: /],
    ['another version', text.replace('"1.0">', '"2.0">'), 'TOTAL-FAILED FORMAT_FAILURE', /version 2.0/],
    [
      'an order twice',
      text.replace("ArchiveTimeStamp Order='2'", "ArchiveTimeStamp Order='1'"),
      'TOTAL-FAILED FORMAT_FAILURE',
      /Order does not run/,
    ],
    ['no digest', text.replace('xmlenc#sha256', 'xmlenc#sha257'), 'TOTAL-FAILED FORMAT_FAILURE', /sha257 is not read/],
    ['another digest', text.replace('xmlenc#sha512', 'xmlenc#sha256'), 'TOTAL-FAILED FORMAT_FAILURE', /DigestValue is no sha256/],
    [
      'another canonical form',
      text.replace('xml-c14n-20010315', 'xml-c14n-20010316'),
      'TOTAL-FAILED FORMAT_FAILURE',
      /canonicalization .* is not read/,
    ],
    ['a timestamp of another kind', text.replace('RFC3161', 'XMLENTRUST'), 'INDETERMINATE CUSTOM', /XMLENTRUST are not read/],
    ['no base64', text.replace('RFC3161">', 'RFC3161">*'), 'TOTAL-FAILED FORMAT_FAILURE', /no base64/],
    ['no token', text.replace(/(RFC3161">)[^<]*/, '$1AAAA'), 'TOTAL-FAILED FORMAT_FAILURE', /./],
    ['another encoding', text.replace('"1.0"?>', '"1.0" encoding="UTF-7"?>'), 'TOTAL-FAILED FORMAT_FAILURE', /UTF-7 is not read/],
    [
      'chains exchanged',
      text
        .replace("Chain Order='1'", "Chain Order='9'")
        .replace("Chain Order='2'", "Chain Order='1'")
        .replace("Chain Order='9'", "Chain Order='2'"),
      'TOTAL-FAILED TIMESTAMP_ORDER_FAILURE',
      /./,
    ],
  ];
  for (const [name, bytes, word, reason] of cases) {
    assert.notEqual(bytes, text, name);
    const report = verified(Buffer.from(bytes), members);
    assert.deepEqual(words(report), [word], `${name}: ${JSON.stringify(report.evidenceRecords[0]?.errors)}`);
    assert.match(report.evidenceRecords[0]?.errors.join('; ') ?? '', reason, name);
  }
});

void test('of a document that is XML either form is found, and the report says when it was the canonical one', async () => {
  const document = Buffer.from('<?xml version="1.0"?>\n<invoice b="2" a="1"><sum/></invoice>\n');
  const canonical = canonicalDigest(
    document,
    canonicalizationByUri('http://www.w3.org/2006/12/xml-c14n11') ?? { method: 'c14n-1.0', withComments: false },
    'sha256',
  );
  assert.ok(canonical);
  assert.deepEqual(canonical, digestOf('sha256', Buffer.from('<invoice a="1" b="2"><sum></sum></invoice>')));
  for (const hash of [digestOf('sha256', document), canonical]) {
    const timeStamp = await frozenToken({ authority, time: start, digest: 'sha256' }, hash);
    authority.setTime(options.at);
    const record = encodeXmlEvidenceRecord([{ digest: 'sha256', timestamps: [{ hashTree: [[hash]], timeStamp }] }]);
    const report = verified(record, [document]);
    assert.deepEqual(words(report), ['TOTAL-PASSED']);
    assert.equal(
      report.evidenceRecords[0]?.warnings.some((warning) => warning.includes('canonical form of object 0')),
      hash === canonical,
    );
  }
});

void test('a group of two: each member alone is proven, with a warning; a stranger is not', () => {
  const { members, record } = samples.find(({ name }) => name === 'everything') ?? { members: [], record: Buffer.alloc(0) };
  for (const member of members) {
    const report = verified(record, [member]);
    assert.equal(report.indication, 'TOTAL-PASSED');
    assert.match(report.evidenceRecords[0]?.warnings.join() ?? '', /contains other objects/);
  }
  assert.deepEqual(words(verified(record, [...members, Buffer.from('stranger')])), ['TOTAL-FAILED HASH_FAILURE']);
});
