import { SealError } from '../errors.ts';
import { tileSize } from './leaf-tiles.ts';
import type { Connection } from './database.ts';
import type { Methods } from './methods.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { TileFile } from '../model/archive.ts';

interface Row {
  readonly kind: 'tree' | 'renewal';
  readonly seq: number;
  readonly id: string;
  readonly digest: DigestAlgorithm;
  readonly layout: number;
  readonly leaves: number;
  readonly root: Buffer;
  readonly hashes: 'rows' | 'both' | 'files';
  readonly first_leaf: number;
}

/** Rows removed in one transaction: 16 MiB of SHA-256 hashes. */
const rowsAtOnce = 2048;

/** Which closed trees lie in tile files, and which are still to be moved. */
export function tileRows({ db }: Connection): Pick<Methods, 'treesInRows' | 'setTiles' | 'dropRows' | 'tileFiles'> {
  const closed = `'tree' AS kind, seq, id, digest, layout, leaves, root, hashes, first_leaf FROM trees`;
  const renewed = `'renewal' AS kind, seq, id, digest, layout, leaves, root, hashes, 0 AS first_leaf FROM renewals`;
  const waiting = db.prepare<[number], Row>(`
    SELECT * FROM (SELECT ${closed} WHERE hashes <> 'files' AND leaves >= 4096 AND root IS NOT NULL
      UNION ALL SELECT ${renewed} WHERE hashes <> 'files' AND leaves >= 4096 AND state <> 'open') LIMIT ?`);
  const byId = db.prepare<[string, string], Row>(`SELECT ${closed} WHERE id = ? UNION ALL SELECT ${renewed} WHERE id = ?`);
  const add = db.prepare('INSERT INTO tile_files (tree, level, first, count, sha256) VALUES (?, ?, ?, ?, ?)');
  const filesOf = db.prepare<[string], TileFile>('SELECT level, first, count, sha256 FROM tile_files WHERE tree = ? ORDER BY level, first');
  const mark = {
    tree: db.prepare('UPDATE trees SET hashes = ? WHERE seq = ?'),
    renewal: db.prepare('UPDATE renewals SET hashes = ? WHERE seq = ?'),
  };
  const dropLeaves = db.prepare('DELETE FROM leaf_tiles WHERE n IN (SELECT n FROM leaf_tiles WHERE n >= ? AND n < ? ORDER BY n LIMIT ?)');
  const dropNodes = db.prepare('DELETE FROM tree_nodes WHERE tree = ?');
  const dropRenewal = db.prepare(`DELETE FROM renewal_nodes WHERE renewal = ? AND (level, tile) IN
    (SELECT level, tile FROM renewal_nodes WHERE renewal = ? LIMIT ?)`);

  const find = (id: string): Row => {
    const row = byId.get(id, id);
    if (row === undefined)
      throw new SealError('SEAL-ARCHIVE-UNKNOWN', `no tree is called ${id}`, { hint: '`archive due` names the trees' });
    return row;
  };

  /** @returns how many rows there were */
  const drop = ({ kind, seq, first_leaf: first, leaves }: Row): number => {
    if (kind === 'renewal') return dropRenewal.run(seq, seq, rowsAtOnce).changes;
    const from = first / tileSize;
    const { changes } = dropLeaves.run(from, from + Math.ceil(leaves / tileSize), rowsAtOnce);
    return changes > 0 ? changes : dropNodes.run(seq).changes;
  };

  return {
    treesInRows: (limit) =>
      waiting.all(limit).map(({ kind, id, digest, layout, leaves, root, hashes }) => {
        return { kind, id, digest, layout, leaves, root, filed: hashes === 'both' };
      }),
    setTiles: (id, files) => {
      const row = find(id);
      if (row.hashes !== 'rows') return;
      for (const { level, first, count, sha256 } of files) add.run(id, level, first, count, sha256);
      mark[row.kind].run('both', row.seq);
    },
    dropRows: (id) => {
      const row = find(id);
      if (row.hashes !== 'both') return false;
      if (drop(row) > 0) return true;
      mark[row.kind].run('files', row.seq);
      return false;
    },
    tileFiles: (id) => filesOf.all(id),
  };
}
