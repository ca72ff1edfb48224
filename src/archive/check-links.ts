import { damage, type CheckFinding } from './check-findings.ts';
import { auditObject, bareToken } from './links.ts';
import { auditFault, auditStart } from '../formats/audit.ts';
import { digestOf } from '../formats/digests.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { Leaf, Tree, TreeToken } from '../model/archive.ts';
import type { Effects } from '../ports/effects.ts';

/** Audit lines read at once. */
const pageRows = 1000;

interface HeldHash {
  readonly tree: string;
  readonly digest: DigestAlgorithm;
}

/**
 * Follows what holds the days together: each tree's token in a later tree, heads of the audit log in the trees of their time. Collects
 * while the trees are read, judges at the end.
 */
export class LinkCheck {
  readonly #tokens: { readonly tree: Tree; readonly position: number; readonly bare: Buffer }[] = [];
  readonly #trees: Tree[] = [];
  readonly #heldTokens = new Map<string, HeldHash>();
  readonly #heldHeads = new Map<string, HeldHash>();

  leaf({ kind, hash, tree }: Leaf, digest: DigestAlgorithm): void {
    if (kind === 'previous-token') this.#heldTokens.set(hash.toString('latin1'), { tree, digest });
    if (kind === 'audit-head') this.#heldHeads.set(hash.toString('latin1'), { tree, digest });
  }

  tree(tree: Tree, [first]: readonly TreeToken[]): void {
    this.#trees.push(tree);
    if (first === undefined) return;
    try {
      this.#tokens.push({ tree, position: this.#trees.length, bare: bareToken(first.token) });
    } catch {
      // Reported where the tokens are read.
    }
  }

  /** Tokens that no later tree holds, and held ones that are not there any more. */
  tokenFindings(): CheckFinding[] {
    const digests = new Set([...this.#heldTokens.values()].map(({ digest }) => digest));
    const known = new Set<string>();
    const found: CheckFinding[] = [];
    for (const { tree, position, bare } of this.#tokens) {
      const hashes = [...digests].map((digest) => digestOf(digest, bare).toString('latin1'));
      for (const hash of hashes) known.add(hash);
      const holder = this.#holderOf(tree, position);
      if (holder !== undefined && !hashes.some((hash) => this.#heldTokens.has(hash)))
        found.push(damage(holder.id, `does not hold the token of ${tree.id}`));
    }
    for (const [hash, { tree }] of this.#heldTokens)
      if (!known.has(hash)) found.push(damage(tree, 'holds the token of a day that is not in the archive any more'));
    return found;
  }

  /** The first tree that was opened when the token was there: it, or an earlier one, must hold it. */
  #holderOf({ anchoredAt = Infinity }: Tree, position: number): Tree | undefined {
    for (let at = position; at < this.#trees.length; at++) {
      const later = this.#trees[at];
      if (later?.state === 'anchored' && later.openedAt >= anchoredAt) return later;
    }
    return undefined;
  }

  /** The audit log from its first line: an unbroken chain that still holds every line the trees vouch for. */
  async auditFindings(fx: Pick<Effects, 'store'>): Promise<CheckFinding[]> {
    const missing = new Map(this.#heldHeads);
    const digests = new Set([...missing.values()].map(({ digest }) => digest));
    let previous = { seq: 0, hash: auditStart };
    for (;;) {
      const rows = await fx.store.auditRows(previous.seq, pageRows);
      if (rows.length === 0) break;
      const fault = auditFault(rows, previous);
      if (fault !== undefined) return [damage('audit', fault)];
      for (const row of rows) {
        for (const digest of digests) {
          const hash = digest === 'sha256' ? row.hash : digestOf(digest, auditObject(previous.hash, row));
          missing.delete(hash.toString('latin1'));
        }
        previous = row;
      }
    }
    return [...missing.values()].map(({ tree }) => damage(tree, 'holds a line of the audit log that is not there any more'));
  }
}
