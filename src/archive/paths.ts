import { keptStep, levelsAbove, pathIn, tileLeaves, type NodePages } from './tree.ts';
import { SealError } from '../errors.ts';
import { digestLengths } from '../formats/digests.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';

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
