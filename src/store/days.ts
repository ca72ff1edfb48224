import { fromJson } from './rows.ts';
import type { Connection } from './database.ts';
import type { Methods } from './methods.ts';

/** Days that were closed, and single values. */
export function dayRows({ db }: Connection): Pick<Methods, 'recordDay' | 'lastDay' | 'meta' | 'setMeta'> {
  const get = db.prepare<[string], { readonly trees: string }>('SELECT trees FROM days WHERE date = ?');
  const put = db.prepare(
    'INSERT INTO days (date, closed_at, trees) VALUES (?, ?, ?) ON CONFLICT (date) DO UPDATE SET trees = excluded.trees',
  );
  const last = db.prepare<[], { readonly date: string | null }>('SELECT max(date) AS date FROM days');
  const value = db.prepare<[string], { readonly value: string }>('SELECT value FROM meta WHERE key = ?');
  const setValue = db.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)');
  return {
    recordDay: (date, closedAt, trees) => {
      const before = (fromJson(get.get(date)?.trees ?? null) ?? []) as string[];
      put.run(date, closedAt, JSON.stringify([...new Set([...before, ...trees])]));
    },
    lastDay: () => last.get()?.date ?? undefined,
    meta: (key) => value.get(key)?.value,
    setMeta: (key, text) => {
      setValue.run(key, text);
    },
  };
}
