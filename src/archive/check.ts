import { damage, type CheckFinding } from './check-findings.ts';
import { LinkCheck } from './check-links.ts';
import { checkHashTree, type StoredTree } from './check-hash-tree.ts';
import { RenewedCheck } from './check-renewals.ts';
import { checkRows } from './check-rows.ts';
import type { CheckPosition } from './check-position.ts';
import { nodesOfRenewal, nodesOfTree } from './paths.ts';
import { knowsRenewalLayout } from './renewal-leaf.ts';
import { currentLayout } from './tree.ts';
import { treePages } from './tree-pages.ts';
import type { Trust } from '../pki/trust.ts';
import type { HashTree, Leaf, Tree } from '../model/archive.ts';
import type { Renewal } from '../model/renewal.ts';
import type { Effects } from '../ports/effects.ts';

export type { CheckFinding } from './check-findings.ts';
export { parsePosition, type CheckPosition } from './check-position.ts';

export interface CheckOptions {
  /** Called with the number of leaves read so far, those of renewals too, and the number of all. */
  readonly onProgress?: (done: number, total: number, where: string) => void;
  readonly signal?: AbortSignal;
  /** Every n-th tree is also computed by foreign code; 1 by default, 0 for none. */
  readonly foreignEvery?: number;
  /** Where an interrupted check of this archive stood. */
  readonly from?: CheckPosition;
  /** Called behind each tree. @param position makes what `from` takes */
  readonly remember?: (position: () => CheckPosition) => Promise<void>;
}

export interface CheckResult {
  readonly trees: number;
  readonly renewals: number;
  readonly leaves: number;
  readonly tokens: number;
  /** The last tree or renewal that an earlier, interrupted check had read: it was not read again. */
  readonly resumedBehind?: string;
  /** Empty of damage: everything that was written is there and proves what it says. */
  readonly findings: readonly CheckFinding[];
}

type CheckEffects = Pick<Effects, 'store' | 'trees'>;

/**
 * Reads the archive back: the database itself, every row and its hash, roots and kept nodes of trees and renewals, tokens, what renewals hold, what
 * links the days, the material of the batches, the audit log. Changes nothing; may run beside the daemon. What comes after it began, and what
 * changes in trees that an interrupted check has read, is left for the next one.
 * @throws the signal's reason; SealError SEAL-STORE-* when the database cannot be read at all
 */
export async function checkArchive(fx: CheckEffects, trust: Trust, options: CheckOptions = {}): Promise<CheckResult> {
  const from = await stillThere(fx, options.from);
  const findings = from?.findings ?? (await fx.store.integrity()).map((line) => damage('database', line));
  const lastLine = from?.lastLine ?? (await fx.store.auditHead()).seq;
  // Before the trees: what they renew is among those.
  const renewals = await fx.store.renewals({});
  const anchored = from?.anchored ?? renewals.filter(({ state }) => state === 'anchored').map(({ id }) => id);
  const trees = await allTrees(fx);
  const begun: CheckPosition = { version: 1, lastLine, anchored, renewals: [], done: 0, findings, links: [], held: [], damaged: false };
  const check = new ArchiveCheck(fx, trust, options, from ?? begun, renewals, sum(trees));
  for (const renewal of renewals) await check.renewal(renewal);
  for (const tree of trees) await check.tree(tree);
  await check.end();
  const resumedBehind = from?.tree?.id ?? from?.renewals.at(-1);
  return {
    trees: trees.length,
    renewals: renewals.length,
    leaves: sum(trees),
    tokens: check.tokens,
    ...(resumedBehind === undefined ? {} : { resumedBehind }),
    findings: check.findings,
  };
}

/** A position counts for the database that it was taken in, not for another one that was put in its place. */
async function stillThere({ store }: CheckEffects, from: CheckPosition | undefined): Promise<CheckPosition | undefined> {
  if (from?.tree === undefined) return from;
  const [tree] = await store.trees({ id: from.tree.id });
  return tree?.seq === from.tree.seq ? from : undefined;
}

function sum(trees: readonly HashTree[]): number {
  return trees.reduce((all, { leaves }) => all + leaves, 0);
}

async function allTrees(fx: Pick<Effects, 'store'>): Promise<Tree[]> {
  const trees: Tree[] = [];
  for await (const page of treePages(fx)) trees.push(...page);
  return trees;
}

