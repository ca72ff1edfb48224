import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { signingTime } from '../../src/formats/cms-attributes.ts';
import { parseSignedData } from '../../src/formats/cms.ts';
import { formatFor } from '../../src/formats/index.ts';
import { bufferSource } from '../../src/formats/memory-source.ts';
import { pades } from '../../src/formats/pades.ts';
import { PdfDocument } from '../../src/formats/pdf/document.ts';
import { findSignatures } from '../../src/formats/pdf/signatures.ts';
import { testAuthority } from '../support/authority.ts';
import { makePdf } from '../support/pdfs.ts';
import { assemble, signDocument, signValue } from './signing.ts';
import type { SignParameters } from '../../src/model/signature.ts';

const authority = testAuthority({ name: 'PAdES' });
const identity = authority.issue({ keyType: 'rsa2048' });
const document = makePdf();
const parameters: SignParameters = {
  chain: identity.chain,
  digest: 'sha256',
  padding: 'pkcs1',
  level: 'B-B',
  packaging: 'embedded',
  signingTime: Date.UTC(2026, 10, 22, 6),
  reason: 'Freigabe',
};

test('the document keeps every byte, the output its name', async () => {
  const signed = await signDocument(identity, document, { format: pades, packaging: 'embedded' });
  assert.deepEqual(signed.subarray(0, document.length), document);
  assert.deepEqual(pades.outputName(Buffer.from('a\xff.PDF', 'latin1'), 'embedded'), Buffer.from('a\xff.PDF', 'latin1'));
});

test('the output is the input as one range, and one appended part', () => {
  const prepared = pades.prepare(bufferSource(document), parameters);
  const value = signValue(identity.privateKey, prepared.toBeSigned, 'sha256', 'pkcs1');
  const [range, tail, ...others] = pades.finish(prepared, value);
  assert.deepEqual(range, { offset: 0, length: document.length });
  assert.ok(tail instanceof Uint8Array && others.length === 0);
});

test('the same call gives the same bytes, from another thread too', () => {
  const prepared = pades.prepare(bufferSource(document), parameters);
  assert.deepEqual(pades.prepare(bufferSource(document), parameters), prepared);
  const value = signValue(identity.privateKey, prepared.toBeSigned, 'sha256', 'pkcs1');
  const signed = assemble(pades.finish(prepared, value), document);
  assert.deepEqual(assemble(pades.finish(structuredClone(prepared), value), document), signed);
  assert.deepEqual(assemble(pades.finish(prepared, value), document), signed);
});

test('the time is said by /M alone, the level by the timestamp', async () => {
  const signed = await signDocument(identity, document, {
    format: pades,
    packaging: 'embedded',
    timestampFrom: authority,
    signingTime: parameters.signingTime,
  });
  const [found] = findSignatures(new PdfDocument(bufferSource(signed)));
  assert.ok(found);
  assert.equal(found.signingTime, parameters.signingTime);
  const [signer] = parseSignedData(found.contents).signers;
  assert.ok(signer);
  assert.equal(signingTime(signer.signedAttributes?.attributes ?? []), undefined);
});

test('everything that is signed is found by its CMS alone: digest over the ranges', async () => {
  for (const digest of ['sha256', 'sha384', 'sha512'] as const) {
    const signed = await signDocument(identity, document, { format: pades, packaging: 'embedded', digest });
    const [found] = findSignatures(new PdfDocument(bufferSource(signed)));
    assert.ok(found);
    const covered = bufferSource(signed).digest(digest, found.byteRange);
    assert.ok(found.contents.includes(covered));
  }
});

test('room is kept for the longest chain and signature, and a timestamp that does not fit is refused', () => {
  const big = authority.issue({ keyType: 'rsa4096' });
  const chain = [...big.chain, ...Array.from({ length: 5 }, () => authority.issue({ keyType: 'p384' }).certificate)];
  const prepared = pades.prepare(bufferSource(document), { ...parameters, chain, level: 'B-T' });
  const value = signValue(big.privateKey, prepared.toBeSigned, 'sha256', 'pkcs1');
  const fits = assemble(pades.finish(prepared, value, Buffer.concat([Buffer.from('30823ffc', 'hex'), Buffer.alloc(0x3ffc)])), document);
  assert.deepEqual(findSignatures(new PdfDocument(bufferSource(fits)))[0]?.errors, []);
  const token = Buffer.concat([Buffer.from('3082ea60', 'hex'), Buffer.alloc(60_000)]);
  assert.throws(() => pades.finish(prepared, value, token), { code: 'SEAL-SIGN-BAD', hint: /timestamp/ });
});

test('what cannot be made is refused with a hint', () => {
  const source = bufferSource(document);
  assert.throws(() => pades.prepare(source, { ...parameters, packaging: 'detached' }), { code: 'SEAL-DOC-FORMAT', hint: /embedded/ });
  assert.throws(() => pades.prepare(source, { ...parameters, level: 'B-LTA' }), { code: 'SEAL-DOC-FORMAT', hint: /B-T/ });
});

test('PDF files are told from others, damaged ones too: they fail instead of being signed as something else', () => {
  const fixture = (name: string): Buffer => readFileSync(new URL(`../../fixtures/documents/${name}`, import.meta.url));
  const format = (bytes: Buffer): string => formatFor('auto', bufferSource(bytes)).name;
  for (const name of ['libreoffice.pdf', 'pdftex.pdf', 'broken.pdf']) assert.equal(format(fixture(name)), 'pades', name);
  for (const name of ['mail.eml', 'scan.tif', 'invoice.xml']) assert.equal(format(fixture(name)), 'cades', name);
  assert.equal(format(Buffer.concat([Buffer.from('junk'), document])), 'pades');
  assert.equal(format(Buffer.from('The header of a PDF file is %PDF-1.7.')), 'cades');
  assert.equal(format(Buffer.alloc(0)), 'cades');
  assert.throws(() => pades.prepare(bufferSource(fixture('broken.pdf')), parameters), { code: 'SEAL-DOC-DAMAGED', hint: /qpdf/ });
});

test('ten megabytes are hashed once and never read as a whole', () => {
  const large = makePdf({
    ...{ 1: '<< /Type /Catalog /Pages 2 0 R >>', 2: '<< /Type /Pages /Kids [3 0 R] /Count 1 >>' },
    3: '<< /Type /Page /Parent 2 0 R >>',
    4: `<< /Length 10000000 >>\nstream\n${'x'.repeat(10_000_000)}\nendstream`,
  });
  const source = bufferSource(large);
  let [read, digests] = [0, 0];
  pades.prepare(
    {
      size: source.size,
      read(offset, length) {
        read += Math.min(length, source.size - offset);
        return source.read(offset, length);
      },
      digest(...call) {
        digests++;
        return source.digest(...call);
      },
    },
    parameters,
  );
  assert.equal(digests, 1);
  assert.ok(read < 50_000, `${read} bytes read`);
});
