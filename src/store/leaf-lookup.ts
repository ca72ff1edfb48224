import { tileSize, type LeafTiles, type TreeRange } from './leaf-tiles.ts';
import { digestLengths } from '../formats/digests.ts';
import type { Connection } from './database.ts';

/*
 * From a hash to leaves, without an index on the hot path (a B-tree over random hashes takes 95,000 rows a second, and 21,000 at ten
 * million). A run is 65,536 leaf numbers; once it is full its hashes are sorted and laid into 1,024 buckets by their first 10 bits:
 * row (bucket, run) holds entries of 8 octets, the first 6 of the hash and the leaf's place in the run. A search reads one bucket, whose
 * rows lie side by side; leaves of the run that is not full yet are looked through. 8.4 bytes a leaf.
 */
const runSize = 65_536;
const entrySize = 8;
const prefixSize = 6;
const bucketOf = (hash: Buffer, at = 0): number => hash.readUInt16BE(at) >>> 6;

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

/** The lookup over all trees; inside the running transaction. */
export function leafLookup({ db }: Connection, tiles: LeafTiles): LeafLookup {
  const nextRun = db.prepare<[], { readonly run: number }>('SELECT coalesce(max(run) + 1, 0) AS run FROM leaf_runs');
  const addRun = db.prepare('INSERT INTO leaf_runs (run) VALUES (?)');
  const addBucket = db.prepare('INSERT INTO leaf_lookup (bucket, run, entries) VALUES (?, ?, ?)');
  const bucket = db.prepare<[number], { readonly run: number; readonly entries: Buffer }>(
    'SELECT run, entries FROM leaf_lookup WHERE bucket = ?',
  );
  const trees = db.prepare<[number, number], TreeRange>(
    'SELECT id, hashes, digest, first_leaf, leaves FROM trees WHERE first_leaf < ? AND first_leaf + leaves > ? ORDER BY first_leaf',
  );
  const groups = db.prepare<[number, number], GroupRow>('SELECT id, members FROM leaves WHERE id >= ? AND id < ? AND members IS NOT NULL');

  /** Calls for every leaf hash and every member's hash of the leaf numbers from `from` to `end`. */
  const eachHash = (from: number, end: number, call: (hashes: Buffer, size: number, leaf: (index: number) => number) => void): void => {
    for (const tree of trees.all(end, from)) {
      const size = digestLengths[tree.digest];
      const first = Math.max(from - tree.first_leaf, 0);
      const stop = Math.min(end - tree.first_leaf, tree.leaves);
      for (let at = first; at < stop; at += tileSize * 16)
        call(tiles.read(tree, at, Math.min(tileSize * 16, stop - at)), size, (index) => tree.first_leaf + at + index);
      for (const { id, members } of groups.iterate(tree.first_leaf + first, tree.first_leaf + stop)) call(members, size, () => id);
    }
  };

  const layOut = (run: number): void => {
    const entries: bigint[] = [];
    eachHash(run * runSize, (run + 1) * runSize, (hashes, size, leaf) => {
      for (let at = 0; at < hashes.length; at += size) {
        const place = leaf(at / size) - run * runSize;
        entries.push((hashes.readBigUInt64BE(at) & ~0xffffn) | BigInt(place));
      }
    });
    const sorted = Buffer.allocUnsafe(entries.length * entrySize);
    BigUint64Array.from(entries)
      .sort()
      .forEach((entry, n) => sorted.writeBigUInt64BE(entry, n * entrySize));
    for (let at = 0; at < sorted.length;) {
      let end = at + entrySize;
      while (end < sorted.length && bucketOf(sorted, end) === bucketOf(sorted, at)) end += entrySize;
      addBucket.run(bucketOf(sorted, at), run, sorted.subarray(at, end));
      at = end;
    }
    addRun.run(run);
  };

  return {
    extend: (next) => {
      for (let run = nextRun.get()?.run ?? 0; (run + 1) * runSize <= next; run++) layOut(run);
    },
    candidates: (hash) => {
      const found = new Set<number>();
      for (const { run, entries } of bucket.iterate(bucketOf(hash)))
        for (let at = 0; at < entries.length; at += entrySize)
          if (entries.compare(hash, 0, prefixSize, at, at + prefixSize) === 0)
            found.add(run * runSize + entries.readUInt16BE(at + prefixSize));
      const tail = (nextRun.get()?.run ?? 0) * runSize;
      eachHash(tail, Number.MAX_SAFE_INTEGER, (hashes, size, leaf) => {
        for (let at = hashes.indexOf(hash); at >= 0; at = hashes.indexOf(hash, at + 1)) if (at % size === 0) found.add(leaf(at / size));
      });
      return found;
    },
  };
}
