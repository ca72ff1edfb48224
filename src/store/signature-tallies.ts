import type { Connection } from './database.ts';
import type { Methods } from './methods.ts';

export type Outcome = 'signed' | 'spent' | 'unspent' | 'doubt' | 'discarded';

/** ms. Every time zone's day begins with one of these. */
export const quarter = 900_000;
/** In place of a quarter: since the beginning. */
export const ever = -1;

/** An intent that was just closed. `key` is its number. */
export interface Closed {
  readonly key: number;
  readonly at: number;
  readonly outcome: Outcome;
}

interface Counted {
  readonly outcome: Outcome | null;
  readonly count: number;
}

export interface SignatureTallies extends Pick<Methods, 'signatureCounts'> {
  /** Inside the transaction that closed them. */
  count(closed: readonly Closed[]): void;
}

/** Counts what was asked of each key by outcome, in quarters of an hour: a day is 96 rows, and all time one. */
export function signatureTallies({ db }: Connection): SignatureTallies {
  const write = db.prepare<
    [number, number, Outcome, number]
  >(`INSERT INTO signature_tallies (key, quarter, outcome, count) VALUES (?, ?, ?, ?)
    ON CONFLICT (key, quarter, outcome) DO UPDATE SET count = count + excluded.count`);
  const numberOf = db.prepare<[string], { readonly n: number }>('SELECT n FROM keys WHERE name = ?');
  const all = db.prepare<[number], Counted>(`SELECT outcome, count FROM signature_tallies WHERE key = ? AND quarter = ${ever}`);
  const quarters = db.prepare<[number, number], Counted>(
    'SELECT outcome, sum(count) AS count FROM signature_tallies WHERE key = ? AND quarter >= ? GROUP BY outcome',
  );
  const part = db.prepare<[number, number, number], Counted>(
    'SELECT outcome, count(*) AS count FROM intents WHERE key = ? AND at >= ? AND at < ? AND outcome IS NOT NULL GROUP BY outcome',
  );
  const open = db.prepare<[number, number], Counted>(
    'SELECT NULL AS outcome, count(*) AS count FROM intents WHERE key = ? AND at >= ? AND outcome IS NULL',
  );

  const settled = (key: number, since: number): Counted[] => {
    if (since <= 0) return all.all(key);
    const whole = Math.ceil(since / quarter);
    return [...quarters.all(key, whole), ...(whole * quarter === since ? [] : part.all(key, since, whole * quarter))];
  };

  return {
    count: (closed) => {
      const sums = new Map<string, Closed & { readonly count: number }>();
      for (const one of closed) {
        for (const at of [Math.floor(one.at / quarter), ever]) {
          const name = `${one.key} ${at} ${one.outcome}`;
          sums.set(name, { ...one, at, count: (sums.get(name)?.count ?? 0) + 1 });
        }
      }
      for (const { key, at, outcome, count } of sums.values()) write.run(key, at, outcome, count);
    },
    signatureCounts: (name, since) => {
      const key = numberOf.get(name)?.n;
      if (key === undefined) return { signed: 0, doubt: 0, open: 0, discarded: 0 };
      const rows = [...settled(key, since), ...open.all(key, since)];
      const sum = (...outcomes: readonly (Outcome | null)[]): number =>
        rows.reduce((total, row) => total + (outcomes.includes(row.outcome) ? row.count : 0), 0);
      return { signed: sum('signed', 'spent'), doubt: sum('doubt'), open: sum(null), discarded: sum('discarded') };
    },
  };
}
