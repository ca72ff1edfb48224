import type { Connection } from './database.ts';
import type { Methods } from './methods.ts';
import type { SignatureCounts } from '../ports/batch-store.ts';

/** What was asked of a key since its activation, counted by the order of the intents: the clock may be turned. */
export function activations({ db }: Connection): Pick<Methods, 'activationCounts'> {
  const countsAfter = db.prepare<[string, number], SignatureCounts>(`SELECT
      count(*) FILTER (WHERE outcome IN ('signed', 'spent')) AS signed, count(*) FILTER (WHERE outcome = 'doubt') AS doubt,
      count(*) FILTER (WHERE outcome IS NULL) AS open, count(*) FILTER (WHERE outcome = 'discarded') AS discarded
    FROM intents WHERE key = (SELECT n FROM keys WHERE name = ?) AND id > ?`);
  const mark = db.prepare<[string], { readonly value: string }>('SELECT value FROM meta WHERE key = ?');
  const setMark = db.prepare<[string, string]>('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)');
  const lastIntent = db.prepare<[], { readonly id: number }>('SELECT coalesce(max(id), 0) AS id FROM intents');

  /** The last intent before the activation. */
  const activationStart = (key: string, since: number): number => {
    const name = `activation:${key}`;
    const [known, after] = (mark.get(name)?.value ?? '').split(' ').map(Number);
    if (known === since && after !== undefined) return after;
    const last = lastIntent.get()?.id ?? 0;
    setMark.run(name, `${since} ${last}`);
    return last;
  };

  return {
    activationCounts: (key, since) => countsAfter.get(key, activationStart(key, since)) ?? { signed: 0, doubt: 0, open: 0, discarded: 0 },
  };
}
