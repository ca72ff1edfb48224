import { ChainReader } from './chains.ts';
import { chainLeaf, renewalLayout } from './renewal-leaf.ts';
import { dayAt } from './schedule.ts';
import { currentLayout } from './tree.ts';
import { treePages } from './tree-pages.ts';
import { catalogueVersion } from '../pki/catalogue.ts';
import type { ClosingEffects, ClosingSettings } from './close.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { ArchiveToken, Tree, TreeToken } from '../model/archive.ts';
import type { ChainStart, Renewal } from '../model/renewal.ts';
import type { Effects } from '../ports/effects.ts';

/** A chain of archive timestamps that is still needed. */
export interface LiveChain {
  readonly start: ChainStart;
  readonly n: number;
  readonly digest: DigestAlgorithm;
  /** Oldest first, at least one. */
  readonly tokens: readonly ArchiveToken[];
}

/**
 * Every chain that records still end with, oldest tree first, hash-tree renewals behind the trees. A chain whose objects are all held by
 * a later hash-tree renewal has done its work.
 */
export async function* liveChains(fx: Pick<Effects, 'store'>): AsyncGenerator<LiveChain> {
  const reader = new ChainReader(fx);
  const anchored = await fx.store.renewals({ kind: 'hash-tree', states: ['anchored'] });
  const isLive = liveness(anchored, await fx.store.renewedCounts());
  const chain = async (start: ChainStart, n: number, digest: DigestAlgorithm, first: ArchiveToken): Promise<LiveChain> => {
    return { start, n, digest, tokens: [first, ...(await reader.links(start, n, first.token))] };
  };
  for await (const trees of treePages(fx, { states: ['anchored'] })) {
    const stamped = await Promise.all(trees.map(async (tree): Promise<[Tree, TreeToken[]]> => [tree, await fx.store.tokens(tree.id)]));
    const wanted = stamped.flatMap(([tree, tokens]) =>
      tokens.filter(({ n }) => isLive.tree(tree, n)).map((token) => [tree, token] as const),
    );
    yield* await Promise.all(wanted.map(([{ id, digest }, token]) => chain({ tree: id }, token.n, digest, token)));
  }
  for (const renewal of anchored) {
    const found = isLive.renewal(renewal) ? await reader.renewal(renewal.id) : undefined;
    if (found !== undefined) yield await chain({ renewal: renewal.id }, renewal.n, renewal.digest, found.token);
  }
}

/**
 * Whether some record may still end with a chain: not when one hash-tree renewal holds every leaf of its tree. Two that hold a part each may
 * hold different leaves, however many.
 */
function liveness(
  renewals: readonly Renewal[],
  counts: Awaited<ReturnType<Effects['store']['renewedCounts']>>,
): { tree(tree: Tree, n: number): boolean; renewal(renewal: Renewal): boolean } {
  const whole = new Set(counts.filter(({ leaves, of }) => leaves === of).map(({ renewal, tree }) => `${renewal} ${tree}`));
  return {
    tree: ({ id }, n) => !renewals.some((renewal) => renewal.n === n && whole.has(`${renewal.id} ${id}`)),
    renewal: ({ id, seq, n }) => {
      const trees = counts.filter(({ renewal }) => renewal === id);
      const later = renewals.filter((renewal) => renewal.n === n && renewal.seq > seq);
      return !trees.every(({ tree }) => later.some((renewal) => whole.has(`${renewal.id} ${tree}`)));
    },
  };
}

/** What one new timestamp will renew. */
export interface RenewalGroup {
  readonly n: number;
  readonly digest: DigestAlgorithm;
  readonly starts: readonly ChainStart[];
  /** One hash a chain, concatenated. */
  readonly leaves: Buffer;
}

export interface RenewalPlan {
  /** One for each digest in use and each of the independent records. */
  readonly groups: readonly RenewalGroup[];
  /** Chains whose newest timestamp waits for revocation data later than itself: never renewed before (evidence-records 15). */
  readonly waiting: readonly { readonly start: ChainStart; readonly n: number; readonly genTime: number }[];
}

/** What a timestamp renewal would do now (RFC 4998 §5.2; evidence-records 7–9). Changes nothing. */
export async function planTimestampRenewal(
  fx: Pick<Effects, 'store'>,
  onChain: (chain: LiveChain) => void = () => undefined,
): Promise<RenewalPlan> {
  const groups = new Map<string, { n: number; digest: DigestAlgorithm; starts: ChainStart[]; leaves: Buffer[] }>();
  const waiting: { start: ChainStart; n: number; genTime: number }[] = [];
  for await (const live of liveChains(fx)) {
    onChain(live);
    const { start, n, digest, tokens } = live;
    const open = tokens.find(({ frozen }) => !frozen);
    if (open !== undefined) {
      waiting.push({ start, n, genTime: open.genTime });
      continue;
    }
    const key = `${n} ${digest}`;
    const group = groups.get(key) ?? { n, digest, starts: [], leaves: [] };
    groups.set(key, group);
    group.starts.push(start);
    group.leaves.push(
      chainLeaf(
        tokens.map(({ token }) => token),
        digest,
        renewalLayout,
      ).hash,
    );
  }
  const sorted = [...groups.values()].sort((a, b) => a.n - b.n || a.digest.localeCompare(b.digest));
  return { groups: sorted.map(({ leaves, ...group }) => ({ ...group, leaves: Buffer.concat(leaves) })), waiting };
}

/**
 * Writes the renewal trees of a plan, sealed: from then on they only lack their timestamps, which `anchorRenewals` gets, also after a
 * kill. The first `at` of all groups is the same: they belong together.
 */
export async function sealTimestampRenewals(
  fx: Pick<ClosingEffects, 'clock' | 'log' | 'store' | 'trees'>,
  { archive }: Pick<ClosingSettings, 'archive'>,
  plan: RenewalPlan,
  actor: string,
): Promise<Renewal[]> {
  const at = fx.clock.now();
  const sealed: Renewal[] = [];
  for (const { n, digest, starts, leaves } of plan.groups) {
    const { root, nodes } = await fx.trees.build(whole(leaves), digest, currentLayout);
    const wanted = { date: dayAt(archive, at), at, n, digest, layout: renewalLayout };
    const renewal = await fx.store.sealTimestampRenewal({ ...wanted, chains: starts, leaves, root, nodes });
    await fx.store.audit({
      at,
      actor,
      action: 'renewal-sealed',
      details: {
        renewal: renewal.id,
        kind: renewal.kind,
        n,
        digest,
        chains: starts.length,
        root: root.toString('hex'),
        catalogue: catalogueVersion,
      },
    });
    fx.log.info({ renewal: renewal.id, chains: starts.length, digest, n }, 'timestamp renewal sealed');
    sealed.push(renewal);
  }
  return sealed;
}

async function* whole(leaves: Buffer): AsyncIterable<Buffer> {
  yield await Promise.resolve(leaves);
}
