import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { testAuthority } from '../support/authority.ts';
import { initialChains, recordSamples, renewTimestamp } from '../support/evidence.ts';
import { bouncyCastle } from '../support/bouncycastle.ts';
import { dss } from '../support/judges.ts';
import { temporaryDirectory } from '../support/store.ts';
import { needs } from '../support/tools.ts';
import { encodeEvidenceRecord } from '../../src/formats/ers-write.ts';
import type { RecordSample } from '../support/evidence.ts';

const day = 86_400_000;
/** BouncyCastle knows no validation time: the renewals must lie in the past. */
const start = Math.floor(Date.now() / day) * day - 120 * day;
const authority = testAuthority({ now: start });

/** Files of a record and its objects. */
function put(directory: string, { name, members, record }: RecordSample): { readonly record: string; readonly members: readonly string[] } {
  const paths = members.map((_, n) => join(directory, `${name}.${n}.bin`));
  members.forEach((bytes, n) => {
    writeFileSync(paths[n] ?? '', bytes);
  });
  writeFileSync(join(directory, `${name}.ers`), record);
  return { record: join(directory, `${name}.ers`), members: paths };
}

void test(
  'BouncyCastle accepts every kind of record with validatePresent and validate, and no changed document',
  needs('dss'),
  async (t) => {
    const directory = await temporaryDirectory(t);
    const samples = await recordSamples(authority, start);
    const files = samples.map((sample) => put(directory, sample));
    const strange = files.map(({ record }, n) => [record, files[(n + 2) % files.length]?.record ?? '']);
    const answers = await bouncyCastle([...files.map(({ record, members }) => [record, ...members]), ...strange]);
    samples.forEach(({ name }, n) => {
      assert.deepEqual(answers[n], ['OK', 'OK'], name);
      assert.match(answers[samples.length + n]?.[0] ?? '', /not found/, name);
    });
  },
);

void test('EU DSS accepts every kind of record with the trust centre’s CRLs, and refuses a flipped bit', needs('dss'), async (t) => {
  const directory = await temporaryDirectory(t);
  const samples = await recordSamples(authority, start);
  authority.setTime(Math.floor(Date.now() / 1000) * 1000);
  const { trust, crls } = authority.write(directory);
  const files = samples.map((sample) => put(directory, sample));
  const flipped = samples.map(({ name, members, record }) => {
    const bytes = Buffer.from(record);
    // In the first hash of the first list, which stands right behind its header.
    const at = bytes.indexOf(Buffer.from([0x04, name === 'sha384' ? 0x30 : 0x20])) + 5;
    bytes.writeUInt8((bytes[at] ?? 0) ^ 0x10, at);
    return put(directory, { name: `${name}-flipped`, members, record: bytes });
  });
  const answers = await dss(
    [...files, ...flipped].map(({ record, members }) => ({ file: record, detached: members, trust: [trust], crls })),
  );
  samples.forEach(({ name, members }, n) => {
    const [report] = answers[n]?.evidenceRecords ?? [];
    assert.equal(
      report?.indication,
      'PASSED',
      `${name}: ${report?.subIndication ?? ''} ${report?.errors.join('; ') ?? answers[n]?.error ?? ''}`,
    );
    assert.equal(report.covered.length, members.length, name);
    assert.ok(report.isDer && report.chains.flat().every(({ tokenIsDer }) => tokenIsDer), `${name} is DER`);
    const [bad] = answers[samples.length + n]?.evidenceRecords ?? [];
    assert.notEqual(bad?.indication, 'PASSED', `${name} flipped`);
  });
});

void test('EU DSS after the end of the first authority’s certificate: renewed PASSED, unrenewed INDETERMINATE', needs('dss'), async (t) => {
  const directory = await temporaryDirectory(t);
  const ending = testAuthority({ name: 'Ending', now: start, tsaNotAfter: start + 60 * day });
  const members = [Buffer.from('long lived')];
  const initial = await initialChains({ authority: ending, time: start, digest: 'sha256' }, members, 3);
  const renewed = await renewTimestamp({ authority, time: start + 30 * day }, initial);
  const files = Object.entries({ initial, renewed }).map(([name, chains]) =>
    put(directory, { name, members, record: encodeEvidenceRecord(chains) }),
  );
  const at = start + 100 * day;
  const trusted = [ending, authority].map((one, n) => {
    one.setTime(at);
    const trust = join(directory, `trust${n}.pem`);
    writeFileSync(trust, one.root.pem);
    const crls = one.crls().map((crl, m) => {
      const path = join(directory, `${n}.${m}.crl`);
      writeFileSync(path, crl);
      return path;
    });
    return { trust, crls };
  });
  const common = {
    trust: trusted.map(({ trust }) => trust),
    crls: trusted.flatMap(({ crls }) => crls),
    time: new Date(at).toISOString(),
  };
  const [open, passed] = await dss(
    files.map(({ record, members: [document = ''] }) => ({ file: record, detached: [document], ...common })),
  );
  assert.equal(open?.evidenceRecords[0]?.indication, 'INDETERMINATE');
  assert.equal(passed?.evidenceRecords[0]?.indication, 'PASSED', passed?.evidenceRecords[0]?.errors.join('; '));
});
