import { damage, type CheckFinding } from './check-findings.ts';
import { LinkCheck } from './check-links.ts';
import { checkHashTree, type StoredTree } from './check-hash-tree.ts';
import { RenewedCheck } from './check-renewals.ts';
import { checkRows } from './check-rows.ts';
import { nodesOfRenewal, nodesOfTree } from './paths.ts';
import { knowsRenewalLayout } from './renewal-leaf.ts';
import { currentLayout } from './tree.ts';
import { treePages } from './tree-pages.ts';
import type { Trust } from '../pki/trust.ts';
import type { HashTree, Leaf, Tree } from '../model/archive.ts';
import type { Effects } from '../ports/effects.ts';

export type { CheckFinding } from './check-findings.ts';

export interface CheckOptions {
  /** Called with the number of leaves read so far, those of renewals too, and the number of all. */
  readonly onProgress?: (done: number, total: number, where: string) => void;
  readonly signal?: AbortSignal;
  /** Every n-th tree is also computed by foreign code; 1 by default, 0 for none. */
  readonly foreignEvery?: number;
}

export interface CheckResult {
  readonly trees: number;
  readonly renewals: number;
  readonly leaves: number;
  readonly tokens: number;
  /** Empty of damage: everything that was written is there and proves what it says. */
  readonly findings: readonly CheckFinding[];
}

/**
 * Reads the archive back: the database itself, every row and its hash, roots and kept nodes of trees and renewals, tokens, what renewals hold, what
 * links the days, the material of the batches, the audit log. Changes nothing; may run beside the daemon.
 * @throws the signal's reason; SealError SEAL-STORE-* when the database cannot be read at all
 */
export async function checkArchive(
  fx: Pick<Effects, 'store' | 'trees'>,
  trust: Trust,
  { foreignEvery = 1, onProgress, signal }: CheckOptions = {},
): Promise<CheckResult> {
  const findings: CheckFinding[] = (await fx.store.integrity()).map((line) => damage('database', line));
  const links = new LinkCheck((await fx.store.auditHead()).seq);
  // As of their own time, without asking for revocation: what has expired since is the business of `archive due`.
  const sound: Trust = { ...trust, revocationMode: 'none' };
  // Before the trees: what they renew is there then.
  const renewals = await fx.store.renewals({});
  const trees = await allTrees(fx);
  const leaves = sum(trees);
  const total = leaves + sum(renewals.filter(({ state }) => state === 'anchored'));
  let done = 0;
  const progress = (count: number, where: string): void => {
    onProgress?.((done += count), total, where);
    signal?.throwIfAborted();
  };
  const renewed = new RenewedCheck(fx, renewals, progress, signal);
  let tokens = 0;
  const hashTree = async (stored: StoredTree, position: number): Promise<void> => {
    tokens += stored.tokens.length;
    findings.push(...(await checkHashTree(fx, stored, sound, foreignEvery > 0 && position % foreignEvery === 0)));
  };
  for (const [position, renewal] of renewals.entries()) {
    signal?.throwIfAborted();
    if (renewal.state === 'open') continue;
    const token = await fx.store.renewalToken(renewal.id);
    const stamps = token === undefined ? [] : [token];
    await hashTree(
      { tree: renewal, known: knowsRenewalLayout(renewal.layout), nodes: nodesOfRenewal(fx.store, renewal.id), tokens: stamps },
      position,
    );
    links.tokens(renewal.id, stamps);
  }
  for (const [position, tree] of trees.entries()) {
    signal?.throwIfAborted();
    const onLeaf = (leaf: Leaf): void => {
      links.leaf(leaf, tree.digest);
    };
    findings.push(...(await checkRows(fx, tree, progress, onLeaf)));
    const stamps = await fx.store.tokens(tree.id);
    await hashTree({ tree, known: tree.layout === currentLayout, nodes: nodesOfTree(fx.store, tree.id), tokens: stamps }, position);
    links.tree(tree, stamps);
    findings.push(...(await renewed.tree(tree, stamps)));
  }
  for (const renewal of renewals) {
    signal?.throwIfAborted();
    if (renewal.state === 'anchored') findings.push(...(await renewed.renewal(renewal)));
  }
  findings.push(...(await renewed.lost()), ...links.tokenFindings(), ...(await links.auditFindings(fx)));
  return { trees: trees.length, renewals: renewals.length, leaves, tokens, findings };
}

function sum(trees: readonly HashTree[]): number {
  return trees.reduce((all, { leaves }) => all + leaves, 0);
}

async function allTrees(fx: Pick<Effects, 'store'>): Promise<Tree[]> {
  const trees: Tree[] = [];
  for await (const page of treePages(fx)) trees.push(...page);
  return trees;
}
