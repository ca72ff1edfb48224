import { SealError, type ErrorReport } from '../errors.ts';
import type { WriteAudit } from './audit.ts';
import type { Connection } from './database.ts';
import type { DocumentRows } from './documents.ts';
import type { NumberOfKey } from './key-names.ts';
import type { Methods } from './methods.ts';
import type { SignatureRows } from './signatures.ts';
import type { ValueRows } from './values.ts';
import type { BatchState, SettledIntent, SigningIntent } from '../model/batch.ts';
import type { SignatureCounts, SigningOutcome } from '../ports/store.ts';

const none: SignatureCounts = { signed: 0, doubt: 0, open: 0, discarded: 0 };

type Outcome = 'signed' | 'spent' | 'unspent' | 'doubt' | 'discarded';
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
  readonly writeAudit: WriteAudit;
}

/**
 * Intent before signature: what is asked of a key is on disk before the key is asked, so a signature that may have been made without
 * being recorded is known as such after any crash (faults.md, rule 2).
 */
export function intents(
  connection: Connection,
  { documents, signatures, values, numberOfKey, writeAudit }: IntentParts,
): Pick<Methods, 'recordIntents' | 'openIntents' | 'recordOutcomes' | 'settleDoubts' | 'signatureCounts' | 'activationCounts'> {
  const { db } = connection;
  const batchState = db.prepare<[number], { readonly state: BatchState }>(
    'SELECT state FROM batches WHERE n = (SELECT batch FROM documents WHERE id = ?)',
  );
  const insert = db.prepare('INSERT INTO intents (document, key, at, own, signing_time) VALUES (?, ?, ?, ?, ?)');
  const close = db.prepare<[Outcome, number, number]>('UPDATE intents SET outcome = ? WHERE id = ? AND document = ? AND outcome IS NULL');
  // Few are open at a time: they are looked through, not the documents.
  const open = `SELECT i.id, i.document, k.name AS key, i.at, i.own, i.signing_time AS signingTime, b.id AS batch FROM intents AS i CROSS JOIN documents AS d ON d.id = i.document
    JOIN keys AS k ON k.n = i.key JOIN batches AS b ON b.n = d.batch WHERE i.outcome IS NULL`;
  const earlier = db.prepare<[number], OpenIntent>(`${open} AND i.id <= ? ORDER BY i.id`);
  const ofBatch = db.prepare<[string], OpenIntent>(`${open} AND b.id = ? ORDER BY i.id`);
  const release = db.prepare("UPDATE documents SET state = 'spooled' WHERE id = ? AND state = 'signing'");
  const counts = `SELECT
      count(*) FILTER (WHERE outcome IN ('signed', 'spent')) AS signed, count(*) FILTER (WHERE outcome = 'doubt') AS doubt,
      count(*) FILTER (WHERE outcome IS NULL) AS open, count(*) FILTER (WHERE outcome = 'discarded') AS discarded
    FROM intents WHERE key = (SELECT n FROM keys WHERE name = ?) AND `;
  const countsSince = db.prepare<[string, number], SignatureCounts>(`${counts} at >= ?`);
  const countsAfter = db.prepare<[string, number], SignatureCounts>(`${counts} id > ?`);
  const mark = db.prepare<[string], { readonly value: string }>('SELECT value FROM meta WHERE key = ?');
  const setMark = db.prepare<[string, string]>('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)');
  const lastIntent = db.prepare<[], { readonly id: number }>('SELECT coalesce(max(id), 0) AS id FROM intents');
  const beforeThisProcess = lastIntent.get()?.id ?? 0;

  /** The last intent before the activation. */
  const activationStart = (key: string, since: number): number => {
    const name = `activation:${key}`;
    const [known, after] = (mark.get(name)?.value ?? '').split(' ').map(Number);
    if (known === since && after !== undefined) return after;
    const last = lastIntent.get()?.id ?? 0;
    setMark.run(name, `${since} ${last}`);
    return last;
  };

  const record = (outcome: SigningOutcome): void => {
    const { intent, document } = outcome;
    const signed = 'signature' in outcome || 'value' in outcome;
    // Whoever failed the document meanwhile decided about it; that the key has signed is recorded all the same.
    const wanted = documents.state(document) === 'signing';
    if (close.run(signed && wanted ? 'signed' : signed || outcome.spent ? 'spent' : 'unspent', intent, document).changes !== 1)
      throw new SealError('SEAL-BATCH-STATE', `intent ${intent} of document ${document} is not open`);
    if (!wanted) return;
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
    recordIntents: (key, ids, at, own = false, signingTime) => {
      const number = numberOfKey(key);
      return ids.map((document): SigningIntent => {
        documents.move(document, ['spooled'], 'signing');
        const state = batchState.get(document)?.state;
        if (state !== 'admitted')
          throw new SealError('SEAL-BATCH-STATE', `the batch of document ${document} is ${state ?? 'gone'}, not admitted`);
        return { id: Number(insert.run(document, number, at, own ? 1 : 0, signingTime ?? null).lastInsertRowid), document, key, at };
      });
    },
    openIntents: () =>
      earlier
        .all(beforeThisProcess)
        .flatMap(({ own, signingTime, ...intent }) => (own === 1 || signingTime === null ? [] : [{ ...intent, signingTime }])),
    recordOutcomes: (outcomes) => {
      outcomes.forEach(record);
    },
    settleDoubts: (at, batch, ask = []) => {
      const left = batch === undefined ? earlier.all(beforeThisProcess) : ofBatch.all(batch);
      const discarded = new Map<string, number>();
      const settled = left.map(({ own, id, document, key, at: since, batch: of }): SettledIntent => {
        const outcome = own === 1 ? 'discarded' : 'doubt';
        close.run(outcome, id, document);
        if (outcome === 'doubt' && ask.includes(key) && documents.state(document) === 'signing') documents.fail(document, inDoubt(key));
        else release.run(document);
        if (outcome === 'doubt')
          writeAudit({ at, actor: 'sealtree', action: 'signature.doubt', details: { intent: id, document, key, since } });
        else discarded.set(key, (discarded.get(key) ?? 0) + 1);
        return { id, document, key, at: since, batch: of, outcome };
      });
      for (const [key, signatures] of discarded)
        writeAudit({ at, actor: 'sealtree', action: 'signature.discarded', details: { key, signatures } });
      return settled;
    },
    signatureCounts: (key, since) => countsSince.get(key, since) ?? none,
    activationCounts: (key, since) => countsAfter.get(key, activationStart(key, since)) ?? none,
  };
}

function inDoubt(key: string): ErrorReport {
  return new SealError('SEAL-SIGN-DOUBT', `${key} may have signed this document without our having the signature`, {
    where: key,
    hint: 'its setting “onDoubt: ask” leaves the decision to a person: “batch retry” has the document signed, which may be for the second time',
  }).toJSON();
}
