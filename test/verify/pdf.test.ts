import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { SealError } from '../../src/errors.ts';
import { parseSignedData } from '../../src/formats/cms.ts';
import { readElement } from '../../src/formats/der.ts';
import { pades } from '../../src/formats/pades.ts';
import { TrustKeeper } from '../../src/verify/verify.ts';
import { signDocument } from '../formats/signing.ts';
import { testAuthority } from '../support/authority.ts';
import { trusting, verifyBytes, words } from './verifying.ts';

const authority = testAuthority({ name: 'PDF' });
const identity = authority.issue({ keyType: 'p256' });
const fixture = (name: string): Buffer => readFileSync(new URL(`../../fixtures/documents/${name}`, import.meta.url));
const sign = (document: Buffer, stamped = false) =>
  signDocument(identity, document, { format: pades, packaging: 'embedded', ...(stamped ? { timestampFrom: authority } : {}) });

for (const name of ['libreoffice.pdf', 'chromium.pdf', 'pdftex.pdf', 'ghostscript.pdf', 'object-streams.pdf', 'factur-x.pdf'])
  test(`${name}, signed and timestamped, passes; a second signature leaves the first one good`, async () => {
    const once = await sign(fixture(name), true);
    const { report } = verifyBytes(once, { name }, trusting(authority));
    assert.deepEqual(words(report), ['TOTAL-PASSED', 'TOTAL-PASSED']);
    const [signature] = report.signatures;
    assert.ok(signature);
    assert.deepEqual([signature.format, signature.level, signature.scope], ['pades', 'B-T', 'the whole document']);
    assert.ok(signature.signingTime);
    const twice = verifyBytes(await sign(once), { name }, trusting(authority)).report;
    assert.deepEqual(words(twice), ['TOTAL-PASSED', 'TOTAL-PASSED', 'TOTAL-PASSED']);
    assert.match(twice.signatures[0]?.scope ?? '', /an earlier revision/);
  });

test('each flipped bit in the document, in the revision that signs and in the CMS is refused', async () => {
  const original = fixture('chromium.pdf');
  const signed = await sign(original);
  const keeper = new TrustKeeper();
  const options = trusting(authority);
  const verdict = (bytes: Buffer): string => {
    try {
      return verifyBytes(bytes, {}, options, keeper).report.indication;
    } catch (error) {
      assert.ok(error instanceof SealError);
      return error.code;
    }
  };
  const start = signed.indexOf('<30', original.length) + 1;
  const end = signed.indexOf('>', start);
  for (let at = 0; at < signed.length; at = at + 67 >= start && at < start ? end : at + 67) {
    const flipped = Buffer.from(signed);
    flipped[at] = (flipped[at] ?? 0) ^ 1;
    assert.notEqual(verdict(flipped), 'TOTAL-PASSED', `byte ${at} of ${signed.length}`);
  }
  const cms = Buffer.from(signed.toString('latin1', start, end), 'hex');
  // Nothing covers the version, the list of digests and the spelling of the issuer that names the certificate: a warning at most.
  const [signer] = parseSignedData(readElement(cms).raw).signers;
  assert.ok(signer && 'issuer' in signer.sid);
  const { issuer } = signer.sid;
  const issuerEnd = cms.lastIndexOf(issuer) + issuer.length;
  const uncovered = (at: number): boolean => at < 60 || (at > cms.indexOf(signer.raw) - 2 && at < issuerEnd);
  for (let at = 0; at < cms.length; at += 5) {
    if (uncovered(at)) continue;
    const flipped = Buffer.from(cms);
    flipped[at] = (flipped[at] ?? 0) ^ 1;
    const bytes = Buffer.from(signed);
    bytes.write(flipped.toString('hex'), start, 'latin1');
    assert.notEqual(verdict(bytes), 'TOTAL-PASSED', `byte ${at} of the CMS`);
  }
});

test('what is appended to a signed document and is no signature does not pass', async () => {
  const signed = await sign(fixture('pdftex.pdf'));
  const junk = Buffer.concat([signed, Buffer.from('\n% appended\n')]);
  const { indication, signatures } = verifyBytes(junk, {}, trusting(authority)).report;
  assert.notEqual(indication, 'TOTAL-PASSED');
  assert.ok(signatures.every(({ indication: word }) => word !== 'TOTAL-PASSED'));
});

test('a PDF without a signature says so', () => {
  const { errors, indication } = verifyBytes(fixture('pdftex.pdf'), {}, trusting(authority)).report;
  assert.equal(indication, 'INDETERMINATE');
  assert.deepEqual(errors, ['the file holds no signature and no timestamp']);
});
