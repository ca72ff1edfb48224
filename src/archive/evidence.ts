import { anchoredTree, demandRoot, type AnchoredTree } from './anchored-tree.ts';
import { nodesOfTree, Paths } from './paths.ts';
import { produce, type ProducedRecord } from './produced-record.ts';
import { SealError } from '../errors.ts';
import type { Leaf } from '../model/archive.ts';
import type { Trust } from '../pki/trust.ts';
import type { Effects } from '../ports/effects.ts';

type EvidenceEffects = Pick<Effects, 'store'>;

/** A tree with the pages of it that were read last. */
interface OpenedTree {
  readonly anchored: AnchoredTree;
  readonly paths: Paths;
}

/** Trees whose tokens and pages stay at hand. */
const keptTrees = 4;

/**
 * Makes the records of leaves in any order, computed from a few pages of the trees (RFC 4998 §4.2, §5). What the leaves of a tree have in
 * common is read once; what renews the tree later is seen by the next maker. Nothing is stored: layout and encoder are versioned, so the
 * bits are the same until the next renewal.
 */
export class RecordMaker {
  readonly #fx: EvidenceEffects;
  readonly #trust: Trust;
  readonly #trees = new Map<string, Promise<OpenedTree>>();

  constructor(fx: EvidenceEffects, trust: Trust) {
    this.#fx = fx;
    this.#trust = trust;
  }

  /**
   * The records of one leaf, one for each timestamp over its tree, with everything that has renewed it.
   * @throws SealError SEAL-ARCHIVE-OPEN while the tree is not anchored, SEAL-ARCHIVE-DAMAGED when the tree does not lead to its root
   */
  async records(leaf: Leaf): Promise<ProducedRecord[]> {
    const { anchored, paths } = await this.#open(leaf.tree);
    const { tree, stamps } = anchored;
    const path = await paths.of(leaf.index);
    demandRoot(tree, leaf, path);
    return await Promise.all(
      stamps.map(async (stamp) => {
        const objects = anchored.rehashed ? await this.#fx.store.renewedObjects(tree.id, stamp.n, leaf.index, 1) : [];
        return await produce(anchored, stamp, leaf, path, objects);
      }),
    );
  }

  /**
   * Since when and until when the records of a leaf prove: that of the best of them. @throws SealError as `records`
   * @returns UTC ms
   */
  async proves(leaf: Leaf): Promise<{ readonly since: number; readonly until: number }> {
    const { anchored } = await this.#open(leaf.tree);
    const all = anchored.rehashed
      ? await this.records(leaf)
      : anchored.stamps.map(({ first: { genTime }, provesUntil }) => ({ genTime, provesUntil }));
    return { since: Math.min(...all.map(({ genTime }) => genTime)), until: Math.max(...all.map(({ provesUntil }) => provesUntil)) };
  }

  async #open(id: string): Promise<OpenedTree> {
    const known = this.#trees.get(id);
    if (known !== undefined) return await known;
    for (const oldest of [...this.#trees.keys()].slice(0, -(keptTrees - 1))) this.#trees.delete(oldest);
    const opened = anchoredTree(this.#fx, this.#trust, id).then((anchored) => ({
      anchored,
      paths: new Paths(nodesOfTree(this.#fx.store, id), anchored.tree.leaves, anchored.tree.digest),
    }));
    this.#trees.set(id, opened);
    return await opened;
  }
}

/** The records of one leaf. @throws SealError as `RecordMaker.records` */
export async function recordsOfLeaf(fx: EvidenceEffects, trust: Trust, leaf: Leaf): Promise<ProducedRecord[]> {
  return await new RecordMaker(fx, trust).records(leaf);
}

/** Leaves that prove an object known by its hash, oldest first, those in trees that are not anchored yet among them. @throws SealError SEAL-ARCHIVE-UNKNOWN */
export async function leavesOfHash(fx: EvidenceEffects, hash: Buffer): Promise<Leaf[]> {
  const leaves = await fx.store.findLeaves(hash);
  if (leaves.length === 0)
    throw new SealError('SEAL-ARCHIVE-UNKNOWN', `the archive holds no object with the hash ${hash.toString('hex')}`, {
      hint: 'give the file as it was delivered; one changed byte gives another hash',
    });
  return once(leaves);
}

/** Twins (the same object in several documents, or appended twice around a crash) share a leaf: one record proves them all. */
function once(leaves: readonly Leaf[]): Leaf[] {
  return [...new Map(leaves.map((leaf) => [`${leaf.tree} ${leaf.index}`, leaf])).values()];
}

/** Leaves of one document: its group, or document and output. @throws SealError SEAL-ARCHIVE-UNKNOWN */
export async function leavesOfDocument(fx: EvidenceEffects, document: number): Promise<Leaf[]> {
  const references = await fx.store.documentLeaves(document);
  const leaves = await Promise.all(references.map(({ tree, index }) => fx.store.leaf(tree, index)));
  const found = once(leaves.filter((leaf) => leaf !== undefined));
  if (found.length === 0)
    throw new SealError('SEAL-ARCHIVE-UNKNOWN', `document ${document} is not in the archive`, {
      hint: 'it gets there when its batch is signed; “batch show” tells how far it is',
    });
  return found;
}
