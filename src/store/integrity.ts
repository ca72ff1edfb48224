import { auditFault } from '../formats/audit.ts';
import { digestLengths } from '../formats/digests.ts';
import { ended, tallyColumns } from './batch-tallies.ts';
import { tileSize } from './leaf-tiles.ts';
import { ever, quarter } from './signature-tallies.ts';
import type { Connection } from './database.ts';
import type { Methods } from './methods.ts';
import type { AuditRow } from '../model/archive.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';

interface TreeSum {
  readonly id: string;
  readonly digest: DigestAlgorithm;
  readonly leaves: number;
  readonly rows: number;
  readonly bytes: number;
}

interface Miscounted {
  readonly what: string;
}

/** Reads everything back. */
export function integrity({ db }: Connection, auditRows: Methods['auditRows']): Pick<Methods, 'integrity'> {
  const trees = db.prepare<[], TreeSum>(`SELECT t.id, t.digest, t.leaves,
      (SELECT count(*) FROM leaves AS l WHERE l.id >= t.first_leaf AND l.id < t.first_leaf + t.leaves) AS rows,
      (SELECT coalesce(sum(length(hashes)), 0) FROM leaf_tiles
       WHERE n >= t.first_leaf / ${tileSize} AND n < (t.first_leaf + t.leaves + ${tileSize - 1}) / ${tileSize}) AS bytes
    FROM trees AS t ORDER BY t.seq`);

  const renewals = db.prepare<[], TreeSum>(`SELECT r.id, r.digest, r.leaves,
      coalesce(CASE r.kind WHEN 'timestamps' THEN c.rows ELSE o.rows END, 0) AS rows, coalesce(n.bytes, 0) AS bytes
    FROM renewals AS r
    LEFT JOIN (SELECT renewal, count(*) AS rows FROM renewal_chains GROUP BY renewal) AS c ON c.renewal = r.seq
    LEFT JOIN (SELECT renewal, count(*) AS rows FROM renewal_objects GROUP BY renewal) AS o ON o.renewal = r.seq
    LEFT JOIN (SELECT renewal, sum(length(hashes)) AS bytes FROM renewal_nodes WHERE level = 0 GROUP BY renewal) AS n ON n.renewal = r.seq
    ORDER BY r.seq`);

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
      .filter(({ digest, leaves: count, rows, bytes }) => rows !== count || bytes !== count * digestLengths[digest])
      .map(({ id, leaves: count, rows, bytes }) => `${what} ${id} has ${count} leaves, but ${rows} rows and ${bytes} bytes of hashes`);

  const tallies = (): string[] =>
    [...miscounted.all(), ...miscountedKeys.all()].map(({ what }) => `the counts of ${what} are not those of their rows`);

  return {
    integrity: () => [
      ...pages(),
      ...foreignKeys(),
      ...audit(),
      ...leaves('tree', trees.all()),
      ...leaves('renewal', renewals.all()),
      ...tallies(),
    ],
  };
}
