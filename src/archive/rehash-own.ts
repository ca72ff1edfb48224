import { auditObject, bareToken } from './links.ts';
import { auditStart } from '../formats/audit.ts';
import { digestOf } from '../formats/digests.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { Leaf } from '../model/archive.ts';
import type { Effects } from '../ports/effects.ts';

type StoreEffects = Pick<Effects, 'store'>;

/** Rows read at once. */
const page = 1000;
/** Blobs read at once: a report comes in parts of some megabytes. */
const pageBlobs = 8;

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
  const byHash = new Map<string, Buffer>();
  for await (const object of objectsOf(fx, leaf)) byHash.set(digestOf(treeDigest, object).toString('latin1'), digestOf(digest, object));
  return leaf.members.map((member) => byHash.get(member.toString('latin1')));
}

async function* objectsOf(fx: StoreEffects, { kind, batch, document }: Leaf): AsyncGenerator<Buffer> {
  if (kind === 'batch-material' && batch !== undefined) {
    for (let skip = 0, read = pageBlobs; read === pageBlobs; skip += pageBlobs) {
      const blobs = await fx.store.batchBlobs(batch, { skip, limit: pageBlobs });
      read = blobs.length;
      for (const { bytes } of blobs) yield bytes;
    }
  }
  if (kind !== 'group' || document === undefined) return;
  const parts = (await fx.store.document(document))?.signature?.parts ?? [];
  const bytes = parts.filter((part) => Buffer.isBuffer(part));
  if (bytes.length === parts.length && bytes.length > 0) yield Buffer.concat(bytes);
}
