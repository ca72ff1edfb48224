import { SealError } from '../errors.ts';
import type { Connection } from './database.ts';
import type { NumberOfKey } from './key-names.ts';
import type { Methods } from './methods.ts';
import type { Stack, StackCounts, StackEntry } from '../ports/stack-store.ts';

export interface StackRows extends Pick<Methods, 'offerStack' | 'withdrawStack' | 'stackOf' | 'stackCounts'> {
  /**
   * An intent takes the one signature that a stack allows for its document; inside the running transaction.
   * @param key its number
   * @throws SealError SEAL-KEY-STACK when the stack does not allow it, or not any more
   */
  readonly take: (stack: number, key: number, document: number, intent: number) => void;
}

type Row = Pick<Stack, 'id' | 'digest' | 'documents'>;

// What was asked of the key and has certainly not become a signature is free again.
const free = "(s.intent IS NULL OR (SELECT outcome FROM intents WHERE id = s.intent) = 'unspent')";
// Documents keep their hash; a batch that has ended, or goes to failed/, signs no more.
const waits = "d.state IN ('spooled', 'signing') AND d.sha256 = s.sha256 AND b.state = 'admitted'";
const openEntries = `FROM stack_documents AS s JOIN documents AS d ON d.id = s.document JOIN batches AS b ON b.n = d.batch
  WHERE s.stack = ? AND ${free} AND ${waits}`;

/** Lists of documents shown before a PIN: each allows one signature of each document, exactly, whatever ends the process in between. */
export function stackRows({ db }: Connection, numberOfKey: NumberOfKey): StackRows {
  const forget = db.prepare<[number]>('DELETE FROM stacks WHERE key = ? AND since IS NULL');
  const add = db.prepare<[number, number, Buffer, number]>('INSERT INTO stacks (key, at, digest, documents) VALUES (?, ?, ?, ?)');
  const addEntry = db.prepare<[number, Buffer, number, Buffer]>(
    `INSERT INTO stack_documents (stack, document, sha256) SELECT ?, d.id, ? FROM documents AS d JOIN batches AS b ON b.n = d.batch
      WHERE d.id = ? AND d.state = 'spooled' AND d.sha256 = ? AND b.state = 'admitted'`,
  );
  const bound = db.prepare<[string, number], Row>(
    'SELECT n AS id, digest, documents FROM stacks WHERE key = (SELECT n FROM keys WHERE name = ?) AND since = ? ORDER BY n DESC LIMIT 1',
  );
  const bind = db.prepare<[number, string]>(
    'UPDATE stacks SET since = ? WHERE key = (SELECT n FROM keys WHERE name = ?) AND since IS NULL',
  );
  const open = db.prepare<[number], StackEntry & { readonly batch: string }>(
    `SELECT s.document, s.sha256, b.id AS batch ${openEntries} ORDER BY s.document`,
  );
  const underWay = db
    .prepare<[number], number>(
      'SELECT count(*) FROM stack_documents AS s JOIN intents AS i ON i.id = s.intent WHERE s.stack = ? AND i.outcome IS NULL',
    )
    .pluck() as { get(stack: number): number | undefined };
  const counts = db.prepare<[number, number], Pick<StackCounts, 'signed' | 'left'>>(
    `SELECT (SELECT count(*) ${openEntries}) AS left,
      (SELECT count(*) FROM stack_documents AS s JOIN intents AS i ON i.id = s.intent WHERE s.stack = ? AND i.outcome IS NOT 'unspent') AS signed`,
  );
  const takeEntry = db.prepare<[number, number, number, number, number]>(
    `UPDATE stack_documents AS s SET intent = ? WHERE s.stack = ? AND s.document = ? AND ${free}
      AND s.sha256 = (SELECT sha256 FROM documents WHERE id = ?)
      AND EXISTS (SELECT 1 FROM stacks WHERE n = s.stack AND key = ? AND since IS NOT NULL)`,
  );
  return {
    offerStack: ({ key, at, digest, documents }) => {
      const number = numberOfKey(key);
      forget.run(number);
      const stack = Number(add.run(number, at, digest, documents.length).lastInsertRowid);
      for (const { document, sha256 } of documents)
        if (addEntry.run(stack, sha256, document, sha256).changes !== 1)
          throw new SealError('SEAL-KEY-STACK', `${key}: a document of the list does not wait for a signature any more`, {
            where: key,
            hint: 'the PIN was not tried; look at the list anew',
          });
    },
    withdrawStack: (key) => {
      forget.run(numberOfKey(key));
    },
    stackOf: (key, since) => {
      if (bound.get(key, since) === undefined) bind.run(since, key);
      const row = bound.get(key, since);
      return row === undefined ? undefined : { ...row, open: open.all(row.id), underWay: underWay.get(row.id) ?? 0 };
    },
    stackCounts: (key, since) => {
      const row = bound.get(key, since);
      const count = row === undefined ? undefined : counts.get(row.id, row.id);
      return row === undefined || count === undefined ? undefined : { digest: row.digest, documents: row.documents, ...count };
    },
    take: (stack, key, document, intent) => {
      if (takeEntry.run(intent, stack, document, document, key).changes !== 1)
        throw new SealError('SEAL-KEY-STACK', `document ${document} is not one that this activation may sign, or it was signed already`, {
          hint: '“sealtree key activate” shows what waits',
        });
    },
  };
}
