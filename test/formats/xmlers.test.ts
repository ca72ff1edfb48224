import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '../../src/formats/digests.ts';
import {
  encodeXmlEvidenceRecord,
  xmlSequenceHash,
  xmlTimeStampHash,
  type XmlArchiveTimeStampChain,
} from '../../src/formats/xmlers-write.ts';
import { judgeXml } from '../support/judges/xml.ts';
import { needs } from '../support/tools.ts';

const hash = (text: string): Buffer => digestOf('sha256', Buffer.from(text));
const token = (text: string): Buffer => Buffer.from(`no token, but bytes: ${text}`);
const chains: readonly XmlArchiveTimeStampChain[] = [
  {
    digest: 'sha256',
    timestamps: [
      { hashTree: [[hash('b'), hash('a'), hash('c')], [hash('d')]], timeStamp: token('first') },
      { hashTree: [[hash('e')], [hash('f')]], timeStamp: token('second') },
    ],
  },
  {
    digest: 'sha512',
    timestamps: [{ hashTree: [[digestOf('sha512', Buffer.from('a')), digestOf('sha512', Buffer.from('b'))]], timeStamp: token('third') }],
  },
];

void test(
  'a record in XML fits the schema of RFC 6283, is canonical XML, and its parts are hashed as libxml2 canonicalises them',
  needs('pyhanko', 'dss'),
  async () => {
    const record = encodeXmlEvidenceRecord(chains);
    const { valid, errors, canonical, timeStamps, sequences } = await judgeXml(record);
    assert.ok(valid, errors);
    assert.equal(`<?xml version="1.0" encoding="UTF-8"?>\n${canonical}\n`, record.toString());
    assert.deepEqual(
      timeStamps.map((text) => digestOf('sha256', Buffer.from(text)).toString('hex')),
      ['first', 'second', 'third'].map((text) => xmlTimeStampHash(token(text), 'sha256').toString('hex')),
    );
    assert.deepEqual(
      sequences.map((text) => digestOf('sha512', Buffer.from(text)).toString('hex')),
      [1, 2].map((count) => xmlSequenceHash(chains.slice(0, count), 'sha512').toString('hex')),
    );
  },
);

void test('the same chains give the same bytes, hashes of a list in ascending order', () => {
  const [first, ...rest] = chains;
  assert.ok(first?.timestamps[0]);
  const [list = [], ...lists] = first.timestamps[0].hashTree;
  const shuffled = {
    ...first,
    timestamps: [{ ...first.timestamps[0], hashTree: [list.toReversed(), ...lists] }, ...first.timestamps.slice(1)],
  };
  assert.ok(encodeXmlEvidenceRecord([shuffled, ...rest]).equals(encodeXmlEvidenceRecord(chains)));
});
