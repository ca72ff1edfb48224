import { SealError } from '../errors.ts';
import { auditStart, canonicalJson } from '../formats/audit.ts';
import { children, context, encode, integer, parse, sequence, Tag } from '../formats/der.ts';
import { digestOf } from '../formats/digests.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { AuditRow, NewLeaf } from '../model/archive.ts';
import type { Effects } from '../ports/effects.ts';

/**
 * The part of a token that never changes: TSTInfo and its signature, without the certificates and revocation data that are replaced
 * after the grace period (evidence-records 15). It is itself a valid token; its hash links a tree to the one before it.
 * @param token DER TimeStampToken as the archive keeps it @returns DER
 */
export function bareToken(token: Buffer): Buffer {
  const [type, explicit] = children(parse(token, Tag.sequence));
  if (type === undefined || explicit === undefined) throw malformed();
  const fields = children(parse(explicit.content, Tag.sequence));
  const [version, ...rest] = fields.filter(({ tag }) => tag !== context(0, true) && tag !== context(1, true));
  if (version?.tag !== Tag.integer) throw malformed();
  // RFC 5652 §5.1: without other formats of revocation data the version is 3.
  const signedData = sequence(integer(3), ...rest.map(({ raw }) => raw));
  return sequence(type.raw, encode(context(0, true), signedData));
}

/** The object that stands for an audit line: the hash before it and its canonical JSON. Its SHA-256 is the line's own hash. */
export function auditObject(previous: Buffer, { seq, at, actor, action, details }: Omit<AuditRow, 'hash'>): Buffer {
  return Buffer.concat([previous, Buffer.from(canonicalJson({ seq, at, actor, action, details }), 'utf8')]);
}

/**
 * Leaves for the tokens of earlier trees that no tree holds yet, oldest first: the chain between the days. A token that comes late is
 * linked by the tree that is open then.
 */
export async function tokenLinks(fx: Pick<Effects, 'store'>, digest: DigestAlgorithm): Promise<NewLeaf[]> {
  const links: NewLeaf[] = [];
  for (let limit = 16, seen = 0; ; limit *= 4) {
    const trees = await fx.store.trees({ states: ['anchored'], newestFirst: true, limit });
    for (const tree of trees.slice(seen)) {
      const [first] = await fx.store.tokens(tree.id);
      if (first === undefined) continue;
      const hash = digestOf(digest, bareToken(first.token));
      const known = await fx.store.findLeaves(hash);
      if (known.some(({ kind }) => kind === 'previous-token')) return links;
      links.unshift({ kind: 'previous-token', members: [hash] });
    }
    if (trees.length < limit) return links;
    seen = trees.length;
  }
}

/** Leaf for the newest audit line: nobody can cut the log behind it unnoticed. None while the log is empty. */
export async function auditLink(fx: Pick<Effects, 'store'>, digest: DigestAlgorithm): Promise<NewLeaf[]> {
  const { seq } = await fx.store.auditHead();
  if (seq === 0) return [];
  const rows = await fx.store.auditRows(Math.max(0, seq - 2), 2);
  const row = rows.find((candidate) => candidate.seq === seq);
  const previous = seq === 1 ? auditStart : rows.find((candidate) => candidate.seq === seq - 1)?.hash;
  if (row === undefined || previous === undefined)
    throw new SealError('SEAL-ARCHIVE-DAMAGED', `audit line ${seq} or the one before it is missing`, {
      hint: 'run `sealtree audit verify`',
    });
  return [{ kind: 'audit-head', members: [digestOf(digest, auditObject(previous, row))] }];
}

function malformed(): SealError {
  return new SealError('SEAL-ARCHIVE-DAMAGED', 'a kept timestamp token is malformed', { hint: 'run `sealtree archive check`' });
}
