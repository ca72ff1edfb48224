import { SealError } from '../errors.ts';
import { pairHash } from './pair-hash.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { TreeNodes } from '../model/archive.ts';

/**
 * Layout 1 (docs/archive-format.md): a binary tree over the leaves in index order. Nodes 2k and 2k+1 of a level give node k of the
 * next: the hash of both, sorted and concatenated. An odd last node moves up unchanged. RFC 4998 §4.2; evidence-records 3.
 * A piece of 2^n leaves that starts at a multiple of 2^n is a subtree, also when it is the last one and shorter: its top is a node
 * of level n. So trees are computed piece by piece, and kept nodes of level n replace the leaves below them.
 */
export const currentLayout = 1;

/** Levels whose nodes are kept beside the leaves: 8, 16, 24… */
export const keptStep = 8;
/** Leaves below one node of the lowest kept level. */
export const tileLeaves = 2 ** keptStep;

/** @throws SealError SEAL-STORE-SCHEMA for a tree of a newer version */
export function demandLayout(layout: number): void {
  if (layout !== currentLayout)
    throw new SealError('SEAL-STORE-SCHEMA', `hash tree of layout ${layout}, known is ${currentLayout}`, {
      hint: 'run the version of Sealtree that wrote this archive, or a newer one',
    });
}

/** Nodes of the next level. @param nodes of one level, concatenated @param into at least half as long; may be `nodes` itself */
function nextLevel(nodes: Buffer, digest: DigestAlgorithm, into?: Buffer): Buffer {
  const hash = pairHash(digest);
  const count = nodes.length / hash.size;
  const pairs = Math.floor(count / 2);
  const odd = count - 2 * pairs;
  const level = (into ?? Buffer.allocUnsafeSlow((pairs + odd) * hash.size)).subarray(0, (pairs + odd) * hash.size);
  hash.hashPairs(nodes, pairs, level);
  if (odd > 0) nodes.copy(level, pairs * hash.size, 2 * pairs * hash.size);
  return level;
}

/** All levels from the given one up to the root, which is the last. Twice the memory of `nodes` at most. */
export function levelsAbove(nodes: Buffer, digest: DigestAlgorithm): Buffer[] {
  const { size } = pairHash(digest);
  demandNodes(nodes, size);
  const levels = [nodes];
  for (let level = nodes; level.length > size;) {
    level = nextLevel(level, digest);
    levels.push(level);
  }
  return levels;
}

/**
 * Root over nodes of one level (leaf hashes: level 0), concatenated. Needs half as much memory again.
 * @throws SealError SEAL-INTERNAL for none, or for half a node
 */
export function rootOf(nodes: Buffer, digest: DigestAlgorithm): Buffer {
  const { size } = pairHash(digest);
  demandNodes(nodes, size);
  if (nodes.length === size) return Buffer.from(nodes);
  let level = nextLevel(nodes, digest);
  while (level.length > size) level = nextLevel(level, digest, level);
  return Buffer.from(level);
}

/**
 * The hashes that are added on the way from node `index` to the root, one for each level where it has a neighbour: the lists behind
 * the first of its reducedHashtree (RFC 4998 §4.2).
 * @param levels of `levelsAbove` @param size bytes of a node
 */
export function pathIn(levels: readonly Buffer[], index: number, size: number): Buffer[] {
  const path: Buffer[] = [];
  let at = index;
  for (const level of levels) {
    const neighbour = (at ^ 1) * size;
    if (neighbour + size <= level.length) path.push(level.subarray(neighbour, neighbour + size));
    at = Math.floor(at / 2);
  }
  return path;
}

/** A computed tree. */
export interface BuiltTree {
  readonly root: Buffer;
  readonly leaves: number;
  /** Levels 8, 16, 24… as far as they lie below the root. */
  readonly nodes: readonly TreeNodes[];
}

/** Root of a tree and every eighth level of its inner nodes, computed from pieces of leaves as they come. */
export class TreeBuilder {
  readonly #digest: DigestAlgorithm;
  readonly #size: number;
  readonly #tops: Buffer[] = [];
  #scratch: Buffer = Buffer.alloc(0);
  #bytes = 0;

  constructor(digest: DigestAlgorithm) {
    this.#digest = digest;
    this.#size = pairHash(digest).size;
  }

  /** The next leaf hashes. Every piece but the last is a multiple of `tileLeaves` leaves long. */
  add(leaves: Buffer): void {
    if (leaves.length === 0) return;
    if (this.#bytes % (tileLeaves * this.#size) !== 0) throw new SealError('SEAL-INTERNAL', 'leaves behind the last piece of a tree');
    demandNodes(leaves, this.#size);
    this.#bytes += leaves.length;
    if (this.#scratch.length < leaves.length / 2 + this.#size) this.#scratch = Buffer.allocUnsafeSlow(leaves.length / 2 + this.#size);
    let level = nextLevel(leaves, this.#digest, this.#scratch);
    for (let height = 1; height < keptStep; height++) level = nextLevel(level, this.#digest, level);
    this.#tops.push(Buffer.from(level));
  }

  /** @throws SealError SEAL-INTERNAL when there was no leaf */
  finish(): BuiltTree {
    const levels = levelsAbove(Buffer.concat(this.#tops), this.#digest);
    const nodes = levels
      .map((hashes, above): TreeNodes => ({ level: keptStep + above, hashes }))
      .filter(({ level }, above) => level % keptStep === 0 && above < levels.length - 1);
    return { root: Buffer.from(levels.at(-1) ?? []), leaves: this.#bytes / this.#size, nodes };
  }
}

function demandNodes(nodes: Buffer, size: number): void {
  if (nodes.length === 0 || nodes.length % size !== 0)
    throw new SealError('SEAL-INTERNAL', `${nodes.length} bytes are no nodes of ${size} bytes each`);
}
