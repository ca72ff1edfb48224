import { auditObject, bareToken } from './links.ts';
import { materialBlobs } from './material-blobs.ts';
import { treePages } from './tree-pages.ts';
import { auditStart } from '../formats/audit.ts';
import { digestOf } from '../formats/digests.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { Leaf } from '../model/archive.ts';
import type { Effects } from '../ports/effects.ts';

type StoreEffects = Pick<Effects, 'store'>;

/** Audit lines read at once. */
const pageRows = 1000;

/** Hashes of what the archive holds itself and what leaves of every tree stand for: tokens of earlier trees and lines of the audit log. */
export async function rehashLinks(fx: StoreEffects, known: readonly DigestAlgorithm[], digest: DigestAlgorithm): Promise<void> {
  const both = (object: Buffer): { hash: Buffer; rehashed: Buffer }[] => {
    const rehashed = digestOf(digest, object);
    return known.map((algorithm) => ({ hash: digestOf(algorithm, object), rehashed }));
  };
  for await (const trees of treePages(fx, { states: ['anchored'] })) {
    const tokens = await Promise.all(trees.map(async ({ id }) => (await fx.store.tokens(id)).slice(0, 1)));
    await fx.store.addRehashed(
      digest,
      tokens.flat().flatMap(({ token }) => both(bareToken(token))),
    );
  }
  for (let previous = { seq: 0, hash: auditStart }; ;) {
    const rows = await fx.store.auditRows(previous.seq, pageRows);
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
  const byHash = new Map<string, Buffer>();
  for await (const object of objectsOf(fx, leaf)) byHash.set(digestOf(treeDigest, object).toString('latin1'), digestOf(digest, object));
  return leaf.members.map((member) => byHash.get(member.toString('latin1')));
}

async function* objectsOf(fx: StoreEffects, { kind, batch, document }: Leaf): AsyncGenerator<Buffer> {
  if (kind === 'batch-material' && batch !== undefined) for await (const { bytes } of materialBlobs(fx, batch)) yield bytes;
  if (kind !== 'group' || document === undefined) return;
  const parts = (await fx.store.document(document))?.signature?.parts ?? [];
  const bytes = parts.filter((part) => Buffer.isBuffer(part));
  if (bytes.length === parts.length && bytes.length > 0) yield Buffer.concat(bytes);
}
