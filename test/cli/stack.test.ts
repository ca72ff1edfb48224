import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { stackLines } from '../../src/cli/show/stack.ts';
import type { StackView } from '../../src/app/key-stack.ts';

function view(documents: number, batches: number, beyond = 0): StackView {
  const list = Array.from({ length: documents }, (_, n) => ({
    ...{ batch: `b${n % batches}`, path: `letters/${n}.pdf`, size: 1_000 },
    sha256: n.toString(16).padStart(64, '0'),
  }));
  return {
    ...{ key: 'card-1', documents, bytes: documents * 1_000, sha256: 'ab'.repeat(32), list, beyond },
    batches: Array.from({ length: batches }, (_, n) => ({
      ...{ id: `b${n}`, root: 'letters', path: `day/${n}`, documents: Math.floor(documents / batches), bytes: 1_000 },
    })),
  };
}

suite('the list before a PIN', () => {
  test('a short one stands there whole, with hash, name and size', () => {
    const lines = stackLines(view(2, 1));
    assert.match(lines[0] ?? '', /^card-1 is to sign 2 documents, .* and nothing else:$/);
    assert.match(lines[1] ?? '', /^ {2}batch b0 {2}letters {2}day\/0 {2}2 documents/);
    assert.match(lines[3] ?? '', /^ {2}0{63}1 {2}b0\/letters\/1\.pdf {2}/);
    assert.equal(lines[4], `SHA-256 of the list: ${'ab'.repeat(32)}`);
    assert.equal(lines.length, 5);
  });

  test('a long one is cut, says so, and names the way to see all of it; what is beyond the limit is named', () => {
    const lines = stackLines(view(400, 30, 7));
    assert.ok(lines.length < 40);
    assert.ok(lines.some((line) => /… 20 more batches/.test(line)));
    assert.ok(lines.some((line) => /… 380 more documents: --list FILE/.test(line)));
    assert.ok(lines.some((line) => /7 documents more wait for another PIN/.test(line)));
    assert.match(lines.at(-1) ?? '', /^SHA-256 of the list: /);
  });
});
