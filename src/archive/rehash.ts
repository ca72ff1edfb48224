import { ChainReader } from './chains.ts';
import { chainsOfLeaf, objectsByLeaf, type StampedTree } from './leaf-chains.ts';
import { leafPieces, nodesOfRenewal, nodesOfTree, Paths } from './paths.ts';
import { ownMembers } from './rehash-own.ts';
import { objectLeaf, renewalLayout } from './renewal-leaf.ts';
import { dayAt } from './schedule.ts';
import { currentLayout } from './tree.ts';
import { treePages } from './tree-pages.ts';
import { catalogueVersion } from '../pki/catalogue.ts';
import type { ClosingEffects, ClosingSettings } from './close.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { ArchiveToken, Leaf, Tree } from '../model/archive.ts';
import type { Renewal, RenewedObject } from '../model/renewal.ts';
import type { Effects } from '../ports/effects.ts';

/** A leaf whose objects were not all found: its old chain goes on. */
export interface IncompleteLeaf {
  readonly leaf: Leaf;
  /** Positions in `leaf.members` of what was not found. */
  readonly missing: readonly number[];
  /** The newest timestamp of its chain. */
  readonly last: ArchiveToken;
  readonly digest: DigestAlgorithm;
}

export interface RehashResult {
  /** Undefined when there was nothing to hash anew. */
  readonly renewal?: Renewal;
  /** Leaves that the renewal holds. */
  readonly leaves: number;
  readonly incomplete: number;
  /** Trees whose newest timestamp waits for its revocation data: they come with the next renewal. */
  readonly waiting: readonly string[];
}

interface Work {
  /** The new digest. */
  readonly digest: DigestAlgorithm;
  /** Which of the independent records. */
  readonly n: number;
  readonly actor: string;
  /** Counts, writes nothing. */
  readonly dryRun?: boolean;
  readonly onLeaves?: (count: number) => void;
  readonly onIncomplete?: (leaf: IncompleteLeaf) => Promise<void> | void;
  readonly signal?: AbortSignal;
}

/** Leaves taken together: the event loop has its turn between two pages. */
const pageLeaves = 256;

/**
 * Hash-tree renewal of one record number (RFC 4998 §5.3; evidence-records 10, 13): a new tree over h' = H(H(d) ‖ ha) of every leaf whose
 * objects were all found (`findObjects`, `rehashLinks`), groups as wholes. Sealed when it resolves; a kill before costs the building, not
 * what was read. Timestamps that are not frozen are never covered.
 */
export async function rehashTrees(fx: ClosingEffects, { archive }: Pick<ClosingSettings, 'archive'>, work: Work): Promise<RehashResult> {
  const { digest, n, dryRun = false } = work;
  const reader = new ChainReader(fx);
  const digests = new Map((await fx.store.renewals({ kind: 'hash-tree' })).map((renewal) => [renewal.id, renewal.digest]));
  const waiting: string[] = [];
  let renewal: Renewal | undefined;
  let leaves = 0;
  let incomplete = 0;
  for await (const tree of anchoredTrees(fx)) {
    const stamped = await stampedTree(fx, reader, tree, n);
    if (stamped === undefined) continue;
    if (![stamped.first, ...stamped.links].every(({ frozen }) => frozen)) {
      waiting.push(tree.id);
      continue;
    }
    const page = new TreePages(fx, reader, tree, stamped, digests);
    for (let first = 0; first < tree.leaves; first += pageLeaves) {
      work.signal?.throwIfAborted();
      const { complete, open } = await page.read(first, digest);
      for (const one of open) await work.onIncomplete?.(one);
      incomplete += open.length;
      leaves += complete.length;
      work.onLeaves?.(Math.min(pageLeaves, tree.leaves - first));
      if (complete.length === 0 || dryRun) continue;
      const at = fx.clock.now();
      renewal ??= await fx.store.openHashTreeRenewal({ date: dayAt(archive, at), at, n, digest, layout: renewalLayout });
      await fx.store.addRenewedObjects(
        renewal.id,
        complete.map(({ object }) => object),
        Buffer.concat(complete.map(({ leaf }) => leaf)),
      );
    }
  }
  const sealed = renewal === undefined ? undefined : await seal(fx, renewal.id, leaves, work.actor);
  return { ...(sealed === undefined ? {} : { renewal: sealed }), leaves, incomplete, waiting };
}

