import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { SealError } from '../../../src/errors.ts';
import { bufferSource } from '../../../src/formats/memory-source.ts';
import { PdfDocument } from '../../../src/formats/pdf/document.ts';
import { findSignatures } from '../../../src/formats/pdf/signatures.ts';
import { pades } from '../../../src/formats/pades.ts';
import { testAuthority } from '../../support/authority.ts';
import { appendObjects, makePdf, onePage } from '../../support/pdfs.ts';
import { signDocument } from '../signing.ts';
import type { SignParameters } from '../../../src/model/signature.ts';

const identity = testAuthority({ name: 'PDF mutations' }).issue();
const sign = (document: Buffer): Promise<Buffer> => signDocument(identity, document, { format: pades, packaging: 'embedded' });
const fixture = (name: string): Buffer => readFileSync(new URL(`../../../fixtures/documents/${name}`, import.meta.url));
const parameters: SignParameters = {
  chain: identity.chain,
  digest: 'sha256',
  padding: 'pkcs1',
  level: 'B-B',
  packaging: 'embedded',
  signingTime: Date.UTC(2026, 0),
};
const documents: readonly Buffer[] = [
  makePdf(),
  makePdf(onePage, { xref: 'stream' }),
  appendObjects(makePdf(onePage, { end: '' }), { 3: onePage[3] ?? '' }),
  fixture('object-streams.pdf'),
  fixture('pdftex.pdf'),
  await sign(await sign(makePdf())),
  await sign(makePdf(onePage, { xref: 'stream' })),
];

interface Change {
  /** Of the length, so that a failing case shrinks well; the end holds what matters most. */
  readonly at: number;
  readonly kind: 'flip' | 'insert' | 'remove' | 'copy';
  readonly octet: number;
  readonly length: number;
  readonly text: string;
}

const change: fc.Arbitrary<Change> = fc.record({
  at: fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0.9, max: 1, noNaN: true })),
  kind: fc.constantFrom('flip', 'insert', 'remove', 'copy'),
  octet: fc.integer({ min: 1, max: 255 }),
  length: fc.integer({ min: 1, max: 40 }),
  text: fc.constantFrom(
    '<<',
    '>>',
    '[',
    ']',
    '(',
    ')',
    ' 0 R',
    ' obj\n',
    'endobj',
    'stream\n',
    '/Prev 0',
    '/Kids',
    '999999999',
    '-1',
    'null',
    '/Length 9',
    '%%EOF\n',
  ),
});

function mutate(document: Buffer, { at, kind, octet, length, text }: Change): Buffer {
  const position = Math.min(document.length - 1, Math.floor(at * document.length));
  const [before, after] = [document.subarray(0, position), document.subarray(position)];
  if (kind === 'flip') return Buffer.concat([before, Buffer.from([(after[0] ?? 0) ^ octet]), after.subarray(1)]);
  if (kind === 'insert') return Buffer.concat([before, Buffer.from(text), after]);
  if (kind === 'remove') return Buffer.concat([before, after.subarray(length)]);
  return Buffer.concat([before, document.subarray(Math.floor((octet / 256) * document.length)).subarray(0, length), after]);
}

/** Whatever comes in: an answer, or an error that tells what to do. */
function answers<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    assert.ok(error instanceof SealError, error instanceof Error ? error.stack : String(error));
    assert.match(error.code, /^SEAL-DOC-/);
    assert.ok(error.hint);
    return undefined;
  }
}

test('damaged documents are signed or refused, never worse', () => {
  fc.assert(
    fc.property(fc.constantFrom(...documents), fc.array(change, { minLength: 1, maxLength: 4 }), (document, changes) => {
      const damaged = changes.reduce(mutate, document);
      answers(() => pades.prepare(bufferSource(damaged), parameters));
      answers(() => findSignatures(new PdfDocument(bufferSource(damaged))));
    }),
    { numRuns: 3000 },
  );
});

test('a document that was signed in spite of damage is one whose signature is found again', async () => {
  let made = 0;
  const cases = fc.sample(fc.tuple(fc.constantFrom(...documents), change), { numRuns: 300, seed: 4711 });
  for (const [document, one] of cases) {
    const damaged = mutate(document, one);
    if (!answers(() => pades.prepare(bufferSource(damaged), parameters))) continue;
    made++;
    const last = findSignatures(new PdfDocument(bufferSource(await sign(damaged)))).at(-1);
    assert.ok(last);
    assert.deepEqual([last.errors, last.coversWholeFile], [[], true]);
  }
  assert.ok(made > 30);
});

test('any changed byte that a signature covers changes its digest, hides it, or is a structural error', () => {
  const signed = documents[5] ?? Buffer.alloc(0);
  const digest = (bytes: Buffer, ranges: readonly { readonly offset: number; readonly length: number }[]): string => {
    const hashing = createHash('sha256');
    for (const { offset, length } of ranges) hashing.update(bytes.subarray(offset, offset + length));
    return hashing.digest('hex');
  };
  const original = findSignatures(new PdfDocument(bufferSource(signed))).map(({ byteRange, contents }) =>
    [digest(signed, byteRange), contents.toString('hex')].join(),
  );
  const last = findSignatures(new PdfDocument(bufferSource(signed))).at(-1);
  assert.ok(last);
  for (const { offset, length } of last.byteRange)
    for (let at = offset; at < offset + length; at++) {
      const flipped = mutate(signed, { at: (at + 0.5) / signed.length, kind: 'flip', octet: 1 << (at & 7), length: 1, text: '' });
      const found = answers(() => findSignatures(new PdfDocument(bufferSource(flipped)))) ?? [];
      const good = found.filter(({ errors, byteRange, contents, coversWholeFile }) => {
        const same = original.includes([digest(flipped, byteRange), contents.toString('hex')].join());
        return same && errors.length === 0 && coversWholeFile;
      });
      assert.deepEqual(good, [], `byte ${at}`);
    }
});
