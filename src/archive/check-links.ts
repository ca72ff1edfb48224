import { damage, type CheckFinding } from './check-findings.ts';
import type { NumberedToken } from './check-hash-tree.ts';
import type { CheckPosition } from './check-position.ts';
import { auditObject, bareToken } from './links.ts';
import { auditFault, auditStart } from '../formats/audit.ts';
import { digestOf, sha256 } from '../formats/digests.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { AuditRow, Leaf, Tree, TreeToken } from '../model/archive.ts';
import type { Effects } from '../ports/effects.ts';

/** Audit lines read at once. */
const pageRows = 1000;

interface HeldHash {
  readonly tree: string;
  readonly digest: DigestAlgorithm;
}

/**
 * Follows what holds the days together: each tree's token in a later tree, heads of the audit log in the trees of their time, and the hash of each
 * token in the audit log. Collects while the trees are read, judges at the end.
 */
export class LinkCheck {
  readonly #tokens: { readonly tree: Tree; readonly position: number; readonly bare: Buffer }[] = [];
  readonly #trees: Tree[] = [];
  readonly #heldTokens = new Map<string, HeldHash>();
  readonly #heldHeads = new Map<string, HeldHash>();
  /** Tree or renewal and number of the timestamp → what is kept of it. */
  readonly #stamps = new Map<string, { readonly frozen: boolean; readonly name: string; readonly hash: string }>();
  /** What the audit log tells otherwise of timestamps. */
  readonly #others = new Map<string, CheckFinding>();
  readonly #lastLine: number;

  /** @param lastLine of the audit log when the check began: what later lines tell of may be younger than what was read */
  constructor(lastLine: number) {
    this.#lastLine = lastLine;
  }

  leaf({ kind, hash, tree }: Leaf, digest: DigestAlgorithm): void {
    if (kind === 'previous-token') this.#heldTokens.set(hash.toString('latin1'), { tree, digest });
    if (kind === 'audit-head') this.#heldHeads.set(hash.toString('latin1'), { tree, digest });
  }

  /** What `leaf` collected, to go on with later. */
  held(): CheckPosition['links'] {
    const list = (kind: 'previous-token' | 'audit-head', map: ReadonlyMap<string, HeldHash>): CheckPosition['links'] =>
      [...map].map(([hash, { tree, digest }]) => ({ kind, hash: Buffer.from(hash, 'latin1').toString('hex'), tree, digest }));
    return [...list('previous-token', this.#heldTokens), ...list('audit-head', this.#heldHeads)];
  }

  restore(links: CheckPosition['links']): void {
    for (const { kind, hash, tree, digest } of links)
      (kind === 'previous-token' ? this.#heldTokens : this.#heldHeads).set(Buffer.from(hash, 'hex').toString('latin1'), { tree, digest });
  }

  tree(tree: Tree, tokens: readonly TreeToken[]): void {
    const [first] = tokens;
    this.#trees.push(tree);
    this.tokens(tree.id, tokens);
    if (first === undefined) return;
    try {
      this.#tokens.push({ tree, position: this.#trees.length, bare: bareToken(first.token) });
    } catch {
      // Reported where the tokens are read.
    }
  }

  /** Timestamps over a tree or a renewal. */
  tokens(where: string, tokens: readonly NumberedToken[]): void {
    for (const { token, frozen, n } of tokens) {
      const name = n === undefined ? 'its timestamp' : `timestamp ${n}`;
      this.#stamps.set(`${where} ${n ?? 1}`, { frozen, name, hash: sha256(token).toString('hex') });
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
        this.#written(row);
        previous = row;
      }
    }
    return [
      ...this.#others.values(),
      ...[...missing.values()].map(({ tree }) => damage(tree, 'holds a line of the audit log that is not there any more')),
    ];
  }

  /** A line that tells of a timestamp. The last one about it counts: after a restored backup a tree may have been stamped again. */
  #written({ seq, action, details: { tree, renewal, n, token } }: AuditRow): void {
    const frozen = action === 'token-frozen';
    const where = tree ?? renewal;
    if (seq > this.#lastLine || typeof where !== 'string') return;
    if (action !== 'tree-anchored' && action !== 'renewal-anchored' && !frozen) return;
    const key = `${where} ${tree !== undefined && typeof n === 'number' ? n : 1}`;
    const kept = this.#stamps.get(key);
    if (kept === undefined)
      this.#others.set(key, damage(where, `its timestamp, of which line ${seq} of the audit log tells, is not there`));
    if (kept === undefined || kept.frozen !== frozen || typeof token !== 'string') return;
    if (kept.hash === token) this.#others.delete(key);
    else this.#others.set(key, damage(where, `${kept.name} is not the one that line ${seq} of the audit log tells of`));
  }
}
