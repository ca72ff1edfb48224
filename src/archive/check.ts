import { damage, type CheckFinding } from './check-findings.ts';
import { LinkCheck } from './check-links.ts';
import { checkRoot, checkRows, checkTokens, checkWithForeignCode } from './check-tree.ts';
import { treePages } from './tree-pages.ts';
import type { Trust } from '../pki/trust.ts';
import type { Tree } from '../model/archive.ts';
import type { Effects } from '../ports/effects.ts';

export type { CheckFinding } from './check-findings.ts';

export interface CheckOptions {
  /** Called with the number of leaves read so far and the number of all. */
  readonly onProgress?: (done: number, total: number, tree: string) => void;
  readonly signal?: AbortSignal;
  /** Every n-th tree is also computed by foreign code; 1 by default, 0 for none. */
  readonly foreignEvery?: number;
}

export interface CheckResult {
  readonly trees: number;
  readonly leaves: number;
  readonly tokens: number;
  /** Empty of damage: everything that was written is there and proves what it says. */
  readonly findings: readonly CheckFinding[];
}

/**
 * Reads the archive back: the database itself, every row and its hash, roots and kept nodes, tokens, what links the days, the material
 * of the batches, the audit log. Changes nothing; may run beside the daemon.
 * @throws the signal's reason; SealError SEAL-STORE-* when the database cannot be read at all
 */
export async function checkArchive(
  fx: Pick<Effects, 'store' | 'trees'>,
  trust: Trust,
  { foreignEvery = 1, onProgress, signal }: CheckOptions = {},
): Promise<CheckResult> {
  const findings: CheckFinding[] = (await fx.store.integrity()).map((line) => damage('database', line));
  const links = new LinkCheck();
  // As of their own time, without asking for revocation: what has expired since is the business of `archive due`.
  const sound: Trust = { ...trust, revocationMode: 'none' };
  const trees = await allTrees(fx);
  const total = trees.reduce((sum, { leaves }) => sum + leaves, 0);
  let done = 0;
  let tokens = 0;
  for (const [position, tree] of trees.entries()) {
    signal?.throwIfAborted();
    const progress = (count: number): void => {
      done += count;
      onProgress?.(done, total, tree.id);
      signal?.throwIfAborted();
    };
    findings.push(
      ...(await checkRows(fx, tree, progress, (leaf) => {
        links.leaf(leaf, tree.digest);
      })),
    );
    findings.push(...(await checkRoot(fx, tree)));
    if (foreignEvery > 0 && position % foreignEvery === 0) findings.push(...(await checkWithForeignCode(fx, tree)));
    const stamps = await fx.store.tokens(tree.id);
    tokens += stamps.length;
    findings.push(...checkTokens(tree, stamps, sound));
    links.tree(tree, stamps);
  }
  findings.push(...links.tokenFindings(), ...(await links.auditFindings(fx)));
  return { trees: trees.length, leaves: total, tokens, findings };
}

async function allTrees(fx: Pick<Effects, 'store'>): Promise<Tree[]> {
  const trees: Tree[] = [];
  for await (const page of treePages(fx)) trees.push(...page);
  return trees;
}
