import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { sha2 } from '../../src/archive/bundle-page/sha2.ts';

for (const bits of [256, 384, 512] as const) {
  const expected = (bytes: Uint8Array): string => createHash(`sha${bits}`).update(bytes).digest('hex');
  const own = (pieces: readonly Uint8Array[]): string => {
    const hasher = sha2(bits);
    for (const piece of pieces) hasher.update(piece);
    return Buffer.from(hasher.digest()).toString('hex');
  };

  void test(`SHA-${bits} of the page is that of node:crypto for every length around a block`, () => {
    for (let length = 0; length <= 300; length++) {
      const bytes = Buffer.alloc(length, length);
      assert.equal(own([bytes]), expected(bytes), `${length} bytes`);
    }
  });

  void test(`SHA-${bits} of the page is that of node:crypto for any bytes in any pieces`, () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 8 }), (pieces) => {
        assert.equal(own(pieces), expected(Buffer.concat(pieces)));
      }),
    );
  });
}
