import type { Connection } from './database.ts';

/** Number of a key's name, given when it is first seen: rows of documents hold the number. */
export type NumberOfKey = (name: string) => number;

/** Finds or adds; inside the running transaction. */
export function keyNumbers({ db }: Connection): NumberOfKey {
  const find = db.prepare<[string], number>('SELECT n FROM keys WHERE name = ?').pluck() as { get(name: string): number | undefined };
  const add = db.prepare('INSERT INTO keys (name) VALUES (?)');
  return (name) => find.get(name) ?? Number(add.run(name).lastInsertRowid);
}
