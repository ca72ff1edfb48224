import { lookupTiers, runSize } from './lookup-tiers.ts';
import { tileSize, type LeafTiles, type TreeRange } from './leaf-tiles.ts';
import { digestLengths } from '../formats/digests.ts';
import type { Connection } from './database.ts';

interface GroupRow {
  readonly id: number;
  readonly members: Buffer;
}

export interface LeafLookup {
  /** Lays out the runs that are full, `next` being the next leaf number. */
  extend(next: number): void;
  /** Leaf numbers that may have this hash, or a member with it: the caller compares. */
  candidates(hash: Buffer): Set<number>;
}

/** From a hash of a leaf, or of a member of a group, to leaf numbers, over all trees; inside the running transaction. */
export function leafLookup(connection: Connection, tiles: LeafTiles): LeafLookup {
  const { db } = connection;
  const tiers = lookupTiers(connection);
  const trees = db.prepare<[number, number], TreeRange>(
    'SELECT id, hashes, digest, first_leaf, leaves FROM trees WHERE first_leaf < ? AND first_leaf + leaves > ? ORDER BY first_leaf',
  );
  const groups = db.prepare<[number, number], GroupRow>('SELECT id, members FROM leaves WHERE id >= ? AND id < ? AND members IS NOT NULL');
  const holding = db.prepare<[number, Buffer], { readonly id: number }>(
    'SELECT id FROM leaves WHERE id >= ? AND members IS NOT NULL AND instr(members, ?) > 0',
  );

  /** Calls for the hashes of the leaf numbers from `from` to `end`, piece by piece; `leaf`: number of the first of them. */
  const eachPiece = (from: number, end: number, call: (hashes: Buffer, size: number, leaf: number) => void): void => {
    for (const tree of trees.all(end, from)) {
      const first = Math.max(from - tree.first_leaf, 0);
      const stop = Math.min(end - tree.first_leaf, tree.leaves);
      for (let at = first; at < stop; at += tileSize * 16)
        call(tiles.read(tree, at, Math.min(tileSize * 16, stop - at)), digestLengths[tree.digest], tree.first_leaf + at);
    }
  };

  const layOut = (from: number): void => {
    const hashes: { prefix: bigint; place: number }[] = [];
    const add = (piece: Buffer, size: number, place: (n: number) => number): void => {
      for (let at = 0; at < piece.length; at += size) hashes.push({ prefix: piece.readBigUInt64BE(at), place: place(at / size) });
    };
    eachPiece(from, from + runSize, (piece, size, leaf) => {
      add(piece, size, (n) => leaf + n - from);
      for (const { id, members } of groups.iterate(leaf, leaf + piece.length / size)) add(members, size, () => id - from);
    });
    tiers.add(hashes);
  };

  return {
    extend: (next) => {
      for (let from = tiers.end(); from + runSize <= next; from += runSize) layOut(from);
    },
    candidates: (hash) => {
      const found = new Set(tiers.find(hash));
      const tail = tiers.end();
      eachPiece(tail, Number.MAX_SAFE_INTEGER, (hashes, size, leaf) => {
        for (let at = hashes.indexOf(hash); at >= 0; at = hashes.indexOf(hash, at + 1)) if (at % size === 0) found.add(leaf + at / size);
      });
      for (const { id } of holding.iterate(tail, hash)) found.add(id);
      return found;
    },
  };
}
