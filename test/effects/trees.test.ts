import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import { levelsAbove, pathIn, rootOf } from '../../src/archive/tree.ts';
import { treeWorker } from '../../src/effects/trees.ts';

const trees = treeWorker();
after(() => trees.close());

async function* pieces(leaves: Buffer, bytes: number): AsyncIterable<Buffer> {
  for (let at = 0; at < leaves.length; at += bytes) yield await Promise.resolve(leaves.subarray(at, at + bytes));
}

void test('the worker computes root, kept levels and paths as the pure tree does, and leaves the buffer alone', async () => {
  const leaves = randomBytes(70_000 * 32);
  const copy = Buffer.from(leaves);
  const levels = levelsAbove(copy, 'sha256');
  assert.deepEqual(await trees.root(leaves, 'sha256', 1), rootOf(copy, 'sha256'));
  assert.deepEqual(await trees.path(leaves, 69_999, 'sha256', 1), pathIn(levels, 69_999, 32));
  const built = await trees.build(pieces(leaves, 512 * 32), 'sha256', 1);
  assert.deepEqual([built.root, built.leaves, built.nodes.map(({ level }) => level)], [rootOf(copy, 'sha256'), 70_000, [8, 16]]);
  assert.deepEqual(leaves, copy);
});

void test('trees asked for at the same time do not mix', async () => {
  const days = [1, 2, 3, 4].map((count) => randomBytes(count * 1000 * 64));
  const roots = await Promise.all(days.map((leaves) => trees.root(leaves, 'sha512', 1)));
  assert.deepEqual(
    roots,
    days.map((leaves) => rootOf(leaves, 'sha512')),
  );
});

void test('errors come back with their code, and the next tree is computed all the same', async () => {
  const leaves = randomBytes(3 * 48);
  await assert.rejects(trees.root(leaves, 'sha384', 9), { code: 'SEAL-STORE-SCHEMA' });
  await assert.rejects(trees.root(Buffer.alloc(0), 'sha384', 1), { code: 'SEAL-INTERNAL' });
  await assert.rejects(trees.path(leaves, 3, 'sha384', 1), { code: 'SEAL-INTERNAL' });
  const failing = (async function* () {
    yield await Promise.resolve(leaves);
    throw new Error('disk');
  })();
  await assert.rejects(trees.build(failing, 'sha384', 1), /disk/);
  assert.deepEqual(await trees.root(leaves, 'sha384', 1), rootOf(leaves, 'sha384'));
});

void test('after close the next tree starts a worker again', async () => {
  await trees.close();
  const leaves = randomBytes(320);
  assert.deepEqual(await trees.root(leaves, 'sha256', 1), rootOf(leaves, 'sha256'));
});
