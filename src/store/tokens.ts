import { SealError } from '../errors.ts';
import type { Connection } from './database.ts';
import type { Methods } from './methods.ts';
import type { TreeRows } from './trees.ts';
import type { TreeToken } from '../model/archive.ts';

interface Row {
  readonly n: number;
  readonly tsa: string;
  readonly token: Buffer;
  readonly gen_time: number;
  readonly accuracy: number;
  readonly frozen: 0 | 1;
}

/** Timestamps over trees, and how many each authority gave. */
export function tokenRows(
  { db }: Connection,
  trees: TreeRows,
): Pick<Methods, 'addToken' | 'replaceToken' | 'tokens' | 'unfrozenTokens' | 'countTimestamp' | 'tsaCertificate' | 'timestampCounts'> {
  const all = db.prepare<[number], Row>('SELECT n, tsa, token, gen_time, accuracy, frozen FROM tree_tokens WHERE tree = ? ORDER BY n');
  const insert = db.prepare('INSERT INTO tree_tokens (tree, n, tsa, token, gen_time, accuracy, frozen) VALUES (?, ?, ?, ?, ?, ?, ?)');
  const unfrozen = db.prepare<[], Row & { readonly tree: string }>(
    'SELECT t.id AS tree, n, tsa, token, gen_time, accuracy, frozen FROM tree_tokens JOIN trees AS t ON t.seq = tree WHERE frozen = 0 ORDER BY t.seq, n',
  );
  const anchor = db.prepare("UPDATE trees SET state = 'anchored', anchored_at = ? WHERE seq = ? AND state = 'sealed'");
  const replace = db.prepare('UPDATE tree_tokens SET token = ?, frozen = ? WHERE tree = ? AND n = ? AND frozen = 0');
  const count = db.prepare(`INSERT INTO timestamp_counts (tsa, minute, ok, failed) VALUES (@tsa, @minute, @ok, @failed)
    ON CONFLICT (tsa, minute) DO UPDATE SET ok = ok + @ok, failed = failed + @failed`);
  const keepCertificate = db.prepare<[string, string]>(`INSERT INTO meta (key, value) VALUES (?, ?)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE value <> excluded.value`);
  const readCertificate = db.prepare<[string], { readonly value: string }>('SELECT value FROM meta WHERE key = ?');
  const certificateOf = (tsa: string): string => `tsa-certificate.${tsa}`;
  const counts = db.prepare<[number, number], { readonly tsa: string; readonly ok: number; readonly failed: number }>(
    'SELECT tsa, sum(ok) AS ok, sum(failed) AS failed FROM timestamp_counts WHERE minute >= ? AND minute < ? GROUP BY tsa ORDER BY tsa',
  );
  const toToken = (tree: string, { n, tsa, token, gen_time: genTime, accuracy, frozen }: Row): TreeToken => {
    return { tree, n, tsa, token, genTime, accuracy, frozen: frozen === 1 };
  };
  return {
    addToken: ({ tree: id, n, tsa, token, genTime, accuracy, frozen }, at) => {
      const tree = trees.find(id);
      const same = all.all(tree.seq).find((row) => row.n === n);
      if (same?.token.equals(token) === true) return;
      if (same !== undefined)
        throw new SealError('SEAL-ARCHIVE-DAMAGED', `tree ${id} has another timestamp ${n} already`, {
          hint: 'run `sealtree archive check`',
        });
      if (tree.state === 'open' || tree.root === null)
        throw new SealError(
          'SEAL-ARCHIVE-OPEN',
          `tree ${id} is ${tree.state} and ${tree.root === null ? 'has no root' : 'has a root'}: no timestamp yet`,
        );
      insert.run(tree.seq, n, tsa, token, genTime, accuracy, frozen ? 1 : 0);
      anchor.run(at, tree.seq);
    },
    replaceToken: ({ tree: id, n, token, frozen }) => {
      if (replace.run(token, frozen ? 1 : 0, trees.find(id).seq, n).changes !== 1)
        throw new SealError('SEAL-ARCHIVE-DAMAGED', `timestamp ${n} of tree ${id} is frozen or missing`, {
          hint: 'run `sealtree archive check`',
        });
    },
    tokens: (id) => all.all(trees.find(id).seq).map((row) => toToken(id, row)),
    unfrozenTokens: () => unfrozen.all().map((row) => toToken(row.tree, row)),
    countTimestamp: (tsa, at, certificate) => {
      const ok = certificate === undefined ? 0 : 1;
      count.run({ tsa, minute: Math.floor(at / 60_000), ok, failed: 1 - ok });
      if (certificate !== undefined) keepCertificate.run(certificateOf(tsa), certificate.toString('base64'));
    },
    tsaCertificate: (tsa) => {
      const row = readCertificate.get(certificateOf(tsa));
      return row === undefined ? undefined : Buffer.from(row.value, 'base64');
    },
    timestampCounts: (since, until = Number.MAX_SAFE_INTEGER) => counts.all(Math.floor(since / 60_000), Math.floor(until / 60_000)),
  };
}
