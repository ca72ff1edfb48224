import { digestLengths } from '../formats/digests.ts';
import { SealError } from '../errors.ts';
import type { Connection } from './database.ts';
import type { TileFiles } from './tile-files.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';

/** Hashes in one row: leaves of a tree, and nodes of one level. */
export const tileSize = 256;

/** Where a tree's leaves lie. */
export interface TreeRange {
  readonly id: string;
  readonly hashes: 'rows' | 'both' | 'files';
  readonly digest: DigestAlgorithm;
  readonly first_leaf: number;
  readonly leaves: number;
}

export interface LeafTiles {
  /** Hashes of `count` leaves from `first` on, concatenated; fewer at the end. @throws SealError SEAL-STORE-CORRUPT */
  read(tree: TreeRange, first: number, count: number): Buffer;
  /** Puts hashes behind the leaves that the tree has. */
  append(tree: TreeRange, hashes: readonly Buffer[]): void;
}

/** Leaf hashes: of the open tree and of small ones 256 in a row of the database, of large closed ones in tile files. */
export function leafTiles({ db }: Connection, files: TileFiles): LeafTiles {
  const get = db.prepare<[number], { readonly hashes: Buffer }>('SELECT hashes FROM leaf_tiles WHERE n = ?');
  const range = db.prepare<[number, number], { readonly n: number; readonly hashes: Buffer }>(
    'SELECT n, hashes FROM leaf_tiles WHERE n BETWEEN ? AND ? ORDER BY n',
  );
  const put = db.prepare('INSERT OR REPLACE INTO leaf_tiles (n, hashes) VALUES (?, ?)');
  return {
    read: (tree, first, count) => {
      if (tree.hashes !== 'rows') return files.read(tree, 0, first, count);
      const size = digestLengths[tree.digest];
      const end = Math.min(first + count, tree.leaves);
      if (first < 0 || end <= first) return Buffer.alloc(0);
      const hashes = Buffer.allocUnsafeSlow((end - first) * size);
      const base = tree.first_leaf / tileSize;
      let filled = 0;
      for (const tile of range.iterate(base + Math.floor(first / tileSize), base + Math.floor((end - 1) / tileSize))) {
        const at = (tile.n - base) * tileSize;
        const from = Math.max(first - at, 0);
        filled += tile.hashes.copy(hashes, (at + from - first) * size, from * size, Math.min(tileSize, end - at) * size);
      }
      if (filled !== hashes.length)
        throw new SealError('SEAL-STORE-CORRUPT', `${(hashes.length - filled) / size} leaves of the tree are missing`, {
          hint: 'restore the last backup of the data directory (docs/operations.md)',
        });
      return hashes;
    },
    append: (tree, hashes) => {
      const size = digestLengths[tree.digest];
      const base = tree.first_leaf / tileSize;
      for (let done = 0; done < hashes.length;) {
        const at = tree.leaves + done;
        const tile = base + Math.floor(at / tileSize);
        const room = tileSize - (at % tileSize);
        const begun = at % tileSize === 0 ? [] : [(get.get(tile)?.hashes ?? Buffer.alloc(0)).subarray(0, (at % tileSize) * size)];
        put.run(tile, Buffer.concat([...begun, ...hashes.slice(done, done + room)]));
        done += room;
      }
    },
  };
}
