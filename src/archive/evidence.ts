import { ChainReader } from './chains.ts';
import { chainsOfLeaf, chainsOfTree, objectsByLeaf, type StampedTree } from './leaf-chains.ts';
import { nodesOfTree, Paths } from './paths.ts';
import { levelsAbove, demandLayout, keptStep, pathIn, tileLeaves } from './tree.ts';
import { SealError } from '../errors.ts';
import { digestLengths } from '../formats/digests.ts';
import { reduceTree } from '../formats/ers-hash.ts';
import { assembleEvidenceRecord, recordWriter } from '../formats/ers-write.ts';
import { parseTimestampToken } from '../formats/tsp.ts';
import { encodeXmlEvidenceRecord } from '../formats/xmlers-write.ts';
import { judgeTimestamp } from '../pki/timestamps.ts';
import type { Leaf, Tree, TreeToken } from '../model/archive.ts';
import type { RenewedObject } from '../model/renewal.ts';
import type { RecordChains } from './renewal-leaf.ts';
import type { Trust } from '../pki/trust.ts';
import type { Effects } from '../ports/effects.ts';

type EvidenceEffects = Pick<Effects, 'store'>;

/** An evidence record as it is handed out. */
export interface ProducedRecord {
  /** DER EvidenceRecord, Basis-ERS profile. */
  readonly der: Buffer;
  /**
   * The same as RFC 6283 evidence record. @throws SealError SEAL-ARCHIVE-FORMAT when a renewal in it is of layout 1: its timestamp covers the
   * RFC 4998 form alone
   */
  readonly xml: () => Buffer;
  /** The leaf it proves; its members stand in the first list. */
  readonly leaf: Leaf;
  /** 1, or 2 for the second of two independent timestamps: `x.ers`, `x.2.ers`. */
  readonly n: number;
  readonly tsa: string;
  /** What is proven to have existed at this time, UTC ms. */
  readonly genTime: number;
  /** Until when it proves if nobody renews it, UTC ms: end of the authority's certificates or of an algorithm. */
  readonly provesUntil: number;
  /** The same bits each time until the next renewal: every token has its final revocation data. */
  readonly final: boolean;
}

/** A token of a tree, what renews it, and what every record made with them has in common. */
interface Stamp extends StampedTree {
  /** For leaves that no hash-tree renewal holds. */
  readonly write: ReturnType<typeof recordWriter>;
  readonly provesUntil: number;
  readonly final: boolean;
}

/** A tree whose records can be made. */
interface AnchoredTree {
  readonly tree: Tree;
  readonly stamps: readonly Stamp[];
  readonly reader: ChainReader;
  readonly provesUntil: (token: Buffer, genTime: number) => number;
  /** Some of its leaves are held by a hash-tree renewal. */
  readonly rehashed: boolean;
}

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

async function anchoredTree(fx: EvidenceEffects, trust: Trust, id: string): Promise<AnchoredTree> {
  const [tree] = await fx.store.trees({ id });
  if (tree === undefined) throw new SealError('SEAL-ARCHIVE-UNKNOWN', `no tree is called ${id}`, { hint: '`archive due` names the trees' });
  if (tree.state !== 'anchored')
    throw new SealError('SEAL-ARCHIVE-OPEN', `tree ${id} is ${tree.state}, there is no timestamp yet`, {
      where: id,
      hint:
        tree.state === 'open' ? 'wait for the daily closing or run `archive close`' : '“status” tells why no authority gave a timestamp',
    });
  demandLayout(tree.layout);
  const reader = new ChainReader(fx);
  const provesUntil = lifeOfTokens(trust);
  const stamps = (await fx.store.tokens(id)).map((token) => stampOf(reader, provesUntil, tree, token));
  const rehashed = (await fx.store.renewedCounts(id)).length > 0;
  return { tree, stamps: await Promise.all(stamps), reader, provesUntil, rehashed };
}

async function stampOf(
  reader: ChainReader,
  provesUntil: AnchoredTree['provesUntil'],
  { id, digest }: Tree,
  { n, ...first }: TreeToken,
): Promise<Stamp> {
  const links = await reader.links({ tree: id }, n, first.token);
  const last = links.at(-1) ?? first;
  const following = Buffer.concat(links.map(({ der }) => der));
  return {
    digest,
    n,
    first,
    links,
    write: recordWriter(digest, first.token, following),
    provesUntil: provesUntil(last.token, last.genTime),
    final: [first, ...links].every(({ frozen }) => frozen),
  };
}

/** Until when a token proves if nothing renews it. Tokens of renewals are asked about again and again. */
function lifeOfTokens(trust: Trust): AnchoredTree['provesUntil'] {
  const known = new Map<Buffer, number>();
  return (token, genTime) => {
    // As of its own time: the certificate was good then, and its end is what is asked for.
    const judge = (): number => judgeTimestamp(parseTimestampToken(token), { kind: 'evidence-record', trust, at: genTime }).provesUntil;
    const until = known.get(token) ?? judge();
    known.set(token, until);
    return until;
  };
}

/** A record that does not lead to the stamped root must not leave the house. */
function demandRoot(tree: Tree, leaf: Leaf, path: readonly Buffer[]): void {
  const root = reduceTree([leaf.members, ...path.map((hash) => [hash])], tree.digest);
  if (tree.root === undefined || !root.equals(tree.root)) throw damaged(tree, `leaf ${leaf.index} does not lead to its root`);
}

/** A record of one chain. */
function direct(stamp: Stamp, leaf: Leaf, path: readonly Buffer[]): ProducedRecord {
  const { n, first, provesUntil, final, write } = stamp;
  const xml = (): Buffer => xmlRecord(leaf, chainsOfTree(stamp, leaf, path).xml);
  return { der: write(leaf.members, path), xml, leaf, n, tsa: first.tsa, genTime: first.genTime, provesUntil, final };
}

function xmlRecord({ tree }: Leaf, chains: RecordChains['xml']): Buffer {
  if (chains !== undefined) return encodeXmlEvidenceRecord(chains);
  throw new SealError('SEAL-ARCHIVE-FORMAT', 'the record was renewed before records were kept ready for XML', {
    where: tree,
    hint: 'export it as RFC 4998 record, --format ers',
  });
}

async function produce(
  { reader, provesUntil }: AnchoredTree,
  stamp: Stamp,
  leaf: Leaf,
  path: readonly Buffer[],
  objects: readonly RenewedObject[],
): Promise<ProducedRecord> {
  if (objects.length === 0) return direct(stamp, leaf, path);
  const { chains, last, final, xml } = await chainsOfLeaf(reader, stamp, leaf, path, objects);
  const { tsa, genTime } = stamp.first;
  return {
    der: assembleEvidenceRecord(chains),
    xml: () => xmlRecord(leaf, xml),
    leaf,
    n: stamp.n,
    tsa,
    genTime,
    provesUntil: provesUntil(last.token, last.genTime),
    final,
  };
}

function damaged(tree: Tree, what: string): SealError {
  return new SealError('SEAL-ARCHIVE-DAMAGED', `tree ${tree.id}: ${what}`, {
    where: tree.id,
    hint: 'run `sealtree archive check`, restore the last backup',
  });
}
