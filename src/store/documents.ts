import { SealError, type ErrorReport } from '../errors.ts';
import { fromJson, present, toJson } from './rows.ts';
import { signatureColumns, signatureJoins, toSignature, type SignatureColumns } from './signatures.ts';
import type { BatchRows } from './batches.ts';
import type { Connection } from './database.ts';
import type { ReferencesOf } from './leaf-references.ts';
import type { Methods } from './methods.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { BatchDocument, DocumentState, LeafReference } from '../model/batch.ts';

interface Row extends SignatureColumns {
  readonly id: number;
  readonly batch: string;
  readonly seq: number;
  readonly rel_path: Buffer;
  readonly size: number;
  readonly sha256: Buffer | null;
  readonly sha384: Buffer | null;
  readonly sha512: Buffer | null;
  readonly state: DocumentState;
  readonly error: string | null;
}

const digestNames: readonly DigestAlgorithm[] = ['sha256', 'sha384', 'sha512'];

function digestsOf(row: Row): [DigestAlgorithm, Buffer][] {
  return digestNames.flatMap((name): [DigestAlgorithm, Buffer][] => {
    const value = row[name];
    return value === null ? [] : [[name, value]];
  });
}

function toDocument(row: Row, leaves: readonly LeafReference[] | undefined): BatchDocument {
  return {
    id: row.id,
    batch: row.batch,
    seq: row.seq,
    relPath: row.rel_path,
    size: row.size,
    digests: digestsOf(row),
    state: row.state,
    ...present({ error: fromJson(row.error) as BatchDocument['error'], signature: toSignature(row), leaves }),
  };
}

/** Reads documents with their signatures and leaves. */
export function documentReader(
  { db }: Connection,
  batches: BatchRows,
  referencesOf: ReferencesOf,
): Pick<Methods, 'documents' | 'document'> {
  const select = `SELECT d.id, b.id AS batch, d.seq, d.rel_path, d.size, d.sha256, d.sha384, d.sha512, d.state, d.error, ${signatureColumns}
    FROM documents AS d JOIN batches AS b ON b.n = d.batch ${signatureJoins}`;
  const byId = db.prepare<[number], Row>(`${select} WHERE d.id = ?`);
  const page = db.prepare<[number, number, number], Row>(`${select} WHERE d.batch = ? AND d.seq > ? ORDER BY d.seq LIMIT ?`);
  const pageInState = db.prepare<[number, number, DocumentState, number], Row>(
    `${select} WHERE d.batch = ? AND d.seq > ? AND d.state = ? ORDER BY d.seq LIMIT ?`,
  );
  const withLeaves = (rows: readonly Row[]): BatchDocument[] => {
    const ids = rows.map(({ id }) => id);
    const references = ids.length === 0 ? undefined : referencesOf(Math.min(...ids), Math.max(...ids));
    return rows.map((row) => toDocument(row, references?.get(row.id)));
  };
  return {
    documents: (batch, { afterSeq = -1, limit = -1, state } = {}) => {
      const { n } = batches.find(batch);
      return withLeaves(state === undefined ? page.all(n, afterSeq, limit) : pageInState.all(n, afterSeq, state, limit));
    },
    document: (id) => withLeaves(byId.all(id)).at(0),
  };
}

/** Writes what became of documents; inside the running transaction. */
export interface DocumentRows {
  /** @throws SealError SEAL-BATCH-STATE when there is no such document */
  state(document: number): DocumentState;
  /** Compare and swap. @throws SealError SEAL-BATCH-STATE */
  move(document: number, from: readonly DocumentState[], to: DocumentState): void;
  /** Once failed, failed: the first error stays. @throws SealError SEAL-BATCH-STATE when there is no such document */
  fail(document: number, error: ErrorReport): void;
}

/** The states of documents. A batch counts those that failed. */
export function documentRows({ db }: Connection): DocumentRows {
  const stateOf = db.prepare<[number], { readonly state: DocumentState }>('SELECT state FROM documents WHERE id = ?');
  const swap = db.prepare('UPDATE documents SET state = ? WHERE id = ?');
  const fail = db.prepare("UPDATE documents SET state = 'failed', error = ? WHERE id = ?");
  const count = db.prepare('UPDATE batches SET failed = failed + 1 WHERE n = (SELECT batch FROM documents WHERE id = ?)');
  const find = (document: number): DocumentState => {
    const row = stateOf.get(document);
    if (row === undefined) throw new SealError('SEAL-BATCH-STATE', `document ${document} does not exist`);
    return row.state;
  };
  return {
    state: find,
    move: (document, from, to) => {
      const state = find(document);
      if (!from.includes(state)) throw new SealError('SEAL-BATCH-STATE', `document ${document} is ${state}, not ${from.join(' or ')}`);
      swap.run(to, document);
    },
    fail: (document, error) => {
      if (find(document) === 'failed') return;
      fail.run(toJson(error), document);
      count.run(document);
    },
  };
}
