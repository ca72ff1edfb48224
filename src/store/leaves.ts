import { digestLengths } from '../formats/digests.ts';
import { leafKinds, leavesByDocument, type ReferencesOf } from './leaf-references.ts';
import { present } from './rows.ts';
import type { Connection } from './database.ts';
import type { LeafLookup } from './leaf-lookup.ts';
import type { LeafTiles } from './leaf-tiles.ts';
import type { Methods } from './methods.ts';
import type { TreeRow, TreeRows } from './trees.ts';
import type { Leaf } from '../model/archive.ts';

interface Row {
  readonly leaf: number;
  readonly kind: number;
  readonly members: Buffer | null;
  readonly document: number | null;
  readonly batch: string | null;
}

const hashLengths = new Set([32, 48, 64]);

interface Parts {
  readonly trees: TreeRows;
  readonly tiles: LeafTiles;
  readonly lookup: LeafLookup;
  readonly referencesOf: ReferencesOf;
}

function split(members: Buffer, size: number): Buffer[] {
  return Array.from({ length: members.length / size }, (_, n) => members.subarray(n * size, (n + 1) * size));
}

/** Reads leaves. */
export function leafReader(
  { db }: Connection,
  { trees, tiles, lookup, referencesOf }: Parts,
): Pick<Methods, 'leafHashes' | 'leaf' | 'leavesPage' | 'findLeaves' | 'documentLeaves'> {
  const range = db.prepare<[number, number, number, number], Row>(`
    SELECT l.leaf, l.kind, l.members, l.document, b.id AS batch
    FROM (SELECT id AS leaf, 0 AS twin, kind, members, document, batch FROM leaves WHERE id >= ? AND id < ?
          UNION ALL SELECT leaf, id, kind, members, document, batch FROM leaf_twins WHERE leaf >= ? AND leaf < ?) AS l
    LEFT JOIN batches AS b ON b.n = l.batch ORDER BY l.leaf, l.twin`);

  const before = db.prepare<[Buffer, Buffer], { readonly hash: Buffer }>(
    'SELECT DISTINCT hash FROM rehashed WHERE substr(rehashed, 1, 8) = substr(?, 1, 8) AND rehashed = ? AND hash <> rehashed',
  );

  const read = (tree: TreeRow, first: number, end: number): Leaf[] => {
    const size = digestLengths[tree.digest];
    const hashes = tiles.read(tree, first, end - first);
    const from = tree.first_leaf + first;
    const to = from + hashes.length / size;
    return range.all(from, to, from, to).map((row): Leaf => {
      const hash = hashes.subarray((row.leaf - from) * size, (row.leaf - from + 1) * size);
      const members = row.members === null ? [hash] : split(row.members, size);
      const rest = present({ document: row.document, batch: row.batch });
      return { tree: tree.id, index: row.leaf - tree.first_leaf, kind: leafKinds[row.kind] ?? 'document', hash, members, ...rest };
    });
  };

  /** Leaves that hold this hash with their tree's digest. */
  const holding = (hash: Buffer): Leaf[] =>
    [...lookup.candidates(hash)]
      .sort((a, b) => a - b)
      .flatMap((leaf) => {
        const tree = trees.ofLeaf(leaf);
        return tree === undefined ? [] : read(tree, leaf - tree.first_leaf, leaf - tree.first_leaf + 1);
      })
      .filter((leaf) => leaf.hash.equals(hash) || leaf.members.some((member) => member.equals(hash)));

  return {
    leafHashes: (id, first = 0, count = Number.MAX_SAFE_INTEGER - first) => tiles.read(trees.find(id), first, count),
    leaf: (id, index) => read(trees.find(id), index, index + 1).at(0),
    leavesPage: (id, afterIndex, limit) => read(trees.find(id), afterIndex + 1, afterIndex + 1 + limit),
    findLeaves: (hash) => {
      if (!hashLengths.has(hash.length)) return [];
      const found = holding(hash);
      return found.length > 0 ? found : before.all(hash, hash).flatMap((old) => holding(old.hash));
    },
    documentLeaves: (document) => [...(leavesByDocument(referencesOf(document, document)).get(document) ?? [])],
  };
}
