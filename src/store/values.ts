import { pack, unpack } from './messages.ts';
import type { Connection } from './database.ts';
import type { DocumentRows } from './documents.ts';
import type { NumberOfKey } from './key-names.ts';
import type { Methods } from './methods.ts';
import type { SignatureRows } from './signatures.ts';
import type { SignatureValue } from '../model/batch.ts';

/** Writes signature values whose timestamp is outstanding; inside the running transaction. */
export interface ValueRows {
  add(document: number, value: SignatureValue): void;
  /** Gives a document the value of another one: the same bytes under another number. */
  copy(from: number, to: number): void;
  drop(document: number): void;
}

/** `prepared` is the state of a format: plain data and Buffers, encoded like a message between threads. */
export function valueRows({ db }: Connection, numberOfKey: NumberOfKey): ValueRows {
  const insert = db.prepare(`INSERT INTO signature_values (document, key, certificate, signing_time, prepared, value)
    VALUES (?, ?, ?, ?, ?, ?)`);
  const copy = db.prepare(`INSERT INTO signature_values (document, key, certificate, signing_time, prepared, value)
    SELECT ?, key, certificate, signing_time, prepared, value FROM signature_values WHERE document = ?`);
  const drop = db.prepare('DELETE FROM signature_values WHERE document = ?');
  return {
    add: (document, { key, certificate, signingTime, prepared, value }) => {
      insert.run(document, numberOfKey(key), certificate, signingTime, pack(prepared), value);
    },
    copy: (from, to) => {
      copy.run(to, from);
    },
    drop: (document) => {
      drop.run(document);
    },
  };
}

interface Row extends Omit<SignatureValue, 'prepared'> {
  readonly prepared: Buffer;
}

/** What happens to a value after the key has made it. */
export function stamping(
  { db }: Connection,
  documents: DocumentRows,
  signatures: SignatureRows,
  values: ValueRows,
): Pick<Methods, 'signatureValues' | 'recordStamped'> {
  const select = db.prepare<[number], Row>(`SELECT k.name AS key, v.certificate, v.signing_time AS signingTime, v.prepared, v.value
    FROM signature_values AS v JOIN documents AS d ON d.id = v.document AND d.state = 'stamping' JOIN keys AS k ON k.n = v.key
    WHERE v.document = ?`);
  return {
    signatureValues: (ids) =>
      ids.flatMap((document) => {
        const row = select.get(document);
        if (row === undefined) return [];
        // This store wrote it.
        return [{ document, value: { ...row, prepared: unpack(row.prepared) as SignatureValue['prepared'] } }];
      }),
    recordStamped: (outcomes) => {
      for (const outcome of outcomes) {
        const { document } = outcome;
        if (documents.state(document) === 'failed') continue;
        if ('signature' in outcome) {
          documents.move(document, ['stamping'], 'signed');
          signatures.add(document, outcome.signature);
        } else documents.fail(document, outcome.error);
        values.drop(document);
      }
    },
  };
}
