import { digestLengths } from '../formats/digests.ts';
import { hashList } from '../formats/ers-hash.ts';
import { SealError } from '../errors.ts';
import { leafKinds } from './leaf-references.ts';
import { LeafSet } from './leaf-set.ts';
import { tileSize, type LeafTiles } from './leaf-tiles.ts';
import type { BatchRows } from './batches.ts';
import type { WriteBlobs } from './blobs.ts';
import type { Connection } from './database.ts';
import type { LeafLookup } from './leaf-lookup.ts';
import type { Methods } from './methods.ts';
import type { TreeRow, TreeRows } from './trees.ts';
import type { NewLeaf } from '../model/archive.ts';
import type { LeafReference } from '../model/batch.ts';

interface Parts {
  readonly batches: BatchRows;
  readonly trees: TreeRows;
  readonly tiles: LeafTiles;
  readonly lookup: LeafLookup;
  readonly writeBlobs: WriteBlobs;
}

/** Appends leaves to the open tree: the archive's hot path. */
export function appending(
  { db }: Connection,
  { batches, trees, tiles, lookup, writeBlobs }: Parts,
): Pick<Methods, 'appendLeaves' | 'seal'> {
  const insert = db.prepare('INSERT INTO leaves (id, kind, members, document, batch) VALUES (?, ?, ?, ?, ?)');
  const insertTwin = db.prepare('INSERT INTO leaf_twins (leaf, kind, members, document, batch) VALUES (?, ?, ?, ?, ?)');
  let known: { readonly seq: number; readonly set: LeafSet } | undefined;

  /** The set of the open tree; read again after a restart, a rolled back transaction or another writer, and to make it larger. */
  const setOf = (tree: TreeRow, more: number): LeafSet => {
    const wanted = tree.leaves + more;
    if (known?.seq === tree.seq && known.set.size === tree.leaves && known.set.capacity >= wanted) return known.set;
    known = undefined;
    const set = new LeafSet(wanted);
    const size = digestLengths[tree.digest];
    for (let first = 0; first < tree.leaves; first += 16 * tileSize) {
      const hashes = tiles.read(tree, first, 16 * tileSize);
      for (let at = 0; at < hashes.length; at += size) set.add(hashes.subarray(at, at + size));
    }
    known = { seq: tree.seq, set };
    return set;
  };

  const append = (tree: TreeRow, leaves: readonly NewLeaf[], numberOfBatch: (id: string) => number): LeafReference[] => {
    const set = setOf(tree, leaves.length);
    const fresh: Buffer[] = [];
    const hashAt = (position: number): Buffer => fresh[position - tree.leaves] ?? tiles.read(tree, position, 1);
    const references = leaves.map(({ kind, members, document = null, batch }): LeafReference => {
      const hash = leafHash(members, tree);
      const column = members.length === 1 ? null : Buffer.concat(members);
      const number = batch === undefined ? null : numberOfBatch(batch);
      const twin = set.find(hash, hashAt);
      const index = twin ?? tree.leaves + fresh.length;
      (twin === undefined ? insert : insertTwin).run(tree.first_leaf + index, leafKinds.indexOf(kind), column, document, number);
      if (twin === undefined) {
        set.add(hash);
        fresh.push(hash);
      }
      return { tree: tree.id, index, what: kind };
    });
    tiles.append(tree, fresh);
    trees.setLeaves(tree.seq, tree.leaves + fresh.length);
    lookup.extend(tree.first_leaf + tree.leaves + fresh.length);
    return references;
  };

  return {
    seal: (id, at) => {
      known = undefined;
      return trees.methods.seal(id, at);
    },
    appendLeaves: ({ tree: wanted, leaves, blobs, batch }) => {
      const numbers = new Map<string, number>();
      const numberOfBatch = (id: string): number => {
        const number = numbers.get(id) ?? batches.find(id).n;
        numbers.set(id, number);
        return number;
      };
      if (batch !== undefined) batches.move(batch, 'signed', 'archived');
      writeBlobs(blobs, batch === undefined ? undefined : numberOfBatch(batch));
      const tree = trees.open(wanted);
      try {
        return append(tree, leaves, numberOfBatch);
      } catch (thrown) {
        known = undefined;
        throw thrown;
      }
    },
  };
}

/** Hash of a leaf (RFC 4998 §4.2). @throws SealError SEAL-ARCHIVE-OPEN when the members were not made with the tree's digest */
function leafHash(members: readonly Buffer[], tree: TreeRow): Buffer {
  const size = digestLengths[tree.digest];
  if (members.length === 0) throw new SealError('SEAL-INTERNAL', 'a leaf without members');
  const stranger = members.find((member) => member.length !== size);
  if (stranger !== undefined)
    throw new SealError('SEAL-ARCHIVE-OPEN', `the open tree ${tree.id} is of ${tree.digest}, the leaf has ${stranger.length} bytes`, {
      hint: 'close the tree (`sealtree archive close`); the next one takes the digest of the configuration',
    });
  return hashList(members, tree.digest);
}
