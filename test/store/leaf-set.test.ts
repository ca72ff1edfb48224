import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LeafSet } from '../../src/store/leaf-set.ts';

test('property: hashes that agree in their first octets are told apart', () => {
  // Few values in the first 8 octets, so that nearly every hash shares slot and mark with others.
  const hash = fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 2_000 })).map(([start, end]) => {
    const octets = Buffer.alloc(32, start);
    octets.writeUInt32BE(end, 28);
    return octets;
  });
  fc.assert(
    fc.property(fc.array(hash, { maxLength: 400 }), (hashes) => {
      const set = new LeafSet(400);
      const model: Buffer[] = [];
      const hashAt = (position: number): Buffer => model[position] ?? Buffer.alloc(0);
      for (const each of hashes) {
        const known = model.findIndex((other) => other.equals(each));
        assert.equal(set.find(each, hashAt), known < 0 ? undefined : known);
        if (known >= 0) continue;
        model.push(each);
        set.add(each);
      }
      assert.equal(set.size, model.length);
    }),
    { numRuns: 30 },
  );
});

test('a hundred thousand leaves are found again', () => {
  const set = new LeafSet(100_000);
  assert.ok(set.capacity >= 100_000);
  const hashAt = (n: number): Buffer => {
    const octets = Buffer.alloc(32);
    octets.writeUInt32LE(Math.imul(n, 0x9e3779b1) >>> 0, 0);
    octets.writeUInt32LE(n, 4);
    return octets;
  };
  for (let n = 0; n < 100_000; n++) set.add(hashAt(n));
  for (let n = 0; n < 100_000; n += 7) assert.equal(set.find(hashAt(n), hashAt), n);
  assert.equal(set.find(hashAt(100_000), hashAt), undefined);
});
