import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SuspectNames } from '../../src/watcher/suspect-names.ts';

const name = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));

/** Names that stand twice, or as file and as directory, by the plain way. */
function expected(documents: readonly (readonly string[])[]): Set<string> {
  const files = documents.flatMap((outputs) => [...new Set(outputs)]);
  const directories = new Set(
    files.flatMap((file) => {
      const parts = file.split('/');
      return parts.slice(1).map((_part, at) => parts.slice(0, at + 1).join('/'));
    }),
  );
  return new Set(files.filter((file, at) => files.indexOf(file) !== at || directories.has(file)));
}

void test('exactly the names that stand twice, or as a file and as a directory, are suspect', () => {
  fc.assert(
    fc.property(fc.array(fc.array(name, { minLength: 1, maxLength: 3 }), { maxLength: 12 }), (documents) => {
      const names = new SuspectNames();
      for (const outputs of documents) names.note(outputs.map((output) => Buffer.from(output)));
      const twice = expected(documents);
      assert.equal(names.any, twice.size > 0);
      for (const output of documents.flat()) assert.equal(names.has(Buffer.from(output)), twice.has(output), output);
    }),
  );
});

void test('one pair among a hundred thousand names is found, across the pieces in which they are kept', () => {
  const names = new SuspectNames();
  for (let n = 0; n < 100_000; n++) names.note([Buffer.from(`d/${n}`)]);
  assert.equal(names.any, false);
  const again = new SuspectNames();
  for (let n = 0; n < 100_000; n++) again.note([Buffer.from(`d/${n === 99_999 ? 7 : n}`)]);
  assert.deepEqual([again.any, again.has(Buffer.from('d/7')), again.has(Buffer.from('d/8'))], [true, true, false]);
});
