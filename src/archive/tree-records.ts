import { anchoredTree, damaged, demandRoot } from './anchored-tree.ts';
import { objectsByLeaf } from './leaf-chains.ts';
import { direct, produce, type ProducedRecord } from './produced-record.ts';
import { keptStep, levelsAbove, pathIn, tileLeaves } from './tree.ts';
import { digestLengths } from '../formats/digests.ts';
import type { Leaf, Tree } from '../model/archive.ts';
import type { Trust } from '../pki/trust.ts';
import type { Effects } from '../ports/effects.ts';

type EvidenceEffects = Pick<Effects, 'store'>;

/** Leaves read at once when all records of a tree are made. */
const pageLeaves = 16 * tileLeaves;

/**
 * All records of one tree in the order of the leaves: a whole day. A leaf that several documents share comes once for each. Memory does
 * not grow with the tree but for one 128th of its nodes.
 * @throws SealError SEAL-ARCHIVE-OPEN, SEAL-ARCHIVE-DAMAGED
 */
export async function* recordsOfTree(fx: EvidenceEffects, trust: Trust, id: string): AsyncGenerator<ProducedRecord> {
  const anchored = await anchoredTree(fx, trust, id);
  const { tree, stamps } = anchored;
  const upper = await upperLevels(fx, tree);
  const read = (first: number): Promise<[hashes: Buffer, leaves: Leaf[]]> => {
    const count = Math.min(pageLeaves, tree.leaves - first);
    return Promise.all([fx.store.leafHashes(tree.id, first, count), fx.store.leavesPage(tree.id, first - 1, count)]);
  };
  let next = read(0);
  for (let first = 0; first < tree.leaves; first += pageLeaves) {
    const [hashes, leaves] = await next;
    // The store reads the next page while the records of this one are made.
    if (first + pageLeaves < tree.leaves) (next = read(first + pageLeaves)).catch(() => undefined);
    const pathOf = pathsOfPage(tree, first, hashes, upper);
    if (!anchored.rehashed) {
      for (const leaf of leaves) {
        const path = pathOf(leaf);
        for (const stamp of stamps) yield direct(stamp, leaf, path);
      }
      continue;
    }
    const objects = await Promise.all(
      stamps.map(async ({ n }) => objectsByLeaf(await fx.store.renewedObjects(tree.id, n, first, pageLeaves))),
    );
    for (const leaf of leaves) {
      const path = pathOf(leaf);
      for (const [k, stamp] of stamps.entries()) yield await produce(anchored, stamp, leaf, path, objects[k]?.get(leaf.index) ?? []);
    }
  }
}

/** Paths of consecutive leaves, page by page, tile by tile: what lies above a tile is looked up once. */
function pathsOfPage(tree: Tree, firstLeaf: number, hashes: Buffer, upper: readonly Buffer[] | undefined): (leaf: Leaf) => Buffer[] {
  const size = digestLengths[tree.digest];
  if (hashes.length !== Math.min(pageLeaves, tree.leaves - firstLeaf) * size)
    throw damaged(tree, `leaf hashes from ${firstLeaf} on are missing`);
  let tile = -1;
  let lower: readonly Buffer[] = [];
  let above: readonly Buffer[] = [];
  return (leaf) => {
    const inTile = leaf.index % tileLeaves;
    if (leaf.index - inTile !== tile) {
      tile = leaf.index - inTile;
      lower = levelsAbove(hashes.subarray((tile - firstLeaf) * size, (tile - firstLeaf + tileLeaves) * size), tree.digest);
      above = upper === undefined ? [] : pathIn(upper, tile / tileLeaves, size);
      demandRoot(tree, leaf, [...pathIn(lower, inTile, size), ...above]);
    }
    return [...pathIn(lower, inTile, size), ...above];
  };
}

/** Levels from the lowest kept one up to the root; undefined for a tree so small that none is kept. */
async function upperLevels(fx: EvidenceEffects, tree: Tree): Promise<Buffer[] | undefined> {
  if (tree.leaves <= tileLeaves) return undefined;
  const count = Math.ceil(tree.leaves / tileLeaves);
  const nodes = await fx.store.nodes(tree.id, keptStep, 0, count);
  if (nodes.length !== count * digestLengths[tree.digest]) throw damaged(tree, 'kept nodes are missing');
  return levelsAbove(nodes, tree.digest);
}
