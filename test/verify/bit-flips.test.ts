import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { SealError } from '../../src/errors.ts';
import { digestOf } from '../../src/formats/digests.ts';
import { parseEvidenceRecord } from '../../src/formats/ers.ts';
import { readPem } from '../../src/formats/pem.ts';
import { parseTimestampToken } from '../../src/formats/tsp.ts';
import { TrustKeeper, VerifyContext } from '../../src/verify/context.ts';
import { verifyEvidenceRecord } from '../../src/verify/evidence.ts';
import { judgeToken } from '../../src/verify/timestamps.ts';
import { goldenObjects } from '../support/golden-history.ts';
import { dss } from '../support/judges.ts';
import { temporaryDirectory } from '../support/store.ts';
import { needs } from '../support/tools.ts';

const directory = new URL('../../fixtures/evidence/golden/history/', import.meta.url);
const record = readFileSync(new URL('single-initial.ers', directory));
const [anchor = Buffer.alloc(0)] = readPem(readFileSync(new URL('root.pem', directory)));
const token = parseEvidenceRecord(record).chains[0]?.timestamps[0]?.timeStamp ?? Buffer.alloc(0);
const at = parseTimestampToken(token).genTime + 7_200_000;

/**
 * The bytes of the record in which a bit may turn without its proof ending, `mask` where it is not any bit. None of them is signed or hashed: all
 * others are, or hold up what is.
 */
const free: readonly { readonly from: number; readonly to: number; readonly mask?: number; readonly why: string }[] = [
  {
    ...{ from: 21, to: 21 },
    why: 'digestAlgorithms of the record: a list for the reader’s convenience; each timestamp names its own, and the report warns when it is not listed',
  },
  {
    ...{ from: 34, to: 34, mask: 0x01 },
    why: 'the tag of the optional digestAlgorithm [0] becomes that of attributes [1]: then the digest is that of the timestamp, the same (RFC 4998 §3.1)',
  },
  { from: 219, to: 219, why: 'SignedData.version: says which other fields to expect, and those are there or not' },
  {
    from: 222,
    to: 234,
    why: 'SignedData.digestAlgorithms: for readers that hash while they read (RFC 5652 §5.1); the SignerInfo names the one that counts',
  },
  { from: 2294, to: 2294, why: 'SignerInfo.version: follows from how the certificate is named' },
  {
    ...{ from: 2299, to: 2389 },
    why: 'the issuer’s name in the SignerInfo, compared without regard to upper and lower case or kind of string (RFC 5280 §7.1): it only looks the certificate up, which the signed attribute names by its hash',
  },
];

/** Bytes in which DSS accepts a bit that we refuse: nothing is proven otherwise, but the bytes are not those that were written. */
const onlyDss: readonly { readonly bytes: readonly number[]; readonly why: string }[] = [
  { bytes: span(9, 20), why: 'digestAlgorithms of the record: DSS does not look at the list' },
  { bytes: [34], why: 'the tag of digestAlgorithm [0]: DSS takes the digest of the timestamp where it finds none' },
  { bytes: span(200, 208), why: 'the content type of the token’s ContentInfo: DSS takes it for SignedData whatever it says' },
  { bytes: [252], why: 'the tag of the OCTET STRING around the TSTInfo: DSS takes its content' },
  {
    bytes: [723, 743, 1379, 1395],
    why: '“critical” of an extension in a certificate: DSS reads any value but 0 as TRUE, and encodes the certificate anew before it checks the signature',
  },
];

function span(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, n) => from + n);
}

/** Of a bit that may turn. */
function reasonOf(bit: number): string | undefined {
  const place = bit >> 3;
  return free.find(({ from, to, mask = 0xff }) => place >= from && place <= to && ((0x80 >> (bit & 7)) & mask) !== 0)?.why;
}

function flipped(bit: number): Buffer {
  const bytes = Buffer.from(record);
  bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (0x80 >> (bit & 7)), bit >> 3);
  return bytes;
}

const given = goldenObjects.single.map((bytes, n) => ({
  name: `${n}`,
  digest: (algorithm: Parameters<typeof digestOf>[0]) => digestOf(algorithm, bytes),
}));
const keeper = new TrustKeeper();

/** The verdict, or the code of the error. */
function verdictOf(bytes: Buffer): string {
  const revocation = { crls: [], ocsps: [], failures: [] };
  const context = new VerifyContext({ anchors: [anchor], certificates: [], revocation, at, revocationMode: 'require' }, keeper);
  try {
    return verifyEvidenceRecord(bytes, given, {
      at,
      judge: (one, time) => judgeToken(context, one, { kind: 'evidence-record', at: time }),
    }).indication;
  } catch (thrown) {
    assert.ok(thrown instanceof SealError && /^SEAL-(INPUT|DOC)-/.test(thrown.code), String(thrown));
    return thrown.code;
  }
}

void test('each single bit of a record: it is refused, or it is one of those that nothing is signed or hashed with', () => {
  assert.equal(verdictOf(record), 'PASSED');
  const bits = Array.from({ length: record.length * 8 }, (_, bit) => bit);
  const passed = bits.filter((bit) => verdictOf(flipped(bit)) === 'PASSED');
  assert.deepEqual(
    passed.filter((bit) => reasonOf(bit) === undefined).map((bit) => `bit ${bit & 7} of byte ${bit >> 3}`),
    [],
  );
  for (const { from, to, why } of free)
    assert.ok(
      passed.some((bit) => bit >> 3 >= from && bit >> 3 <= to),
      `no bit is free any more: ${why}`,
    );
});

void test(
  'EU DSS refuses what we refuse: a sample of the bits, all of them in the long run',
  { ...needs('dss'), timeout: 3_600_000 },
  async (t: TestContext) => {
    const folder = await temporaryDirectory(t);
    const put = (name: string, bytes: Buffer): string => {
      writeFileSync(join(folder, name), bytes);
      return join(folder, name);
    };
    const step = process.env['SEALTREE_FULL'] === 'true' ? 1 : 397;
    const bits = Array.from({ length: Math.ceil((record.length * 8) / step) }, (_, n) => n * step);
    const common = {
      detached: [put('object', goldenObjects.single[0] ?? Buffer.alloc(0))],
      trust: [put('root.pem', readFileSync(new URL('root.pem', directory)))],
      time: new Date(at).toISOString(),
    };
    const [sound] = await dss([{ file: put('sound.ers', record), ...common }]);
    assert.equal(sound?.evidenceRecords[0]?.indication, 'PASSED', sound?.evidenceRecords[0]?.errors.join());
    for (let from = 0; from < bits.length; from += 500) {
      const part = bits.slice(from, from + 500);
      const answers = await dss(part.map((bit) => ({ file: put(`${bit}.ers`, flipped(bit)), ...common })));
      part.forEach((bit, n) => {
        const indication = answers[n]?.evidenceRecords[0]?.indication;
        const known = reasonOf(bit) ?? onlyDss.find(({ bytes }) => bytes.includes(bit >> 3))?.why;
        if (indication === 'PASSED') assert.ok(known !== undefined, `DSS accepts bit ${bit & 7} of byte ${bit >> 3}`);
      });
    }
  },
);
