import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SortedItems, type Item } from '../../src/watcher/sorted-items.ts';

test('items come back in the order of their bytes, each with its kind, as often as they are asked for', () => {
  const item = fc.record({
    relPath: fc.uint8Array({ minLength: 1, maxLength: 6 }).map((bytes) => Buffer.from(bytes)),
    kind: fc.constantFrom('file' as const, 'symlink' as const),
  });
  fc.assert(
    fc.property(fc.array(item, { maxLength: 60 }), (items) => {
      const sorted = new SortedItems(4);
      for (const one of items) sorted.add(one);
      const expected = [...items].sort((a, b) => Buffer.compare(a.relPath, b.relPath)).map(({ relPath }) => relPath.toString('hex'));
      const kinds = (list: Iterable<Item>): string[] => [...list].map(({ relPath, kind }) => `${relPath.toString('hex')} ${kind}`).sort();
      for (let time = 0; time < 2; time++) {
        assert.deepEqual([...sorted].map(({ relPath }) => relPath.toString('hex')), expected); // prettier-ignore
        assert.deepEqual(kinds(sorted), kinds(items));
      }
      assert.equal(sorted.length, items.length);
    }),
  );
});
