import { SealError } from '../errors.ts';
import { present, toJson } from './rows.ts';
import { tileSize } from './leaf-tiles.ts';
import type { Connection } from './database.ts';
import type { TileFiles } from './tile-files.ts';
import type { Methods } from './methods.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { Tree, TreeNodes, TreeState } from '../model/archive.ts';
import type { ArchiveStore } from '../ports/archive-store.ts';

export interface TreeRow {
  readonly seq: number;
  readonly id: string;
  readonly state: TreeState;
  readonly digest: DigestAlgorithm;
  readonly layout: number;
  readonly opened_at: number;
  readonly sealed_at: number | null;
  readonly anchored_at: number | null;
  readonly first_leaf: number;
  readonly leaves: number;
  readonly root: Buffer | null;
  readonly hashes: 'rows' | 'both' | 'files';
}

function toTree(row: TreeRow): Tree {
  const { seq, id, state, digest, layout, opened_at: openedAt, leaves } = row;
  const rest = present({ sealedAt: row.sealed_at, anchoredAt: row.anchored_at, root: row.root });
  return { id, seq, state, digest, layout, openedAt, leaves, ...rest };
}

export interface TreeRows {
  readonly methods: Pick<Methods, 'openTree' | 'seal' | 'setRoot' | 'nodes' | 'trees' | 'treeDigests'>;
  /** @throws SealError SEAL-ARCHIVE-UNKNOWN */
  find(id: string): TreeRow;
  /** The tree that a leaf number belongs to. */
  ofLeaf(leaf: number): TreeRow | undefined;
  /** The open tree; opened when there is none. Inside the running transaction. */
  open(wanted: Parameters<ArchiveStore['openTree']>[0]): TreeRow;
  /** Writes how many leaves an open tree has. */
  setLeaves(seq: number, leaves: number): void;
}

/** The trees and their kept nodes. */
export function treeRows({ db }: Connection, files: TileFiles): TreeRows {
  const byId = db.prepare<[string], TreeRow>('SELECT * FROM trees WHERE id = ?');
  const byLeaf = db.prepare<[number], TreeRow>('SELECT * FROM trees WHERE first_leaf <= ? ORDER BY first_leaf DESC, seq DESC LIMIT 1');
  const openOne = db.prepare<[], TreeRow>("SELECT * FROM trees WHERE state = 'open'");
  const last = db.prepare<[], TreeRow>('SELECT * FROM trees ORDER BY seq DESC LIMIT 1');
  const sameDay = db.prepare<[string, string], { readonly count: number }>(
    "SELECT count(*) AS count FROM trees WHERE id > ? || '.' AND id < ? || '/'",
  );
  const digests = db.prepare<[], { readonly digest: DigestAlgorithm }>('SELECT DISTINCT digest FROM trees');
  const insert = db.prepare(`INSERT INTO trees (id, state, digest, layout, opened_at, first_leaf) VALUES (?, 'open', ?, ?, ?, ?)`);
  const leaves = db.prepare('UPDATE trees SET leaves = ? WHERE seq = ?');
  const seal = db.prepare("UPDATE trees SET state = 'sealed', sealed_at = ? WHERE id = ? AND state = 'open'");
  const root = db.prepare('UPDATE trees SET root = ? WHERE seq = ?');
  const putNodes = db.prepare('INSERT OR REPLACE INTO tree_nodes (tree, level, tile, hashes) VALUES (?, ?, ?, ?)');
  const tiles = db.prepare<[number, number, number, number], { readonly tile: number; readonly hashes: Buffer }>(
    'SELECT tile, hashes FROM tree_nodes WHERE tree = ? AND level = ? AND tile BETWEEN ? AND ? ORDER BY tile',
  );
  const select = `SELECT * FROM trees WHERE (@id IS NULL OR id = @id) AND seq > @afterSeq
    AND (@states IS NULL OR state IN (SELECT value FROM json_each(@states))) ORDER BY seq`;
  const oldest = db.prepare<object, TreeRow>(`${select} LIMIT @limit`);
  const newest = db.prepare<object, TreeRow>(`${select} DESC LIMIT @limit`);

  const find = (id: string): TreeRow => {
    const row = byId.get(id);
    if (row === undefined)
      throw new SealError('SEAL-ARCHIVE-UNKNOWN', `no tree is called ${id}`, { hint: '`archive due` names the trees' });
    return row;
  };

  const open: TreeRows['open'] = ({ date, at, digest, layout }) => {
    const existing = openOne.get();
    if (existing !== undefined) return existing;
    const previous = last.get();
    const end = previous === undefined ? tileSize : previous.first_leaf + previous.leaves;
    const number = (sameDay.get(date, date)?.count ?? 0) + 1;
    insert.run(`${date}.${number}`, digest, layout, at, Math.ceil(end / tileSize) * tileSize);
    return find(`${date}.${number}`);
  };

  const writeNodes = (tree: TreeRow, { level, hashes }: TreeNodes, size: number): void => {
    for (let tile = 0; tile * tileSize * size < hashes.length; tile++)
      putNodes.run(tree.seq, level, tile, hashes.subarray(tile * tileSize * size, (tile + 1) * tileSize * size));
  };

  return {
    find,
    open,
    ofLeaf: (leaf) => byLeaf.get(leaf),
    setLeaves: (seq, count) => {
      leaves.run(count, seq);
    },
    methods: {
      openTree: (wanted) => toTree(open(wanted)),
      seal: (id, at) => (seal.run(at, id).changes === 1 ? toTree(find(id)) : undefined),
      setRoot: (id, value, nodes = []) => {
        const tree = find(id);
        if (tree.root?.equals(value) === true) return;
        if (tree.state !== 'sealed' || tree.root !== null)
          throw new SealError(
            'SEAL-ARCHIVE-DAMAGED',
            `tree ${id} is ${tree.state} and ${tree.root === null ? 'has no root' : 'has another root'}`,
            {
              hint: 'run `sealtree archive check`',
            },
          );
        root.run(value, tree.seq);
        for (const level of nodes) writeNodes(tree, level, value.length);
      },
      nodes: (id, level, first, count) => {
        const tree = find(id);
        if (tree.hashes !== 'rows') return files.read(tree, level, first, count);
        const size = tree.root?.length ?? 0;
        const firstTile = Math.floor(first / tileSize);
        const found = tiles
          .all(tree.seq, level, firstTile, Math.floor((first + Math.max(count, 1) - 1) / tileSize))
          .map(({ hashes }) => hashes);
        const skip = first - firstTile * tileSize;
        return Buffer.concat(found).subarray(skip * size, (skip + count) * size);
      },
      treeDigests: () => digests.all().map(({ digest }) => digest),
      trees: ({ id = null, states, limit = -1, newestFirst = false, afterSeq = 0 }) =>
        (newestFirst ? newest : oldest).all({ id, states: toJson(states), limit, afterSeq }).map(toTree),
    },
  };
}
