import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { verifyFiles, type VerifyArgs } from '../../src/app/verify.ts';
import { documentWorkers } from '../../src/effects/documents.ts';
import { nodeFiles } from '../../src/effects/files.ts';
import { encodeEvidenceRecord } from '../../src/formats/ers-write.ts';
import { loadXml } from '../../src/formats/xml.ts';
import { testAuthority } from '../support/authority.ts';
import { ManualClock } from '../support/clock.ts';
import { initialChains } from '../support/evidence.ts';
import { CollectingLog } from '../support/log.ts';
import { temporaryDirectory } from '../support/store.ts';
import { XmlRecord } from '../support/xml-evidence.ts';
import type { FileReport } from '../../src/model/verification.ts';

const start = Date.UTC(2026, 4, 1);
const authority = testAuthority({ name: 'Many records', now: start });
const hour = 3_600_000;

/** Documents a, b, c with a record each: DER, DER over SHA-512, XML. */
async function place(
  t: TestContext,
): Promise<{ readonly at: (name: string) => string; readonly verify: (args: Partial<VerifyArgs>) => Promise<readonly FileReport[]> }> {
  const directory = await temporaryDirectory(t);
  const at = (name: string): string => join(directory, name);
  const bytes = (name: string): Buffer => Buffer.from(`document ${name}`);
  for (const name of ['a', 'b', 'c', 'd']) writeFileSync(at(name), bytes(name));
  const record = async (name: string, digest: 'sha256' | 'sha512') =>
    encodeEvidenceRecord(await initialChains({ authority, time: start, digest }, [bytes(name)], 3));
  writeFileSync(at('1.ers'), await record('a', 'sha256'));
  writeFileSync(at('2.ers'), await record('b', 'sha512'));
  await loadXml();
  writeFileSync(at('3.xml'), (await new XmlRecord(authority, start, [bytes('c')]).begin('sha256')).bytes);
  writeFileSync(at('none.ers'), 'no record');
  writeFileSync(at('trust.pem'), authority.root.pem);
  authority.setTime(start + 2 * hour);
  authority.crls().forEach((crl, n) => {
    writeFileSync(at(`${n}.crl`), crl);
  });
  const files = nodeFiles();
  const clock = new ManualClock(start + 3 * hour);
  const documents = documentWorkers({ clock, log: new CollectingLog() });
  t.after(async () => {
    await documents.close();
    await files.close();
  });
  const revocation = { find: () => Promise.resolve({ crls: [], ocsps: [], failures: [] }) };
  return {
    at,
    verify: async (args) => {
      const given = { files: [], documents: [], evidence: [], digests: [], ocsps: [], structure: false, report: 'json' as const, ...args };
      const trust = { trust: [at('trust.pem')], crls: authority.crls().map((_, n) => at(`${n}.crl`)) };
      const call = { progress: () => undefined, signal: AbortSignal.timeout(60_000) };
      return (await verifyFiles({ clock, documents, files, revocation }, undefined, { ...given, ...trust }, call)).reports;
    },
  };
}

const words = (reports: readonly FileReport[]): string[] =>
  reports.map(({ indication, subIndication, evidenceRecords }) => `${indication} ${subIndication ?? ''} ${evidenceRecords.length}`);

void test('many files and many records in one call: each file is judged with its own', async (t) => {
  const { at, verify } = await place(t);
  const evidence = ['3.xml', '1.ers', '2.ers'].map(at);
  assert.deepEqual(
    words(await verify({ files: ['a', 'b', 'c'].map(at), evidence })),
    Array.from<string>({ length: 3 }).fill('TOTAL-PASSED  1'),
  );
});

void test('a file without a record fails, and a record without a file is said', async (t) => {
  const { at, verify } = await place(t);
  const reports = await verify({ files: ['a', 'd'].map(at), evidence: ['1.ers', '3.xml', 'none.ers'].map(at) });
  assert.deepEqual(
    reports.map(({ file }) => file),
    ['a', 'd', '3.xml', 'none.ers'].map(at),
  );
  assert.deepEqual(words(reports), [
    'TOTAL-PASSED  1',
    'TOTAL-FAILED HASH_FAILURE 1',
    'INDETERMINATE SIGNED_DATA_NOT_FOUND 1',
    'INDETERMINATE SIGNED_DATA_NOT_FOUND 0',
  ]);
});

void test('of one file every record that was given must hold', async (t) => {
  const { at, verify } = await place(t);
  assert.deepEqual(words(await verify({ files: [at('a')], evidence: ['1.ers', '2.ers'].map(at) })), ['TOTAL-FAILED HASH_FAILURE 2']);
});
