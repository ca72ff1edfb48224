import type { NumberedBatch } from './batches.ts';
import type { Connection } from './database.ts';
import type { NewDocument } from '../ports/store.ts';

interface Candidate {
  readonly id: number;
  readonly rel_path: Buffer;
  readonly sha256: Buffer;
  readonly state: Earlier['state'];
}

/** Where a signature, or its value that waits for a timestamp, comes from. */
interface Earlier {
  readonly document: number;
  /** Of the new document. */
  readonly state: 'signed' | 'stamping';
}

const identity = (relPath: Buffer, sha256: Buffer): string => `${sha256.toString('latin1')}${relPath.toString('latin1')}`;

export interface EarlierSignatures {
  /** For a batch that is being spooled: the document of an earlier attempt whose signature a new document takes over. */
  forRetry(batch: NumberedBatch): (document: NewDocument) => Earlier | undefined;
  /** How many documents of the batch and its earlier attempts have a signature to take over. */
  count(batch: NumberedBatch): number;
}

/**
 * Signatures that earlier attempts made and nobody received. An attempt gives what it signed when it ended undelivered, is of the same
 * root and profile, the document kept path and SHA-256, and the key is one the batch may use. The name belongs to it because outputs are
 * named after it.
 */
export function earlierSignatures({ db }: Connection): EarlierSignatures {
  const usable = db.prepare<object, Candidate>(`
    WITH RECURSIVE attempts (n, id, part_of, depth) AS (
      SELECT n, id, part_of, 0 FROM batches WHERE n = @batch
      UNION ALL SELECT b.n, b.id, b.part_of, a.depth + 1 FROM batches AS b JOIN attempts AS a ON b.id = a.part_of WHERE a.depth < 1000)
    SELECT d.id, d.rel_path, d.sha256, iif(d.state = 'stamping', 'stamping', 'signed') AS state
    FROM attempts AS a JOIN batches AS b ON b.n = a.n JOIN documents AS d ON d.batch = a.n
      LEFT JOIN signatures AS s ON s.document = d.id LEFT JOIN signature_parts AS p ON p.document = d.id
      LEFT JOIN signature_values AS v ON v.document = d.id JOIN keys AS k ON k.n = coalesce(s.key, v.key)
    WHERE a.depth >= @from AND b.state NOT IN ('released', 'delivered') AND d.sha256 IS NOT NULL
      AND (d.state IN ('signed', 'verified') AND p.document IS NOT NULL OR d.state = 'stamping' AND v.document IS NOT NULL)
      AND b.root = @root AND b.profile = @profile AND k.name IN (SELECT value FROM json_each(@keys))
    ORDER BY a.depth`);

  const collect = (batch: NumberedBatch, from: number): Map<string, Earlier> => {
    const found = new Map<string, Earlier>();
    const { n, root, profile } = batch;
    for (const row of usable.iterate({ batch: n, from, root, profile, keys: JSON.stringify(batch.keys) })) {
      const name = identity(row.rel_path, row.sha256);
      if (!found.has(name)) found.set(name, { document: row.id, state: row.state });
    }
    return found;
  };

  return {
    forRetry: (batch) => {
      const found = batch.partOf === undefined ? undefined : collect(batch, 1);
      return ({ relPath, digests }) => {
        const sha256 = digests.find(([digest]) => digest === 'sha256')?.[1];
        return sha256 === undefined ? undefined : found?.get(identity(relPath, sha256));
      };
    },
    count: (batch) => collect(batch, 0).size,
  };
}