async function seal(fx: ClosingEffects, id: string, leaves: number, actor: string): Promise<Renewal> {
  const [open] = await fx.store.renewals({ id });
  if (open === undefined) throw new Error(`renewal ${id} is gone`);
  const { root, nodes } = await fx.trees.build(leafPieces(nodesOfRenewal(fx.store, id), leaves), open.digest, currentLayout);
  const at = fx.clock.now();
  const sealed = await fx.store.sealHashTreeRenewal(id, at, root, nodes);
  await fx.store.audit({
    at,
    actor,
    action: 'renewal-sealed',
    details: {
      renewal: id,
      kind: sealed.kind,
      n: sealed.n,
      digest: sealed.digest,
      leaves,
      root: root.toString('hex'),
      catalogue: catalogueVersion,
    },
  });
  fx.log.info({ renewal: id, leaves, digest: sealed.digest }, 'hash-tree renewal sealed');
  return sealed;
}

async function* anchoredTrees(fx: Pick<Effects, 'store'>): AsyncGenerator<Tree> {
  for await (const trees of treePages(fx, { states: ['anchored'] })) yield* trees;
}

async function stampedTree(
  { store }: Pick<Effects, 'store'>,
  reader: ChainReader,
  tree: Tree,
  n: number,
): Promise<StampedTree | undefined> {
  const first = (await store.tokens(tree.id)).find((token) => token.n === n);
  if (first === undefined) return undefined;
  return { digest: tree.digest, n, first, links: await reader.links({ tree: tree.id }, n, first.token) };
}

interface CompleteLeaf {
  readonly object: Omit<RenewedObject, 'renewal' | 'position'>;
  /** Hash of the leaf in the renewal. */
  readonly leaf: Buffer;
}

/** Leaves of one tree, page by page, hashed anew. */
class TreePages {
  readonly #fx: Pick<Effects, 'store'>;
  readonly #reader: ChainReader;
  readonly #tree: Tree;
  readonly #stamped: StampedTree;
  readonly #digests: ReadonlyMap<string, DigestAlgorithm>;
  readonly #paths: Paths;

  constructor(
    fx: Pick<Effects, 'store'>,
    reader: ChainReader,
    tree: Tree,
    stamped: StampedTree,
    digests: ReadonlyMap<string, DigestAlgorithm>,
  ) {
    this.#fx = fx;
    this.#reader = reader;
    this.#tree = tree;
    this.#stamped = stamped;
    this.#digests = digests;
    this.#paths = new Paths(nodesOfTree(fx.store, tree.id), tree.leaves, tree.digest);
  }

  async read(
    first: number,
    digest: DigestAlgorithm,
  ): Promise<{ readonly complete: readonly CompleteLeaf[]; readonly open: readonly IncompleteLeaf[] }> {
    const { store } = this.#fx;
    const [rows, objects] = await Promise.all([
      store.leavesPage(this.#tree.id, first - 1, pageLeaves),
      store.renewedObjects(this.#tree.id, this.#stamped.n, first, pageLeaves),
    ]);
    const byLeaf = objectsByLeaf(objects);
    const held = (leaf: Leaf): RenewedObject[] => byLeaf.get(leaf.index) ?? [];
    // Twins share a leaf.
    const leaves = [...new Map(rows.map((leaf) => [leaf.index, leaf])).values()].filter((leaf) => {
      const last = held(leaf).at(-1);
      return (last === undefined ? this.#tree.digest : this.#digests.get(last.renewal)) !== digest;
    });
    const known = await store.rehashed(
      digest,
      // By the newest hash that is known of them: an older one may be weak by now.
      leaves.flatMap((leaf) => held(leaf).at(-1)?.members ?? leaf.members),
    );
    const complete: CompleteLeaf[] = [];
    const open: IncompleteLeaf[] = [];
    let at = 0;
    for (const leaf of leaves) {
      const found = known.slice(at, (at += leaf.members.length));
      const members = found.every((hash) => hash !== null) ? found : await this.#complete(leaf, found, digest);
      const chains = await chainsOfLeaf(this.#reader, this.#stamped, leaf, await this.#paths.of(leaf.index), held(leaf));
      const missing = members.flatMap((hash, n) => (hash === null ? [n] : []));
      const hashes = members.filter((hash) => hash !== null);
      if (missing.length > 0 || !chains.final) {
        if (missing.length > 0) open.push({ leaf, missing, last: chains.last, digest: chains.chains.at(-1)?.digest ?? digest });
        continue;
      }
      const { index, tree } = leaf;
      complete.push({ object: { tree, index, members: hashes }, leaf: objectLeaf(hashes, chains, digest, renewalLayout).hash });
    }
    return { complete, open };
  }

  async #complete(leaf: Leaf, found: readonly (Buffer | null)[], digest: DigestAlgorithm): Promise<(Buffer | null)[]> {
    const own = await ownMembers(this.#fx, leaf, this.#tree.digest, digest);
    return found.map((hash, n) => hash ?? own[n] ?? null);
  }
}
