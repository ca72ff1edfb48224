import { ended, tallyColumns, type BatchTally } from './batch-tallies.ts';
import { ever } from './signature-tallies.ts';
import type { Connection } from './database.ts';
import type { Methods } from './methods.ts';
import type { BatchState } from '../model/batch.ts';
import type { Totals } from '../ports/store.ts';

interface BatchCount extends BatchTally {
  readonly waiting: number;
}

interface KeyCount {
  readonly key: string;
  readonly count: number;
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
const endedIn = `SELECT ${tallyColumns}, 0 AS waiting FROM batches AS b WHERE ${ended} AND b.claimed_at >= ? AND b.claimed_at < ? GROUP BY b.state`;
/* A batch whose output is visible while its originals are not filed yet counts like a delivered one. */
const underWay = `
  SELECT b.state, count(*) AS batches, sum(iif(b.state = 'released', b.documents - b.failed, 0)) AS delivered,
    sum(iif(b.state = 'released' AND NOT EXISTS (SELECT 1 FROM batches AS r WHERE r.part_of = b.id AND r.state <> 'abandoned'), b.failed, 0)) AS failed,
    sum(iif(b.state = 'released', 0, b.documents)) AS waiting
  FROM batches AS b WHERE b.state NOT IN ('delivered', 'failed', 'cancelled', 'abandoned') AND b.claimed_at >= ? AND b.claimed_at < ? GROUP BY b.state`;

/** Counts for reports and metrics. */
export function totals({ db }: Connection): Pick<Methods, 'totals'> {
  const endedBatches = db.prepare<[number, number], BatchCount>(endedIn);
  const openBatches = db.prepare<[number, number], BatchCount>(underWay);
  const tallied = db.prepare<[], BatchCount>('SELECT state, batches, delivered, failed, 0 AS waiting FROM batch_tallies');
  const signatures = db.prepare<[number, number], KeyCount>(`
    SELECT k.name AS key, count(*) AS count FROM keys AS k JOIN intents AS i ON i.key = k.n
    WHERE i.at >= ? AND i.at < ? AND i.outcome IN ('signed', 'spent', 'doubt') GROUP BY k.n ORDER BY k.name`);
  const talliedSignatures = db.prepare<[], KeyCount>(`
    SELECT k.name AS key, sum(t.count) AS count FROM keys AS k JOIN signature_tallies AS t ON t.key = k.n
    WHERE t.quarter = ${ever} AND t.outcome IN ('signed', 'spent', 'doubt') GROUP BY k.n ORDER BY k.name`);
  const count = (rows: readonly BatchCount[], keys: readonly KeyCount[]): Totals => {
    const sum = (column: 'delivered' | 'failed' | 'waiting'): number => rows.reduce((total, row) => total + row[column], 0);
    const [delivered, failed, waiting] = [sum('delivered'), sum('failed'), sum('waiting')];
    return {
      batches: { ...noBatches, ...Object.fromEntries(rows.map((row) => [row.state, row.batches])) },
      documents: { in: delivered + failed + waiting, delivered, failed, waiting },
      signaturesByKey: Object.fromEntries(keys.map((row) => [row.key, row.count])),
    };
  };
  return {
    totals: (period) =>
      period === undefined
        ? count([...tallied.all(), ...openBatches.all(0, Number.MAX_SAFE_INTEGER)], talliedSignatures.all())
        : count(
            [...endedBatches.all(period.from, period.to), ...openBatches.all(period.from, period.to)],
            signatures.all(period.from, period.to),
          ),
  };
}
