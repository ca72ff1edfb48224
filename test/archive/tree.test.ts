import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { MerkleTree } from 'merkletreejs';
import { nativePairHash, pairHash, portablePairHash } from '../../src/archive/pair-hash.ts';
import { Paths } from '../../src/archive/paths.ts';
import { demandLayout, levelsAbove, pathIn, rootOf, TreeBuilder } from '../../src/archive/tree.ts';
import { digestLengths, digestOf } from '../../src/formats/digests.ts';
import { hashList, reduceTree } from '../../src/formats/ers-hash.ts';
import type { DigestAlgorithm } from '../../src/model/algorithms.ts';

const digests: readonly DigestAlgorithm[] = ['sha256', 'sha384', 'sha512'];

/** Leaf hashes as a day gives them, the same each time. */
function leavesOf(count: number, digest: DigestAlgorithm, name = 'leaf'): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, index) => digestOf(digest, Buffer.from(`${name} ${index}`))));
}

function split(nodes: Buffer, size: number): Buffer[] {
  return Array.from({ length: nodes.length / size }, (_, index) => nodes.subarray(index * size, (index + 1) * size));
}

/** An independent tree: merkletreejs with sorted pairs. */
function foreignRoot(leaves: Buffer, digest: DigestAlgorithm): Buffer {
  const hash = (data: Buffer): Buffer => createHash(digest).update(data).digest();
  return new MerkleTree(split(leaves, digestLengths[digest]), hash, { sortPairs: true }).getRoot();
}

void test('the root is the one that merkletreejs computes, for every count of leaves up to 300 and each digest', () => {
  for (const digest of digests) {
    const step = digest === 'sha256' ? 1 : 13;
    for (let count = 1; count <= 300; count += step) {
      const leaves = leavesOf(count, digest);
      assert.ok(rootOf(leaves, digest).equals(foreignRoot(leaves, digest)), `${digest}, ${count} leaves`);
    }
  }
});

void test('native bulk hashing and node:crypto give the same nodes, also in place and with equal beginnings', () => {
  const native = nativePairHash();
  assert.ok(native, '@chainsafe/hashtree loads on this platform');
  const portable = portablePairHash('sha256');
  const nodes = randomBytes(2 * 3001 * 32);
  // Pairs that differ late, and pairs that do not differ at all.
  for (const pair of [0, 17, 1023, 1024, 3000]) nodes.copy(nodes, pair * 64 + 32, pair * 64, pair * 64 + (pair % 2 ? 31 : 32));
  const one = Buffer.alloc(3001 * 32);
  const other = Buffer.alloc(3001 * 32);
  native.hashPairs(nodes, 3001, one);
  portable.hashPairs(nodes, 3001, other);
  assert.deepEqual(one, other);
  for (const hash of [native, portable]) {
    const inPlace = Buffer.from(nodes);
    hash.hashPairs(inPlace, 3001, inPlace);
    assert.deepEqual(inPlace.subarray(0, one.length), one);
  }
  assert.equal(pairHash('sha512').size, 64);
});

void test('every leaf of any tree has a path that leads to the root, and a wrong leaf has none', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 600 }), fc.constantFrom(...digests), fc.nat(), fc.nat(), (count, digest, pick, bit) => {
      const size = digestLengths[digest];
      const leaves = leavesOf(count, digest);
      const levels = levelsAbove(leaves, digest);
      const root = rootOf(leaves, digest);
      assert.deepEqual(levels.at(-1), root);
      const index = pick % count;
      const leaf = Buffer.from(leaves.subarray(index * size, (index + 1) * size));
      const path = pathIn(levels, index, size).map((hash) => [hash]);
      assert.ok(reduceTree([[leaf], ...path], digest).equals(root));
      leaf.writeUInt8((leaf[bit % size] ?? 0) ^ (1 << (bit % 8)), bit % size);
      assert.ok(!reduceTree([[leaf], ...path], digest).equals(root));
    }),
    { numRuns: 60 },
  );
});

void test('a tree built from pieces has the root of the whole one, and its kept levels give every path', async () => {
  for (const count of [1, 2, 255, 256, 257, 511, 4096, 65_536, 65_537, 70_001]) {
    const leaves = leavesOf(count, 'sha256');
    const builder = new TreeBuilder('sha256');
    for (let at = 0; at < leaves.length; at += 1024 * 32) builder.add(leaves.subarray(at, at + 1024 * 32));
    const built = builder.finish();
    assert.deepEqual(built.root, rootOf(leaves, 'sha256'));
    assert.equal(built.leaves, count);
    const whole = levelsAbove(leaves, 'sha256');
    assert.deepEqual(
      built.nodes.map(({ level, hashes }) => [level, hashes.length]),
      whole.flatMap((level, height) => (height > 0 && height % 8 === 0 && height < whole.length - 1 ? [[height, level.length]] : [])),
    );
    const pages = (level: number, first: number, wanted: number): Promise<Buffer> => {
      const nodes = level === 0 ? leaves : (built.nodes.find((kept) => kept.level === level)?.hashes ?? Buffer.alloc(0));
      return Promise.resolve(nodes.subarray(first * 32, (first + wanted) * 32));
    };
    for (const index of new Set([0, Math.floor(count / 2), Math.floor(count / 256) * 256, count - 1]))
      if (index < count) assert.deepEqual(await new Paths(pages, count, 'sha256').of(index), pathIn(whole, index, 32));
  }
});

void test('a page that is too short is damage, not a wrong path', async () => {
  const short = new Paths(() => Promise.resolve(Buffer.alloc(32)), 1000, 'sha256').of(0);
  await assert.rejects(short, { code: 'SEAL-ARCHIVE-DAMAGED' });
});

void test('a million leaves need little more than half of their own memory while the root is computed', () => {
  const leaves = randomBytes(1_000_000 * 32);
  const before = process.memoryUsage().arrayBuffers;
  const root = rootOf(leaves, 'sha256');
  assert.ok(process.memoryUsage().arrayBuffers - before < 17_000_000);
  assert.equal(root.length, 32);
});

void test('a group is hashed over its sorted members, a single hash is the leaf itself, order does not matter', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((name) => digestOf('sha256', Buffer.from(name)));
  assert.ok(a && b && c);
  assert.equal(hashList([a], 'sha256'), a);
  const sorted = [a, b, c].sort((one, other) => Buffer.compare(one, other));
  assert.deepEqual(hashList([c, a, b], 'sha256'), digestOf('sha256', ...sorted));
});

void test('pieces that end in the middle of a subtree, nothing at all and unknown layouts are refused', () => {
  const builder = new TreeBuilder('sha256');
  builder.add(leavesOf(300, 'sha256'));
  assert.throws(() => {
    builder.add(leavesOf(1, 'sha256'));
  }, /last piece/);
  assert.throws(() => new TreeBuilder('sha256').finish(), { code: 'SEAL-INTERNAL' });
  assert.throws(() => rootOf(Buffer.alloc(33), 'sha256'), { code: 'SEAL-INTERNAL' });
  assert.throws(
    () => {
      demandLayout(2);
    },
    { code: 'SEAL-STORE-SCHEMA' },
  );
});
