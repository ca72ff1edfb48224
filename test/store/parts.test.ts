import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeParts, encodeParts } from '../../src/store/parts.ts';
import { sealError } from '../suites/store-samples.ts';

const range = fc.record(
  { offset: fc.integer({ min: 0, max: 2 ** 48 - 1 }), length: fc.integer({ min: 0, max: 2 ** 48 - 1 }) },
  { noNullPrototype: true },
);
const bytes = fc.uint8Array({ maxLength: 300 }).map((octets) => Buffer.from(octets));

test('property: the parts of an output come back as they were, whatever they are', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(range, bytes)), (parts) => {
      assert.deepEqual(decodeParts(encodeParts(parts)), parts);
    }),
  );
});

test('property: a damaged column is SEAL-STORE-CORRUPT or other parts, never a crash', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (octets) => {
      try {
        decodeParts(Buffer.from(octets));
      } catch (error) {
        assert.deepEqual({ ...sealError('SEAL-STORE-CORRUPT') }, { name: (error as Error).name, code: (error as { code?: string }).code });
      }
    }),
  );
});
