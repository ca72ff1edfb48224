import type { Connection } from './database.ts';
import type { Methods } from './methods.ts';
import type { BatchState } from '../model/batch.ts';

interface BatchCount {
  readonly state: BatchState;
  readonly batches: number;
  readonly delivered: number;
  readonly failed: number;
  readonly waiting: number;
}

const noBatches: Readonly<Record<BatchState, number>> = {
  claiming: 0,
  claimed: 0,
  spooled: 0,
  admitted: 0,
  signed: 0,
  archived: 0,
  staged: 0,
  released: 0,
  failing: 0,
  cancelling: 0,
  delivered: 0,
  failed: 0,
  cancelled: 0,
  abandoned: 0,
};

/*
 * What left the house failed: failed documents of a delivered batch, all documents of a failed or cancelled one. A batch that is part of
 * it (a retry, a remainder) has taken those over. An abandoned batch was never ours.
 */
const perState = `
  WITH counted AS (
    SELECT b.state, b.documents, b.failed,
      EXISTS (SELECT 1 FROM batches AS r WHERE r.part_of = b.id AND r.state <> 'abandoned') AS retried
    FROM batches AS b WHERE b.claimed_at >= ? AND b.claimed_at < ?)
  SELECT state, count(*) AS batches,
    sum(CASE WHEN state IN ('released', 'delivered') THEN documents - failed ELSE 0 END) AS delivered,
    sum(CASE WHEN retried OR state = 'abandoned' THEN 0 WHEN state IN ('released', 'delivered') THEN failed
             WHEN state IN ('failed', 'cancelled') THEN documents ELSE 0 END) AS failed,
    sum(CASE WHEN state IN ('released', 'delivered', 'failed', 'cancelled', 'abandoned') THEN 0 ELSE documents END) AS waiting
  FROM counted GROUP BY state`;

/** Counts for reports and metrics. */
export function totals({ db }: Connection): Pick<Methods, 'totals'> {
  const states = db.prepare<[number, number], BatchCount>(perState);
  const signatures = db.prepare<[number, number], { readonly key: string; readonly count: number }>(`
    SELECT k.name AS key, count(*) AS count FROM keys AS k JOIN intents AS i ON i.key = k.n
    WHERE i.at >= ? AND i.at < ? AND i.outcome IN ('signed', 'spent', 'doubt') GROUP BY k.n ORDER BY k.name`);
  return {
    totals: (from, to) => {
      const rows = states.all(from, to);
      const sum = (column: 'delivered' | 'failed' | 'waiting'): number => rows.reduce((total, row) => total + row[column], 0);
      const [delivered, failed, waiting] = [sum('delivered'), sum('failed'), sum('waiting')];
      return {
        batches: { ...noBatches, ...Object.fromEntries(rows.map((row) => [row.state, row.batches])) },
        documents: { in: delivered + failed + waiting, delivered, failed, waiting },
        signaturesByKey: Object.fromEntries(signatures.all(from, to).map(({ key, count }) => [key, count])),
      };
    },
  };
}
