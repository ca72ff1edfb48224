import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encode, sequence, setOf, Tag } from '../../src/formats/der.ts';
import { isDer, toDer } from '../../src/formats/der-canonical.ts';

const leaf = fc.tuple(fc.constantFrom(0x01, 0x02, 0x04, 0x06, 0x0c, 0x80), fc.uint8Array({ maxLength: 200 }));

/** One element, and the children it is made of: sorted or not, booleans of any kind, lengths of one octet and of several. */
const { element } = fc.letrec<{ element: Buffer }>((tie) => ({
  element: fc.oneof(
    { depthSize: 'small' },
    leaf.map(([tag, content]) => encode(tag, content)),
    fc.tuple(fc.constantFrom<number>(Tag.set, Tag.sequence, 0xa0, 0x24), fc.array(tie('element'), { maxLength: 5 })).map(([tag, parts]) => encode(tag, ...parts)), // prettier-ignore
    fc.array(tie('element'), { maxLength: 5 }).map((parts) => setOf(...parts)),
  ),
}));

function unchanged(bytes: Buffer): boolean {
  try {
    return toDer(bytes).equals(bytes);
  } catch {
    return false;
  }
}

test('property: DER is what toDer leaves as it is', () => {
  let der = 0;
  fc.assert(
    fc.property(element, (bytes) => {
      assert.equal(isDer(bytes), unchanged(bytes));
      if (isDer(bytes)) der++;
    }),
    { numRuns: 1000 },
  );
  assert.ok(der > 100);
});

test('property: the same for damaged bytes', () => {
  fc.assert(
    fc.property(element, fc.nat(), fc.nat({ max: 255 }), fc.integer({ min: -3, max: 3 }), (bytes, at, octet, extra) => {
      const damaged = extra < 0 ? Buffer.from(bytes.subarray(0, extra)) : Buffer.concat([bytes, Buffer.alloc(extra)]);
      if (damaged.length > 0) damaged[at % damaged.length] = octet;
      assert.equal(isDer(damaged), unchanged(damaged));
    }),
    { numRuns: 2000 },
  );
});

test('lengths that are longer than they must be, indefinite ones and deep nesting are not DER', () => {
  assert.ok(!isDer(Buffer.from('30810502010102', 'hex')));
  assert.ok(!isDer(Buffer.from('3081030201ff', 'hex')));
  assert.ok(!isDer(Buffer.from('30800201ff0000', 'hex')));
  assert.ok(!isDer(Buffer.from('0100', 'hex')));
  let deep = sequence();
  for (let depth = 0; depth < 70; depth++) deep = sequence(deep);
  assert.equal(isDer(deep), unchanged(deep));
});
