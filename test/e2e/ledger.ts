import { join } from 'node:path';
import Database from 'better-sqlite3';

/** What the database of a house says, read beside its daemon or after it. */
export interface Ledger {
  readonly batches: readonly { readonly path: string; readonly state: string; readonly documents: number; readonly failed: number }[];
  /** Signing intents by outcome; `open`: nobody knows yet. */
  readonly intents: Readonly<Record<'signed' | 'spent' | 'unspent' | 'doubt' | 'discarded' | 'open', number>>;
  /** Documents that a key has signed and whose timestamp is outstanding. */
  readonly stamping: number;
  /** Documents that were signed more than once without a doubt between. */
  readonly signedTwice: number;
  /** Verified documents without the intent of their signature. */
  readonly withoutIntent: number;
}

export function readLedger(directory: string): Ledger {
  const database = new Database(join(directory, 'data/sealtree.db'), { readonly: true });
  try {
    const count = (sql: string): number => (database.prepare(sql).get() as { n: number }).n;
    const rows = database.prepare(`SELECT coalesce(outcome, 'open') AS outcome, count(*) AS n FROM intents GROUP BY 1`).all() as {
      outcome: keyof Ledger['intents'];
      n: number;
    }[];
    const intents = { signed: 0, spent: 0, unspent: 0, doubt: 0, discarded: 0, open: 0 };
    for (const { outcome, n } of rows) intents[outcome] = n;
    return {
      batches: database
        .prepare(`SELECT root || '/' || CAST(rel_path AS TEXT) AS path, state, documents, failed FROM batches ORDER BY n`)
        .all() as Ledger['batches'],
      intents,
      stamping: count(`SELECT count(*) AS n FROM documents WHERE state = 'stamping'`),
      signedTwice: count(
        `SELECT count(*) AS n FROM (SELECT document FROM intents WHERE outcome = 'signed' GROUP BY document HAVING count(*) > 1)`,
      ),
      withoutIntent: count(
        `SELECT count(*) AS n FROM documents d WHERE state = 'verified' AND NOT EXISTS (SELECT 1 FROM intents i WHERE i.document = d.id AND i.outcome = 'signed')`,
      ),
    };
  } finally {
    database.close();
  }
}
