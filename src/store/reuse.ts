import type { NumberedBatch } from './batches.ts';
import type { Connection } from './database.ts';
import type { NewDocument } from '../ports/batch-store.ts';

/** Where a signature, or its value that waits for a timestamp, comes from. */
export interface Earlier {
  readonly document: number;
  /** Of the new document. */
  readonly state: 'signed' | 'stamping';
}

export interface EarlierSignatures {
  /** Before the first document of a batch is written: looks what its earlier attempts have. */
  begin(batch: NumberedBatch): void;
  /** The document of an earlier attempt whose signature a new document takes over. */
  find(batch: NumberedBatch, document: NewDocument): Earlier | undefined;
  /** All documents of the batch are written. */
  end(batch: NumberedBatch): void;
  /** How many documents of the batch and its earlier attempts have a signature to take over. */
  count(batch: NumberedBatch): number;
}

/*
 * An attempt gives what it signed when it ended undelivered, is of the same root and profile, the document kept path and SHA-256, and the key is one the
 * batch may use. The name belongs to it because outputs are named after it.
 */
const usable = `
  WITH RECURSIVE attempts (n, id, part_of, depth) AS (
    SELECT n, id, part_of, 0 FROM batches WHERE n = @batch
    UNION ALL SELECT b.n, b.id, b.part_of, a.depth + 1 FROM batches AS b JOIN attempts AS a ON b.id = a.part_of WHERE a.depth < 1000)
  SELECT d.rel_path, d.sha256, d.id AS document, iif(d.state = 'stamping', 'stamping', 'signed') AS state, a.depth
  FROM attempts AS a JOIN batches AS b ON b.n = a.n JOIN documents AS d ON d.batch = a.n
    LEFT JOIN signatures AS s ON s.document = d.id LEFT JOIN signature_parts AS p ON p.document = d.id
    LEFT JOIN signature_values AS v ON v.document = d.id JOIN keys AS k ON k.n = coalesce(s.key, v.key)
  WHERE a.depth >= @from AND b.state NOT IN ('released', 'delivered') AND d.sha256 IS NOT NULL
    AND (d.state IN ('signed', 'verified') AND p.document IS NOT NULL OR d.state = 'stamping' AND v.document IS NOT NULL)
    AND b.root = @root AND b.profile = @profile AND k.name IN (SELECT value FROM json_each(@keys))`;

/** A million documents may have been signed: a table of SQLite takes a third of what a map would, and all pages of a batch find it. */
const table = `CREATE TEMP TABLE IF NOT EXISTS earlier (
  batch INTEGER NOT NULL, rel_path BLOB NOT NULL, sha256 BLOB NOT NULL, document INTEGER NOT NULL, state TEXT NOT NULL,
  PRIMARY KEY (batch, rel_path, sha256)) STRICT, WITHOUT ROWID`;

interface Statements {
  fill(batch: NumberedBatch): void;
  clear(batch: NumberedBatch): void;
  find(batch: NumberedBatch, relPath: Buffer, sha256: Buffer): Earlier | undefined;
}

/** Signatures that earlier attempts made and nobody received. */
export function earlierSignatures({ db }: Connection): EarlierSignatures {
  const inAll = db.prepare<object, { readonly n: number }>(`SELECT count(*) AS n FROM (SELECT DISTINCT rel_path, sha256 FROM (${usable}))`);
  const of = ({ n, root, profile, keys }: NumberedBatch, from: number): object => ({
    batch: n,
    from,
    root,
    profile,
    keys: JSON.stringify(keys),
  });

  const prepare = (): Statements => {
    db.exec(table);
    // The newest attempt first: its rows stay.
    const fill = db.prepare(`INSERT OR IGNORE INTO temp.earlier (batch, rel_path, sha256, document, state)
      SELECT @batch, rel_path, sha256, document, state FROM (${usable}) ORDER BY depth`);
    const clear = db.prepare('DELETE FROM temp.earlier WHERE batch = ?');
    const find = db.prepare<[number, Buffer, Buffer], Earlier>(
      'SELECT document, state FROM temp.earlier WHERE batch = ? AND rel_path = ? AND sha256 = ?',
    );
    return {
      fill: (batch) => fill.run(of(batch, 1)),
      clear: ({ n }) => clear.run(n),
      find: ({ n }, relPath, sha256) => find.get(n, relPath, sha256),
    };
  };
  let statements: Statements | undefined;

  return {
    begin: (batch) => {
      if (batch.partOf === undefined) return;
      statements ??= prepare();
      statements.clear(batch);
      statements.fill(batch);
    },
    find: (batch, { relPath, digests }) => {
      const sha256 = digests.find(([digest]) => digest === 'sha256')?.[1];
      return sha256 === undefined || batch.partOf === undefined ? undefined : statements?.find(batch, relPath, sha256);
    },
    end: (batch) => {
      if (batch.partOf !== undefined) statements?.clear(batch);
    },
    count: (batch) => inAll.get(of(batch, 0))?.n ?? 0,
  };
}
