import { auditObject, bareToken } from './links.ts';
import { auditStart } from '../formats/audit.ts';
import { digestOf } from '../formats/digests.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { Leaf } from '../model/archive.ts';
import type { Effects } from '../ports/effects.ts';

type StoreEffects = Pick<Effects, 'store'>;

/** Rows read at once. */
const page = 1000;

/** Hashes of what the archive holds itself and what leaves of every tree stand for: tokens of earlier trees and lines of the audit log. */
export async function rehashLinks(fx: StoreEffects, known: readonly DigestAlgorithm[], digest: DigestAlgorithm): Promise<void> {
  const both = (object: Buffer): { hash: Buffer; rehashed: Buffer }[] => {
    const rehashed = digestOf(digest, object);
    return known.map((algorithm) => ({ hash: digestOf(algorithm, object), rehashed }));
  };
  for (let afterSeq = 0; ;) {
    const trees = await fx.store.trees({ states: ['anchored'], afterSeq, limit: page });
    const tokens = await Promise.all(trees.map(async ({ id }) => (await fx.store.tokens(id)).slice(0, 1)));
    await fx.store.addRehashed(
      digest,
      tokens.flat().flatMap(({ token }) => both(bareToken(token))),
    );
    const last = trees.at(-1);
    if (last === undefined) break;
    afterSeq = last.seq;
  }
  for (let previous = { seq: 0, hash: auditStart }; ;) {
    const rows = await fx.store.auditRows(previous.seq, page);
    const objects = rows.map((row) => {
      const object = auditObject(previous.hash, row);
      previous = row;
      return object;
    });
    if (objects.length === 0) return;
    await fx.store.addRehashed(digest, objects.flatMap(both));
  }
}

/**
 * H(d) with the new digest of a leaf's members as far as the archive holds them itself: material of a batch, detached signatures that
 * were kept. The others stay undefined.
 */
export async function ownMembers(
  fx: StoreEffects,
  leaf: Leaf,
  treeDigest: DigestAlgorithm,
  digest: DigestAlgorithm,
): Promise<(Buffer | undefined)[]> {
  const objects = await objectsOf(fx, leaf);
  const byHash = new Map(objects.map((object) => [digestOf(treeDigest, object).toString('latin1'), object]));
  return leaf.members.map((member) => {
    const object = byHash.get(member.toString('latin1'));
    return object === undefined ? undefined : digestOf(digest, object);
  });
}

async function objectsOf(fx: StoreEffects, { kind, batch, document }: Leaf): Promise<Buffer[]> {
  if (kind === 'batch-material' && batch !== undefined) return (await fx.store.batchBlobs(batch)).map(({ bytes }) => bytes);
  if (kind !== 'group' || document === undefined) return [];
  const parts = (await fx.store.document(document))?.signature?.parts ?? [];
  const bytes = parts.filter((part) => Buffer.isBuffer(part));
  return bytes.length === parts.length && bytes.length > 0 ? [Buffer.concat(bytes)] : [];
}
