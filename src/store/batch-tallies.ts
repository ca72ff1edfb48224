import type { Connection } from './database.ts';
import type { BatchState } from '../model/batch.ts';

/** What ended batches of one state count for. */
export interface BatchTally {
  readonly state: BatchState;
  readonly batches: number;
  readonly delivered: number;
  /** Documents that no other batch has taken over. */
  readonly failed: number;
}

export interface BatchTallies {
  /**
   * Runs a change of a batch, and counts anew what it counts for.
   * @param ids the batch, and the one that it is part of: what a retry takes over does not count as failed any more
   */
  around<T>(ids: readonly (string | undefined)[], change: () => T): T;
}

/** What a batch counts for once it has ended; nothing before. `b` is the batch. */
export const tallyColumns = `b.state, count(*) AS batches,
  coalesce(sum(iif(b.state = 'delivered', b.documents - b.failed, 0)), 0) AS delivered,
  coalesce(sum(CASE WHEN b.state = 'abandoned' OR EXISTS (SELECT 1 FROM batches AS r WHERE r.part_of = b.id AND r.state <> 'abandoned') THEN 0
                    WHEN b.state = 'delivered' THEN b.failed ELSE b.documents END), 0) AS failed`;

export const ended = "b.state IN ('delivered', 'failed', 'cancelled', 'abandoned')";

/** Counts ended batches by their state while they end, inside the running transaction. */
export function batchTallies({ db }: Connection): BatchTallies {
  const one = db.prepare<[string], BatchTally>(`SELECT ${tallyColumns} FROM batches AS b WHERE b.id = ? AND ${ended} GROUP BY b.state`);
  const write = db.prepare<
    [BatchState, number, number, number]
  >(`INSERT INTO batch_tallies (state, batches, delivered, failed) VALUES (?, ?, ?, ?)
    ON CONFLICT (state) DO UPDATE SET batches = batches + excluded.batches, delivered = delivered + excluded.delivered, failed = failed + excluded.failed`);
  const add = (ids: ReadonlySet<string>, sign: 1 | -1): void => {
    for (const id of ids) {
      const tally = one.get(id);
      if (tally !== undefined) write.run(tally.state, sign * tally.batches, sign * tally.delivered, sign * tally.failed);
    }
  };
  return {
    around: (ids, change) => {
      const all = new Set(ids.filter((id) => id !== undefined));
      add(all, -1);
      const result = change();
      add(all, 1);
      return result;
    },
  };
}
