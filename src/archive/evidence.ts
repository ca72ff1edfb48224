import { levelsAbove, demandLayout, keptStep, pathFromPages, pathIn, tileLeaves } from './tree.ts';
import { SealError } from '../errors.ts';
import { digestLengths } from '../formats/digests.ts';
import { reduceTree } from '../formats/ers-hash.ts';
import { recordWriter } from '../formats/ers-write.ts';
import { parseTimestampToken } from '../formats/tsp.ts';
import { judgeTimestamp } from '../pki/timestamps.ts';
import type { Leaf, Tree, TreeToken } from '../model/archive.ts';
import type { Trust } from '../pki/trust.ts';
import type { Effects } from '../ports/effects.ts';

type EvidenceEffects = Pick<Effects, 'store'>;

/** An evidence record as it is handed out. */
export interface ProducedRecord {
  /** DER EvidenceRecord, Basis-ERS profile. */
  readonly der: Buffer;
  /** The leaf it proves; its members stand in the first list. */
  readonly leaf: Leaf;
  /** 1, or 2 for the second of two independent timestamps: `x.ers`, `x.2.ers`. */
  readonly n: number;
  readonly tsa: string;
  /** What is proven to have existed at this time, UTC ms. */
  readonly genTime: number;
  /** Until when it proves if nobody renews it, UTC ms: end of the authority's certificates or of an algorithm. */
  readonly provesUntil: number;
  /** From now on the same bits each time: the token has its final revocation data. */
  readonly final: boolean;
}

/** A token of a tree and what every record made with it has in common. */
interface Stamp extends Pick<ProducedRecord, 'n' | 'tsa' | 'genTime' | 'provesUntil' | 'final'> {
  readonly write: ReturnType<typeof recordWriter>;
}

/**
 * The records of one leaf, one for each timestamp over its tree, computed from a few pages of the tree (RFC 4998 §4.2). Nothing is stored:
 * layout and encoder are versioned, so the bits are the same each time.
 * @throws SealError SEAL-ARCHIVE-OPEN while the tree is not anchored, SEAL-ARCHIVE-DAMAGED when the tree does not lead to its root
 */
export async function recordsOfLeaf(fx: EvidenceEffects, trust: Trust, leaf: Leaf): Promise<ProducedRecord[]> {
  const { tree, stamps } = await anchoredTree(fx, trust, leaf.tree);
  const pages = (level: number, first: number, count: number): Promise<Buffer> =>
    level === 0 ? fx.store.leafHashes(tree.id, first, count) : fx.store.nodes(tree.id, level, first, count);
  const path = await pathFromPages(pages, leaf.index, tree.leaves, tree.digest);
  demandRoot(tree, leaf, path);
  return stamps.map((stamp) => produce(stamp, leaf, path));
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

/** Leaves read at once when all records of a tree are made. */
const pageLeaves = 16 * tileLeaves;

/**
 * All records of one tree in the order of the leaves: a whole day. A leaf that several documents share comes once for each. Memory does
 * not grow with the tree but for one 128th of its nodes.
 * @throws SealError SEAL-ARCHIVE-OPEN, SEAL-ARCHIVE-DAMAGED
 */
export async function* recordsOfTree(fx: EvidenceEffects, trust: Trust, id: string): AsyncGenerator<ProducedRecord> {
  const { tree, stamps } = await anchoredTree(fx, trust, id);
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
    for (const leaf of leaves) {
      const path = pathOf(leaf);
      for (const stamp of stamps) yield produce(stamp, leaf, path);
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

async function anchoredTree(
  fx: EvidenceEffects,
  trust: Trust,
  id: string,
): Promise<{ readonly tree: Tree; readonly stamps: readonly Stamp[] }> {
  const [tree] = await fx.store.trees({ id });
  if (tree === undefined) throw new SealError('SEAL-ARCHIVE-UNKNOWN', `no tree is called ${id}`, { hint: '`archive due` names the trees' });
  if (tree.state !== 'anchored')
    throw new SealError('SEAL-ARCHIVE-OPEN', `tree ${id} is ${tree.state}, there is no timestamp yet`, {
      where: id,
      hint:
        tree.state === 'open' ? 'wait for the daily closing or run `archive close`' : '“status” tells why no authority gave a timestamp',
    });
  demandLayout(tree.layout);
  const tokens = await fx.store.tokens(id);
  return { tree, stamps: tokens.map((token) => stampOf(trust, tree, token)) };
}

function stampOf(trust: Trust, { digest }: Tree, { n, tsa, genTime, frozen, token }: TreeToken): Stamp {
  const parsed = parseTimestampToken(token);
  // As of its own time: the certificate was good then, and its end is what is asked for.
  const { provesUntil } = judgeTimestamp(parsed, { kind: 'evidence-record', trust, at: genTime });
  return { n, tsa, genTime, provesUntil, final: frozen, write: recordWriter(digest, token) };
}

/** A record that does not lead to the stamped root must not leave the house. */
function demandRoot(tree: Tree, leaf: Leaf, path: readonly Buffer[]): void {
  const root = reduceTree([leaf.members, ...path.map((hash) => [hash])], tree.digest);
  if (tree.root === undefined || !root.equals(tree.root)) throw damaged(tree, `leaf ${leaf.index} does not lead to its root`);
}

function produce({ n, tsa, genTime, provesUntil, final, write }: Stamp, leaf: Leaf, path: readonly Buffer[]): ProducedRecord {
  return { der: write(leaf.members, path), leaf, n, tsa, genTime, provesUntil, final };
}

function damaged(tree: Tree, what: string): SealError {
  return new SealError('SEAL-ARCHIVE-DAMAGED', `tree ${tree.id}: ${what}`, {
    where: tree.id,
    hint: 'run `sealtree archive check`, restore the last backup',
  });
}
