import { ChainReader } from './chains.ts';
import { demandLayout } from './tree.ts';
import { SealError } from '../errors.ts';
import { reduceTree } from '../formats/ers-hash.ts';
import { recordWriter } from '../formats/ers-write.ts';
import { parseTimestampToken } from '../formats/tsp.ts';
import { judgeTimestamp } from '../pki/timestamps.ts';
import type { Leaf, Tree, TreeToken } from '../model/archive.ts';
import type { StampedTree } from './leaf-chains.ts';
import type { Trust } from '../pki/trust.ts';
import type { Effects } from '../ports/effects.ts';

/** A token of a tree, what renews it, and what every record made with them has in common. */
export interface Stamp extends StampedTree {
  /** For leaves that no hash-tree renewal holds. */
  readonly write: ReturnType<typeof recordWriter>;
  readonly provesUntil: number;
  readonly final: boolean;
}

/** A tree whose records can be made. */
export interface AnchoredTree {
  readonly tree: Tree;
  readonly stamps: readonly Stamp[];
  readonly reader: ChainReader;
  readonly provesUntil: (token: Buffer, genTime: number) => number;
  /** Some of its leaves are held by a hash-tree renewal. */
  readonly rehashed: boolean;
}

/** @throws SealError SEAL-ARCHIVE-UNKNOWN, SEAL-ARCHIVE-OPEN while the tree has no timestamp */
export async function anchoredTree(fx: Pick<Effects, 'store'>, trust: Trust, id: string): Promise<AnchoredTree> {
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

/** A record that does not lead to the stamped root must not leave the house. @throws SealError SEAL-ARCHIVE-DAMAGED */
export function demandRoot(tree: Tree, leaf: Leaf, path: readonly Buffer[]): void {
  const root = reduceTree([leaf.members, ...path.map((hash) => [hash])], tree.digest);
  if (tree.root === undefined || !root.equals(tree.root)) throw damaged(tree, `leaf ${leaf.index} does not lead to its root`);
}

/** A tree that is not what its timestamp says. */
export function damaged(tree: Tree, what: string): SealError {
  return new SealError('SEAL-ARCHIVE-DAMAGED', `tree ${tree.id}: ${what}`, {
    where: tree.id,
    hint: 'run `sealtree archive check`, restore the last backup',
  });
}
