import { readFileSync } from 'node:fs';
import { deserialize, serialize } from 'node:v8';
import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { SealError } from '../../src/errors.ts';
import { formatFor, formatNamed, formats, packagingFor } from '../../src/formats/index.ts';
import { bufferSource } from '../../src/formats/memory-source.ts';
import { testAuthority } from '../support/authority.ts';
import { trusting, verifyBytes } from '../verify/verifying.ts';
import { assemble, signValue } from './signing.ts';
import type { SignParameters } from '../../src/model/signature.ts';
import type { PreparedSignature } from '../../src/ports/format.ts';

const authority = testAuthority({ name: 'Formats' });
const identity = authority.issue({ keyType: 'p256' });
const fixture = (name: string): Buffer => readFileSync(new URL(`../../fixtures/documents/${name}`, import.meta.url));
const samples = ['pdftex.pdf', 'object-streams.pdf', 'invoice.xml', 'scan.tif', 'mail.eml'].map((name) => ({ name, bytes: fixture(name) }));
const base: Omit<SignParameters, 'packaging'> = {
  chain: identity.chain,
  digest: 'sha256',
  padding: 'pkcs1',
  level: 'B-B',
  signingTime: authority.now(),
};

// The contract of ports/format.ts; a new format comes under it by standing in the list.
for (const format of formats)
  describe(`format ${format.name}`, () => {
    const accepted = samples.filter(({ bytes }) => format.accepts(bufferSource(bytes)));
    for (const packaging of format.packagings)
      test(`${packaging}: signs what it accepts, leaves the document's bytes as they are, and the result verifies`, () => {
        assert.ok(accepted.length > 0);
        for (const { name, bytes } of accepted) {
          const untouched = Buffer.from(bytes);
          const prepared = format.prepare(bufferSource(bytes), { ...base, packaging });
          assert.ok(prepared.toBeSigned.length < 1024, 'small');
          // As it comes out of a worker or the database.
          const copied = deserialize(serialize(prepared)) as PreparedSignature;
          const value = signValue(identity.privateKey, prepared.toBeSigned, 'sha256', 'pkcs1');
          const output = assemble(format.finish(copied, value), bytes);
          assert.deepEqual(output, assemble(format.finish(prepared, value), bytes), 'the same bits each time');
          assert.ok(bytes.equals(untouched));
          assert.ok(packaging === 'detached' || output.includes(untouched), 'the document is in it unchanged');
          const { report } = verifyBytes(output, packaging === 'detached' ? { documents: { [name]: bytes } } : {}, trusting(authority));
          assert.equal(report.indication, 'TOTAL-PASSED', `${name}: ${JSON.stringify(report.errors)}`);
        }
      });

    test('a level or packaging that it does not make is refused before a key is used, with a hint', () => {
      const [sample] = accepted;
      const refused = (error: unknown): boolean =>
        error instanceof SealError && error.code.startsWith('SEAL-DOC-') && error.hint !== undefined;
      const [packaging = 'detached'] = format.packagings;
      for (const level of (['B-B', 'B-T', 'B-LT', 'B-LTA'] as const).filter((one) => !format.levels.includes(one)))
        assert.throws(() => format.prepare(bufferSource(sample?.bytes ?? Buffer.alloc(0)), { ...base, packaging, level }), refused);
      for (const other of (['embedded', 'detached', 'enveloping'] as const).filter((one) => !format.packagings.includes(one)))
        assert.throws(() => format.prepare(bufferSource(sample?.bytes ?? Buffer.alloc(0)), { ...base, packaging: other }), refused);
    });

    test('names of any bytes keep them', () => {
      const name = Buffer.from([0x61, 0xff, 0x0a, 0x2e]);
      for (const packaging of format.packagings) assert.ok(format.outputName(name, packaging).subarray(0, name.length).equals(name));
    });
  });

test('auto chooses by content, a name by name, and what does not fit is refused', () => {
  const refused = (error: unknown): boolean => error instanceof SealError && error.code === 'SEAL-DOC-FORMAT' && error.hint !== undefined;
  assert.deepEqual(
    samples.map(({ bytes }) => formatFor('auto', bufferSource(bytes)).name),
    ['pades', 'pades', 'cades', 'cades', 'cades'],
  );
  assert.equal(formatFor('cades', bufferSource(fixture('pdftex.pdf'))).name, 'cades');
  assert.throws(() => formatFor('pades', bufferSource(fixture('invoice.xml'))), refused);
  assert.throws(() => formatNamed('xades'), refused);
  assert.equal(packagingFor(formatNamed('cades'), undefined), 'detached');
  assert.throws(() => packagingFor(formatNamed('pades'), 'detached'), refused);
});
