import { keptStep, levelsAbove, pathIn, tileLeaves } from './tree.ts';
import { SealError } from '../errors.ts';
import { digestLengths } from '../formats/digests.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { Effects } from '../ports/effects.ts';

/** Reads `count` nodes of a level from `first` on, concatenated: leaves at level 0, kept nodes at the others. */
export type NodePages = (level: number, first: number, count: number) => Promise<Buffer>;

/** Nodes of the tree of a day. */
export function nodesOfTree(store: Pick<Effects['store'], 'leafHashes' | 'nodes'>, id: string): NodePages {
  return (level, first, count) => (level === 0 ? store.leafHashes(id, first, count) : store.nodes(id, level, first, count));
}

/** Nodes of the tree of a renewal. */
export function nodesOfRenewal(store: Pick<Effects['store'], 'renewalNodes'>, id: string): NodePages {
  return (level, first, count) => store.renewalNodes(id, level, first, count);
}

/** Leaf hashes read at once while a root is computed. */
const pieceLeaves = 65_536;

/** Leaf hashes in pieces, in order. */
export async function* leafPieces(pages: NodePages, leaves: number): AsyncIterable<Buffer> {
  for (let first = 0; first < leaves; first += pieceLeaves) yield await pages(0, first, Math.min(pieceLeaves, leaves - first));
}

/** Paths of leaves of one tree (RFC 4998 §4.2). Pages stay at hand until another one of their level is wanted: neighbours cost no reading. */
export class Paths {
  readonly #pages: NodePages;
  readonly #leaves: number;
  readonly #digest: DigestAlgorithm;
  readonly #known = new Map<number, { readonly first: number; readonly levels: readonly Buffer[] }>();

  constructor(pages: NodePages, leaves: number, digest: DigestAlgorithm) {
    this.#pages = pages;
    this.#leaves = leaves;
    this.#digest = digest;
  }

  /** The hashes that are added on the way from a leaf to the root. @throws SealError SEAL-ARCHIVE-DAMAGED for a page that is too short */
  async of(index: number): Promise<Buffer[]> {
    const path: Buffer[] = [];
    let at = index;
    let count = this.#leaves;
    for (let level = 0; count > 1; level += keptStep) {
      const first = at - (at % tileLeaves);
      path.push(...pathIn(await this.#levels(level, first, Math.min(tileLeaves, count - first)), at - first, digestLengths[this.#digest]));
      at = Math.floor(at / tileLeaves);
      count = Math.ceil(count / tileLeaves);
    }
    return path;
  }

  async #levels(level: number, first: number, count: number): Promise<readonly Buffer[]> {
    const known = this.#known.get(level);
    if (known?.first === first) return known.levels;
    const nodes = await this.#pages(level, first, count);
    const size = digestLengths[this.#digest];
    if (nodes.length !== count * size)
      throw new SealError('SEAL-ARCHIVE-DAMAGED', `level ${level} has ${nodes.length / size} nodes from ${first} on, not ${count}`, {
        hint: 'run `sealtree archive check`',
      });
    const levels = levelsAbove(nodes, this.#digest);
    this.#known.set(level, { first, levels });
    return levels;
  }
}
