import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { documents, Evaluation, type House } from '../e2e/house.ts';
import { schemaPath, verifyOutput, verifySchema } from './verify-schema.ts';

test('docs/schemas/verify.schema.json is what the types say', () => {
  assert.equal(readFileSync(schemaPath, 'utf8'), verifySchema(), 'run: bin/node test/docs/verify-schema.ts');
});

describe('verify --json prints what its schema promises', () => {
  const evaluation = new Evaluation();
  let house: House;
  const signed = (name: string): string => join(house.directory, 'signed', name);
  const proof = (name: string): string => join(house.directory, 'proof', name);

  /** The reports, after every field was held against the schema. */
  const verify = async (...args: string[]): Promise<ReturnType<typeof verifyOutput.parse>> =>
    verifyOutput.parse(await house.ask('verify', ...args));

  before(async () => {
    await evaluation.init();
    house = evaluation.house();
    const sign = async (name: string, profile: string): Promise<void> => {
      const { status, stderr } = await house.run('sign', join(documents, name), '--profile', profile, '--out', signed(''));
      assert.equal(status, 0, stderr);
    };
    await sign('libreoffice.pdf', 'pades-b-t');
    await sign('mail.eml', 'cades-b-b');
    await house.run('archive', 'close');
    const { status, stderr } = await house.run('archive', 'export', signed('libreoffice.pdf'), signed('mail.eml.p7s'), '--out', proof(''));
    assert.equal(status, 0, stderr);
  });
  after(() => {
    evaluation.remove();
  });

  test('a signed PDF with its evidence record', async () => {
    const [report] = await verify(signed('libreoffice.pdf'), '--evidence', proof('libreoffice.pdf.ers'));
    assert.equal(report?.indication, 'TOTAL-PASSED');
    assert.deepEqual([report.signatures.length, report.signatures[0]?.timestamps.length, report.evidenceRecords.length], [1, 1, 1]);
  });

  test('a detached signature with its document, and without anything to trust', async () => {
    const document = join(documents, 'mail.eml');
    const [good] = await verify(signed('mail.eml.p7s'), '--document', document, '--evidence', proof('mail.eml.p7s.ers'));
    assert.equal(good?.indication, 'TOTAL-PASSED');
    const [bare] = await verify(signed('mail.eml.p7s'), '--document', document, '--structure');
    assert.deepEqual([bare?.signatures[0]?.intact, bare?.signatures[0]?.valid, bare?.signatures[0]?.trusted], [true, true, false]);
  });

  test('what is wrong: other bytes, no signature, no format', async () => {
    const bytes = readFileSync(signed('libreoffice.pdf'));
    bytes.writeUInt8(bytes.readUInt8(5000) ^ 1, 5000);
    writeFileSync(signed('changed.pdf'), bytes);
    const reports = await verify(signed('changed.pdf'), join(documents, 'broken.pdf'), join(documents, 'scan.tif'));
    assert.deepEqual(
      reports.map(({ indication, subIndication }) => [indication, subIndication]),
      [
        ['TOTAL-FAILED', 'HASH_FAILURE'],
        ['TOTAL-FAILED', 'FORMAT_FAILURE'],
        ['INDETERMINATE', 'SIGNED_DATA_NOT_FOUND'],
      ],
    );
  });
});
