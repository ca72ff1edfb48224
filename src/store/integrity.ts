import { auditFault } from '../formats/audit.ts';
import { ended, tallyColumns } from './batch-tallies.ts';
import { tileSize } from './leaf-tiles.ts';
import { ever, quarter } from './signature-tallies.ts';
import type { Connection } from './database.ts';
import type { Methods } from './methods.ts';
import type { TileFiles } from './tile-files.ts';
import type { AuditRow, TileFile } from '../model/archive.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';

interface TreeSum {
  readonly id: string;
  readonly leaves: number;
  readonly rows: number;
  /** Hashes. */
  readonly held: number;
}

interface FiledRow extends TileFile {
  readonly tree: string;
  readonly digest: DigestAlgorithm;
}

interface Miscounted {
  readonly what: string;
}

/** Reads everything back. */
export function integrity({ db }: Connection, files: TileFiles, auditRows: Methods['auditRows']): Pick<Methods, 'integrity'> {
  const filed = (table: string): string => `(SELECT coalesce(sum(count), 0) FROM tile_files WHERE tree = ${table}.id AND level = 0)`;
  const size = (table: string): string => `CASE ${table}.digest WHEN 'sha256' THEN 32 WHEN 'sha384' THEN 48 ELSE 64 END`;
  const trees = db.prepare<[], TreeSum>(`SELECT t.id, t.leaves,
      (SELECT count(*) FROM leaves AS l WHERE l.id >= t.first_leaf AND l.id < t.first_leaf + t.leaves) AS rows,
      iif(t.hashes <> 'rows', ${filed('t')}, (SELECT coalesce(sum(length(hashes)), 0) * 1.0 FROM leaf_tiles
       WHERE n >= t.first_leaf / ${tileSize} AND n < (t.first_leaf + t.leaves + ${tileSize - 1}) / ${tileSize}) / ${size('t')}) AS held
    FROM trees AS t ORDER BY t.seq`);

  const renewals = db.prepare<[], TreeSum>(`SELECT r.id, r.leaves,
      coalesce(CASE r.kind WHEN 'timestamps' THEN c.rows ELSE o.rows END, 0) AS rows,
      iif(r.hashes <> 'rows', ${filed('r')}, coalesce(n.bytes, 0) * 1.0 / ${size('r')}) AS held
    FROM renewals AS r
    LEFT JOIN (SELECT renewal, count(*) AS rows FROM renewal_chains GROUP BY renewal) AS c ON c.renewal = r.seq
    LEFT JOIN (SELECT renewal, count(*) AS rows FROM renewal_objects GROUP BY renewal) AS o ON o.renewal = r.seq
    LEFT JOIN (SELECT renewal, sum(length(hashes)) AS bytes FROM renewal_nodes WHERE level = 0 GROUP BY renewal) AS n ON n.renewal = r.seq
    ORDER BY r.seq`);

  const tileFiles = db.prepare<[], FiledRow>(`SELECT f.*, coalesce(t.digest, r.digest) AS digest FROM tile_files AS f
    LEFT JOIN trees AS t ON t.id = f.tree LEFT JOIN renewals AS r ON r.id = f.tree ORDER BY f.tree, f.level, f.first`);

  const miscounted = db.prepare<[], Miscounted>(`
    WITH counted AS (SELECT ${tallyColumns} FROM batches AS b WHERE ${ended} GROUP BY b.state)
    SELECT 'batches that are ' || state AS what FROM (
      SELECT state, batches, delivered, failed FROM batch_tallies WHERE batches <> 0 EXCEPT SELECT * FROM counted)
    UNION SELECT 'batches that are ' || state FROM (SELECT * FROM counted EXCEPT SELECT state, batches, delivered, failed FROM batch_tallies)`);
  const miscountedKeys = db.prepare<[], Miscounted>(`
    WITH counted AS (SELECT key, at / ${quarter} AS quarter, outcome, count(*) AS n FROM intents WHERE outcome IS NOT NULL GROUP BY 1, 2, 3),
      every AS (SELECT * FROM counted UNION ALL SELECT key, ${ever}, outcome, sum(n) FROM counted GROUP BY 1, 3)
    SELECT 'signatures of ' || k.name AS what FROM keys AS k WHERE k.n IN (
      SELECT key FROM (SELECT key, quarter, outcome, count FROM signature_tallies EXCEPT SELECT * FROM every)
      UNION SELECT key FROM (SELECT * FROM every EXCEPT SELECT key, quarter, outcome, count FROM signature_tallies))`);

  const pages = (): string[] =>
    (db.pragma('integrity_check') as { integrity_check: string }[]).map((row) => row.integrity_check).filter((line) => line !== 'ok');

  const foreignKeys = (): string[] =>
    (db.pragma('foreign_key_check') as { table: string; rowid: number; parent: string }[]).map(
      ({ table, rowid, parent }) => `row ${rowid} of ${table} refers to a missing row of ${parent}`,
    );

  const audit = (): string[] => {
    let previous: AuditRow | undefined;
    for (;;) {
      const rows = auditRows(previous?.seq ?? 0, 10_000);
      if (rows.length === 0) return [];
      const fault = auditFault(rows, previous);
      if (fault !== undefined) return [fault];
      previous = rows.at(-1);
    }
  };

  const leaves = (what: string, sums: readonly TreeSum[]): string[] =>
    sums
      .filter(({ leaves: count, rows, held }) => rows !== count || held !== count)
      .map(({ id, leaves: count, rows, held }) => `${what} ${id} has ${count} leaves, but ${rows} rows and ${held} hashes`);

  const changedFiles = (): string[] => tileFiles.all().flatMap((file) => files.damage({ id: file.tree, digest: file.digest }, file) ?? []);

  const tallies = (): string[] =>
    [...miscounted.all(), ...miscountedKeys.all()].map(({ what }) => `the counts of ${what} are not those of their rows`);

  return {
    integrity: () => [
      ...pages(),
      ...foreignKeys(),
      ...audit(),
      ...leaves('tree', trees.all()),
      ...leaves('renewal', renewals.all()),
      ...changedFiles(),
      ...tallies(),
    ],
  };
}
