import { SealError } from '../errors.ts';
import type { WriteAudit } from './audit.ts';
import type { Connection } from './database.ts';
import type { DocumentRows } from './documents.ts';
import type { NumberOfKey } from './key-names.ts';
import type { Methods } from './methods.ts';
import type { SignatureRows } from './signatures.ts';
import type { BatchState, SigningIntent } from '../model/batch.ts';
import type { SigningOutcome } from '../ports/store.ts';

type Outcome = 'signed' | 'spent' | 'unspent' | 'doubt';
interface Counts {
  readonly signed: number;
  readonly doubt: number;
  readonly open: number;
}

/**
 * Intent before signature: what is asked of a key is on disk before the key is asked, so a signature that may have been made without
 * being recorded is known as such after any crash (faults.md, rule 2).
 */
export function intents(
  connection: Connection,
  documents: DocumentRows,
  signatures: SignatureRows,
  numberOfKey: NumberOfKey,
  writeAudit: WriteAudit,
): Pick<Methods, 'recordIntents' | 'recordOutcomes' | 'settleDoubts' | 'signatureCounts'> {
  const { db } = connection;
  const batchState = db.prepare<[number], { readonly state: BatchState }>(
    'SELECT state FROM batches WHERE n = (SELECT batch FROM documents WHERE id = ?)',
  );
  const insert = db.prepare('INSERT INTO intents (document, key, at) VALUES (?, ?, ?)');
  const close = db.prepare<[Outcome, number, number]>('UPDATE intents SET outcome = ? WHERE id = ? AND document = ? AND outcome IS NULL');
  // Few are open at a time: they are looked through, not the documents.
  const open = `SELECT i.id, i.document, k.name AS key, i.at FROM intents AS i CROSS JOIN documents AS d ON d.id = i.document
    JOIN keys AS k ON k.n = i.key WHERE i.outcome IS NULL`;
  const earlier = db.prepare<[number], SigningIntent>(`${open} AND i.id <= ? ORDER BY i.id`);
  const ofBatch = db.prepare<[string], SigningIntent>(`${open} AND d.batch = (SELECT n FROM batches WHERE id = ?) ORDER BY i.id`);
  const release = db.prepare("UPDATE documents SET state = 'spooled' WHERE id = ? AND state = 'signing'");
  const counts = db.prepare<[string, number], Counts>(`SELECT
      count(*) FILTER (WHERE outcome IN ('signed', 'spent')) AS signed, count(*) FILTER (WHERE outcome = 'doubt') AS doubt,
      count(*) FILTER (WHERE outcome IS NULL) AS open
    FROM intents WHERE key = (SELECT n FROM keys WHERE name = ?) AND at >= ?`);
  const lastIntent = db.prepare<[], { readonly id: number }>('SELECT coalesce(max(id), 0) AS id FROM intents');
  const beforeThisProcess = lastIntent.get()?.id ?? 0;

  const record = (outcome: SigningOutcome): void => {
    const { intent, document } = outcome;
    const signed = 'signature' in outcome;
    // Whoever failed the document meanwhile decided about it; that the key has signed is recorded all the same.
    const wanted = documents.state(document) === 'signing';
    if (close.run(signed && wanted ? 'signed' : signed || outcome.spent ? 'spent' : 'unspent', intent, document).changes !== 1)
      throw new SealError('SEAL-BATCH-STATE', `intent ${intent} of document ${document} is not open`);
    if (!wanted) return;
    if (signed) {
      documents.move(document, ['signing'], 'signed');
      signatures.add(document, outcome.signature);
    } else if (outcome.again) documents.move(document, ['signing'], 'spooled');
    else documents.fail(document, outcome.error);
  };

  return {
    recordIntents: (key, ids, at) => {
      const number = numberOfKey(key);
      return ids.map((document): SigningIntent => {
        documents.move(document, ['spooled'], 'signing');
        const state = batchState.get(document)?.state;
        if (state !== 'admitted')
          throw new SealError('SEAL-BATCH-STATE', `the batch of document ${document} is ${state ?? 'gone'}, not admitted`);
        return { id: Number(insert.run(document, number, at).lastInsertRowid), document, key, at };
      });
    },
    recordOutcomes: (outcomes) => {
      outcomes.forEach(record);
    },
    settleDoubts: (at, batch) => {
      const doubtful = batch === undefined ? earlier.all(beforeThisProcess) : ofBatch.all(batch);
      for (const { id, document, key, at: since } of doubtful) {
        close.run('doubt', id, document);
        release.run(document);
        writeAudit({ at, actor: 'sealtree', action: 'signature.doubt', details: { intent: id, document, key, since } });
      }
      return doubtful;
    },
    signatureCounts: (key, since) => counts.get(key, since) ?? { signed: 0, doubt: 0, open: 0 },
  };
}
