import type { Connection } from './database.ts';
import type { Methods } from './methods.ts';
import type { RenewalRows } from './renewals.ts';
import type { TreeRows } from './trees.ts';
import type { CoveredChain, RenewedObject } from '../model/renewal.ts';

interface ObjectRow {
  readonly renewal: string;
  readonly leaf: number;
  readonly position: number;
  readonly members: Buffer;
  readonly size: number;
}

/** What renewals hold: chains of timestamps, or objects hashed anew. */
export function renewalContent(
  { db }: Connection,
  renewals: RenewalRows,
  trees: TreeRows,
): Pick<
  Methods,
  | 'sealTimestampRenewal'
  | 'openHashTreeRenewal'
  | 'addRenewedObjects'
  | 'sealHashTreeRenewal'
  | 'renewalsOfChain'
  | 'renewedObjects'
  | 'renewedCounts'
  | 'addRehashed'
  | 'rehashed'
> {
  const addChain = db.prepare('INSERT INTO renewal_chains (renewal, leaf, tree, base) VALUES (?, ?, ?, ?)');
  const ofChain = db.prepare<[number | null, number | null, number], CoveredChain>(`SELECT r.id AS renewal, c.leaf FROM renewal_chains AS c
    JOIN renewals AS r ON r.seq = c.renewal WHERE (c.tree = ? OR c.base = ?) AND r.n = ? ORDER BY r.seq`);
  const addObject = db.prepare('INSERT INTO renewal_objects (tree, leaf, renewal, position, members) VALUES (?, ?, ?, ?, ?)');
  const objects = db.prepare<[number, number, number, number], ObjectRow>(`SELECT r.id AS renewal, o.leaf, o.position, o.members,
    CASE r.digest WHEN 'sha256' THEN 32 WHEN 'sha384' THEN 48 ELSE 64 END AS size
    FROM renewal_objects AS o JOIN renewals AS r ON r.seq = o.renewal
    WHERE o.tree = ? AND o.leaf >= ? AND o.leaf < ? AND r.n = ? ORDER BY o.leaf, r.seq`);
  const addTrees = db.prepare(
    'INSERT INTO renewal_trees (renewal, tree, leaves) SELECT renewal, tree, count(*) FROM renewal_objects WHERE renewal = ? GROUP BY tree',
  );
  const counts = db.prepare<[], { readonly renewal: string; readonly tree: string; readonly leaves: number; readonly of: number }>(
    `SELECT r.id AS renewal, t.id AS tree, c.leaves, t.leaves AS of FROM renewal_trees AS c
     JOIN renewals AS r ON r.seq = c.renewal JOIN trees AS t ON t.seq = c.tree ORDER BY r.seq, t.seq`,
  );
  const countsOf = db.prepare<[string], { readonly renewal: string; readonly tree: string; readonly leaves: number; readonly of: number }>(
    `SELECT r.id AS renewal, t.id AS tree, c.leaves, t.leaves AS of FROM trees AS t
     JOIN renewals AS r ON r.kind = 'hash-tree' JOIN renewal_trees AS c ON c.renewal = r.seq AND c.tree = t.seq WHERE t.id = ? ORDER BY r.seq`,
  );
  const open = db.prepare<[number], { readonly seq: number }>("SELECT seq FROM renewals WHERE n = ? AND state = 'open'");
  const drops = ['renewal_objects', 'renewal_nodes'].map((table) => db.prepare(`DELETE FROM ${table} WHERE renewal = ?`));
  const drop = db.prepare('DELETE FROM renewals WHERE seq = ?');
  const remember = db.prepare('INSERT OR REPLACE INTO rehashed (digest, hash, rehashed) VALUES (?, ?, ?)');
  const remembered = db.prepare<[string, Buffer], { readonly rehashed: Buffer }>(
    'SELECT rehashed FROM rehashed WHERE digest = ? AND hash = ?',
  );
  const setPosition = db.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)');

  return {
    sealTimestampRenewal: ({ chains, leaves, root, nodes, ...wanted }) => {
      const renewal = renewals.insert('timestamps', wanted);
      renewals.appendLeaves(renewal, leaves);
      chains.forEach((start, leaf) => {
        if ('tree' in start) addChain.run(renewal.seq, leaf, trees.find(start.tree).seq, null);
        else addChain.run(renewal.seq, leaf, null, renewals.find(start.renewal).seq);
      });
      return renewals.seal(renewal, wanted.at, root, nodes);
    },
    openHashTreeRenewal: (wanted) => {
      for (const { seq } of open.all(wanted.n)) {
        for (const statement of drops) statement.run(seq);
        drop.run(seq);
      }
      const { id } = renewals.insert('hash-tree', wanted);
      const [renewal] = renewals.methods.renewals({ id });
      if (renewal === undefined) throw new Error(`renewal ${id} was written and is not there`);
      return renewal;
    },
    addRenewedObjects: (id, added, leaves) => {
      const renewal = renewals.find(id);
      let tree = { id: '', seq: 0 };
      added.forEach((object, n) => {
        if (object.tree !== tree.id) tree = trees.find(object.tree);
        addObject.run(tree.seq, object.index, renewal.seq, renewal.leaves + n, Buffer.concat(object.members));
      });
      renewals.appendLeaves(renewal, leaves);
    },
    sealHashTreeRenewal: (id, at, root, nodes) => {
      const renewal = renewals.find(id);
      addTrees.run(renewal.seq);
      return renewals.seal(renewal, at, root, nodes);
    },
    renewalsOfChain: (start, n) =>
      'tree' in start ? ofChain.all(trees.find(start.tree).seq, null, n) : ofChain.all(null, renewals.find(start.renewal).seq, n),
    renewedObjects: (tree, n, first, count) =>
      objects.all(trees.find(tree).seq, first, first + count, n).map(({ renewal, leaf, position, members, size }): RenewedObject => {
        const split = Array.from({ length: members.length / size }, (_, k) => members.subarray(k * size, (k + 1) * size));
        return { renewal, tree, index: leaf, position, members: split };
      }),
    renewedCounts: (tree) => (tree === undefined ? counts.all() : countsOf.all(tree)),
    addRehashed: (digest, found, position) => {
      for (const { hash, rehashed } of found) remember.run(digest, hash, rehashed);
      if (position !== undefined) setPosition.run(position.key, position.value);
    },
    rehashed: (digest, hashes) => hashes.map((hash) => remembered.get(digest, hash)?.rehashed ?? null),
  };
}
