import { SealError, type ErrorReport } from '../errors.ts';
import type { WriteAudit } from './audit.ts';
import type { Connection } from './database.ts';
import type { DocumentRows } from './documents.ts';
import type { NumberOfKey } from './key-names.ts';
import type { Methods } from './methods.ts';
import type { Closed, Outcome, SignatureTallies } from './signature-tallies.ts';
import type { StackRows } from './stacks.ts';
import type { SignatureRows } from './signatures.ts';
import type { ValueRows } from './values.ts';
import type { BatchState, SettledIntent, SigningIntent } from '../model/batch.ts';
import type { SigningOutcome } from '../ports/batch-store.ts';

/** An intent that nobody has closed. */
interface OpenIntent extends SigningIntent {
  readonly batch: string;
  readonly own: 0 | 1;
  readonly signingTime: number | null;
}

export interface IntentParts {
  readonly documents: DocumentRows;
  readonly signatures: SignatureRows;
  readonly values: ValueRows;
  readonly numberOfKey: NumberOfKey;
  readonly tallies: SignatureTallies;
  readonly writeAudit: WriteAudit;
  readonly takeOfStack: StackRows['take'];
}

/**
 * Intent before signature: what is asked of a key is on disk before the key is asked, so a signature that may have been made without
 * being recorded is known as such after any crash (faults.md, rule 2).
 */
export function intents(
  connection: Connection,
  { documents, signatures, values, numberOfKey, tallies, writeAudit, takeOfStack }: IntentParts,
): Pick<Methods, 'recordIntents' | 'openIntents' | 'recordOutcomes' | 'settleDoubts'> {
  const { db } = connection;
  const batchState = db.prepare<[number], { readonly state: BatchState }>(
    'SELECT state FROM batches WHERE n = (SELECT batch FROM documents WHERE id = ?)',
  );
  const insert = db.prepare('INSERT INTO intents (document, key, at, own, signing_time) VALUES (?, ?, ?, ?, ?)');
  const close = db.prepare<[Outcome, number, number], Closed>(
    'UPDATE intents SET outcome = ? WHERE id = ? AND document = ? AND outcome IS NULL RETURNING key, at, outcome',
  );
  // Few are open at a time: they are looked through, not the documents.
  const open = `SELECT i.id, i.document, k.name AS key, i.at, i.own, i.signing_time AS signingTime, b.id AS batch FROM intents AS i CROSS JOIN documents AS d ON d.id = i.document
    JOIN keys AS k ON k.n = i.key JOIN batches AS b ON b.n = d.batch WHERE i.outcome IS NULL`;
  const earlier = db.prepare<[number], OpenIntent>(`${open} AND i.id <= ? ORDER BY i.id`);
  const ofBatch = db.prepare<[string], OpenIntent>(`${open} AND b.id = ? ORDER BY i.id`);
  const release = db.prepare("UPDATE documents SET state = 'spooled' WHERE id = ? AND state = 'signing'");
  const lastIntent = db.prepare<[], { readonly id: number }>('SELECT coalesce(max(id), 0) AS id FROM intents');
  const beforeThisProcess = lastIntent.get()?.id ?? 0;

  const record = (outcome: SigningOutcome): Closed => {
    const { intent, document } = outcome;
    const signed = 'signature' in outcome || 'value' in outcome;
    // Whoever failed the document meanwhile decided about it; that the key has signed is recorded all the same.
    const wanted = documents.state(document) === 'signing';
    const closed = close.get(signed && wanted ? 'signed' : signed || outcome.spent ? 'spent' : 'unspent', intent, document);
    if (closed === undefined) throw new SealError('SEAL-BATCH-STATE', `intent ${intent} of document ${document} is not open`);
    if (wanted) follow(outcome);
    return closed;
  };

  /** What becomes of the document. */
  const follow = (outcome: SigningOutcome): void => {
    const { document } = outcome;
    if ('signature' in outcome) {
      documents.move(document, ['signing'], 'signed');
      signatures.add(document, outcome.signature);
    } else if ('value' in outcome) {
      documents.move(document, ['signing'], 'stamping');
      values.add(document, outcome.value);
    } else if (outcome.again) documents.move(document, ['signing'], 'spooled');
    else documents.fail(document, outcome.error);
  };

  return {
    recordIntents: (key, ids, at, own = false, signingTime, stack) => {
      const number = numberOfKey(key);
      return ids.map((document): SigningIntent => {
        documents.move(document, ['spooled'], 'signing');
        const state = batchState.get(document)?.state;
        if (state !== 'admitted')
          throw new SealError('SEAL-BATCH-STATE', `the batch of document ${document} is ${state ?? 'gone'}, not admitted`);
        const id = Number(insert.run(document, number, at, own ? 1 : 0, signingTime ?? null).lastInsertRowid);
        if (stack !== undefined) takeOfStack(stack, number, document, id);
        return { id, document, key, at };
      });
    },
    openIntents: () =>
      earlier
        .all(beforeThisProcess)
        .flatMap(({ own, signingTime, ...intent }) => (own === 1 || signingTime === null ? [] : [{ ...intent, signingTime }])),
    recordOutcomes: (outcomes) => {
      tallies.count(outcomes.map(record));
    },
    settleDoubts: (at, batch, ask = []) => {
      const left = batch === undefined ? earlier.all(beforeThisProcess) : ofBatch.all(batch);
      const discarded = new Map<string, number>();
      const closed: (Closed | undefined)[] = [];
      const settled = left.map(({ own, id, document, key, at: since, batch: of }): SettledIntent => {
        const outcome = own === 1 ? 'discarded' : 'doubt';
        closed.push(close.get(outcome, id, document));
        if (outcome === 'doubt' && ask.includes(key) && documents.state(document) === 'signing') documents.fail(document, inDoubt(key));
        else release.run(document);
        if (outcome === 'doubt')
          writeAudit({ at, actor: 'sealtree', action: 'signature.doubt', details: { intent: id, document, key, since } });
        else discarded.set(key, (discarded.get(key) ?? 0) + 1);
        return { id, document, key, at: since, batch: of, outcome };
      });
      tallies.count(closed.filter((one) => one !== undefined));
      for (const [key, signatures] of discarded)
        writeAudit({ at, actor: 'sealtree', action: 'signature.discarded', details: { key, signatures } });
      return settled;
    },
  };
}

function inDoubt(key: string): ErrorReport {
  return new SealError('SEAL-SIGN-DOUBT', `${key} may have signed this document without our having the signature`, {
    where: key,
    hint: 'its setting “onDoubt: ask” leaves the decision to a person: “batch retry” has the document signed, which may be for the second time',
  }).toJSON();
}