/** A check under way. */
class ArchiveCheck {
  readonly findings: CheckFinding[];
  tokens = 0;
  readonly #fx: CheckEffects;
  readonly #trust: Trust;
  readonly #options: CheckOptions;
  readonly #begun: Pick<CheckPosition, 'lastLine' | 'anchored'>;
  readonly #anchored: readonly Renewal[];
  readonly #links: LinkCheck;
  readonly #renewed: RenewedCheck;
  readonly #renewals: string[];
  readonly #total: number;
  #last: CheckPosition['tree'];
  #done: number;
  #position = 0;

  constructor(fx: CheckEffects, trust: Trust, options: CheckOptions, from: CheckPosition, renewals: readonly Renewal[], leaves: number) {
    const { lastLine, anchored } = from;
    this.#fx = fx;
    // As of their own time, without asking for revocation: what has expired since is the business of `archive due`.
    this.#trust = { ...trust, revocationMode: 'none' };
    this.#options = options;
    this.#begun = { lastLine, anchored };
    this.#anchored = renewals.filter(({ id }) => anchored.includes(id));
    this.#total = leaves + sum(this.#anchored);
    this.#links = new LinkCheck(lastLine);
    this.#renewed = new RenewedCheck(fx, this.#anchored, this.#progress, options.signal);
    this.findings = [...from.findings];
    this.#renewals = [...from.renewals];
    this.#last = from.tree;
    this.#done = from.done;
    this.#links.restore(from.links);
    this.#renewed.restore(from);
  }

  /** The tree of a renewal; what it holds is seen with the trees. */
  async renewal(renewal: Renewal): Promise<void> {
    if (renewal.state === 'open') return;
    const { id, layout } = renewal;
    const token = await this.#fx.store.renewalToken(id);
    const tokens = token === undefined ? [] : [token];
    this.#links.tokens(id, tokens);
    this.tokens += tokens.length;
    if (this.#renewals.includes(id)) return;
    await this.#hashTree({ tree: renewal, known: knowsRenewalLayout(layout), nodes: nodesOfRenewal(this.#fx.store, id), tokens });
    this.#renewals.push(id);
    await this.#remember();
  }

  async tree(tree: Tree): Promise<void> {
    const { id, seq, digest, layout } = tree;
    const { store } = this.#fx;
    const tokens = await store.tokens(id);
    this.#links.tree(tree, tokens);
    this.tokens += tokens.length;
    if (this.#last !== undefined && seq <= this.#last.seq) return;
    const onLeaf = (leaf: Leaf): void => {
      this.#links.leaf(leaf, digest);
    };
    this.findings.push(...(await checkRows(this.#fx, tree, this.#progress, onLeaf)));
    await this.#hashTree({ tree, known: layout === currentLayout, nodes: nodesOfTree(store, id), tokens });
    this.findings.push(...(await this.#renewed.tree(tree, tokens)));
    this.#last = { id, seq };
    await this.#remember();
  }

  /** What only the whole shows. */
  async end(): Promise<void> {
    for (const renewal of this.#anchored) this.findings.push(...(await this.#renewed.renewal(renewal)));
    this.findings.push(...(await this.#renewed.lost()), ...this.#links.tokenFindings(), ...(await this.#links.auditFindings(this.#fx)));
  }

  async #hashTree(stored: StoredTree): Promise<void> {
    const { foreignEvery = 1, signal } = this.#options;
    signal?.throwIfAborted();
    const foreign = foreignEvery > 0 && this.#position++ % foreignEvery === 0;
    this.findings.push(...(await checkHashTree(this.#fx, stored, this.#trust, foreign)));
  }

  readonly #progress = (leaves: number, where: string): void => {
    this.#options.onProgress?.((this.#done += leaves), this.#total, where);
    this.#options.signal?.throwIfAborted();
  };

  async #remember(): Promise<void> {
    await this.#options.remember?.(() => ({
      version: 1,
      ...this.#begun,
      renewals: [...this.#renewals],
      ...(this.#last === undefined ? {} : { tree: this.#last }),
      done: this.#done,
      findings: [...this.findings],
      links: this.#links.held(),
      ...this.#renewed.seen(),
    }));
  }
}
