import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { digestOf } from '../../src/formats/digests.ts';
import { parseEvidenceRecord } from '../../src/formats/ers.ts';
import { readPem } from '../../src/formats/pem.ts';
import { parseTimestampToken } from '../../src/formats/tsp.ts';
import { TrustKeeper, VerifyContext } from '../../src/verify/context.ts';
import { verifyEvidenceRecord } from '../../src/verify/evidence.ts';
import { judgeToken } from '../../src/verify/timestamps.ts';
import { goldenRecords } from '../support/golden-history.ts';
import { recomputeRecord } from '../support/recompute-ers.ts';

const directory = new URL('../../fixtures/evidence/golden/history/', import.meta.url);
const file = (name: string): Buffer => readFileSync(new URL(name, directory));
const files = readdirSync(directory).filter((name) => name !== 'root.pem');
const [anchor = Buffer.alloc(0)] = readPem(file('root.pem'));
const lengths: Readonly<Record<string, number[]>> = {
  initial: [1],
  renewed: [2],
  'renewed-twice': [3],
  mixed: [3, 2],
  'mixed-further': [3, 2, 3],
  rehashed: [1, 1],
  'rehashed-twice': [1, 1, 1],
};

const keeper = new TrustKeeper();

/** Timestamps as they were given once: they stand in the golden records. Another root than the one of that time has none. */
function goldenTokens(): Map<string, Buffer> {
  const tokens = files
    .filter((name) => name.endsWith('.ers'))
    .flatMap((name) => parseEvidenceRecord(file(name)).chains.flatMap(({ timestamps }) => timestamps.map(({ timeStamp }) => timeStamp)));
  return new Map(tokens.map((token) => [parseTimestampToken(token).messageImprint.value.toString('hex'), token]));
}

void test('records of every kind are bit for bit what they were: single, group, renewed, hashed anew, mixed, as RFC 4998 and as RFC 6283', async () => {
  const tokens = goldenTokens();
  const stamp = (_: unknown, root: Buffer): Promise<Buffer> => {
    const token = tokens.get(root.toString('hex'));
    assert.ok(token, 'a tree has another root than it had: its layout has changed');
    return Promise.resolve(token);
  };
  const records = await goldenRecords(stamp, anchor);
  assert.deepEqual(records.flatMap(({ name }) => [`${name}.ers`, `${name}.xml`]).sort(), files.sort());
  for (const { name, record } of records) {
    assert.deepEqual(record.der, file(`${name}.ers`), name);
    assert.deepEqual(record.xml(), file(`${name}.xml`), name);
  }
});

void test('what the golden records say holds, now and by a computation of its own', async () => {
  const tokens = goldenTokens();
  const records = await goldenRecords((_, root) => Promise.resolve(tokens.get(root.toString('hex')) ?? Buffer.alloc(0)), anchor);
  for (const { name, members } of records) {
    const record = file(`${name}.ers`);
    assert.deepEqual(recomputeRecord(record, members), lengths[name.replace(/^(single|group)-/, '')], name);
    const given = members.map((bytes, n) => ({
      name: `${n}`,
      digest: (algorithm: Parameters<typeof digestOf>[0]) => digestOf(algorithm, bytes),
    }));
    const newest = parseEvidenceRecord(record).chains.at(-1)?.timestamps.at(-1)?.timeStamp ?? Buffer.alloc(0);
    // With the revocation data that the newest timestamp holds.
    const at = parseTimestampToken(newest).genTime + 7_200_000;
    const revocation = { crls: [], ocsps: [], failures: [] };
    const context = new VerifyContext({ anchors: [anchor], certificates: [], revocation, at, revocationMode: 'require' }, keeper);
    const report = verifyEvidenceRecord(record, given, {
      at,
      judge: (token, time) => judgeToken(context, token, { kind: 'evidence-record', at: time }),
    });
    assert.deepEqual([report.indication, report.warnings], ['PASSED', []], `${name}: ${report.errors.join('; ')}`);
  }
});
