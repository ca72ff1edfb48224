import { SealError, type ErrorReport } from '../errors.ts';
import { decodeParts, shapeOfParts } from './parts.ts';
import { toJson } from './rows.ts';
import { reportColumn, reportJoin, signatureColumns, signatureJoins, toSignature } from './signatures.ts';
import type { ReportRows } from './reports.ts';
import type { SignatureColumns, SignatureDecoders } from './signatures.ts';
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

function toDocument(row: Row, leaves: readonly LeafReference[] | undefined, decode: SignatureDecoders): BatchDocument {
  const signature = toSignature(row, decode);
  return {
    id: row.id,
    batch: row.batch,
    seq: row.seq,
    relPath: row.rel_path,
    size: row.size,
    digests: digestsOf(row),
    state: row.state,
    ...(row.error === null ? {} : { error: JSON.parse(row.error) as ErrorReport }),
    ...(signature === undefined ? {} : { signature }),
    ...(leaves === undefined ? {} : { leaves }),
  };
}

interface ReaderParts {
  readonly batches: BatchRows;
  readonly referencesOf: ReferencesOf;
  readonly reports: ReportRows;
}

/** Reads documents with their signatures and leaves. */
export function documentReader(
  { db }: Connection,
  { batches, referencesOf, reports }: ReaderParts,
): Pick<Methods, 'documents' | 'document'> {
  const columns = `d.id, b.id AS batch, d.seq, d.rel_path, d.size, d.sha256, d.sha384, d.sha512, d.state, d.error, ${signatureColumns}`;
  const joins = `FROM documents AS d JOIN batches AS b ON b.n = d.batch ${signatureJoins}`;
  const select = `SELECT ${columns}, ${reportColumn} ${joins} ${reportJoin}`;
  const byId = db.prepare<[number], Row>(`${select} WHERE d.id = ?`);
  const pages = (query: string) => ({
    all: db.prepare<[number, number, number], Row>(`${query} WHERE d.batch = ? AND d.seq > ? ORDER BY d.seq LIMIT ?`),
    inState: db.prepare<[number, number, DocumentState, number], Row>(
      `${query} WHERE d.batch = ? AND d.seq > ? AND d.state = ? ORDER BY d.seq LIMIT ?`,
    ),
  });
  const whole = pages(select);
  const withoutReports = pages(`SELECT ${columns} ${joins}`);
  const withLeaves = (rows: readonly Row[], parts: SignatureDecoders['parts']): BatchDocument[] => {
    const ids = rows.map(({ id }) => id);
    const references = ids.length === 0 ? undefined : referencesOf(Math.min(...ids), Math.max(...ids));
    const decode = { parts, report: reports.reader() };
    return rows.map((row) => toDocument(row, references?.get(row.id), decode));
  };
  return {
    documents: (batch, { afterSeq = -1, limit = -1, state, omit = [] } = {}) => {
      const { n } = batches.find(batch);
      const { all, inState } = omit.includes('report') ? withoutReports : whole;
      const rows = state === undefined ? all.all(n, afterSeq, limit) : inState.all(n, afterSeq, state, limit);
      return withLeaves(rows, omit.includes('bytes') ? shapeOfParts : decodeParts);
    },
    document: (id) => withLeaves(byId.all(id), decodeParts).at(0),
  };
}

/** Writes what became of documents; inside the running transaction. */
export interface DocumentRows {
  /** @throws SealError SEAL-BATCH-STATE when there is no such document */
  state(document: number): DocumentState;
  /** Compare and swap. @throws SealError SEAL-BATCH-STATE */
  move(document: number, from: readonly [DocumentState, DocumentState?], to: DocumentState): void;
  /** Once failed, failed: the first error stays. @throws SealError SEAL-BATCH-STATE when there is no such document */
  fail(document: number, error: ErrorReport): void;
}

/** The states of documents. A batch counts those that failed. */
export function documentRows({ db }: Connection): DocumentRows {
  const stateOf = db.prepare<[number], { readonly state: DocumentState }>('SELECT state FROM documents WHERE id = ?');
  const swap = db.prepare<[DocumentState, number, DocumentState, DocumentState]>(
    'UPDATE documents SET state = ? WHERE id = ? AND state IN (?, ?)',
  );
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
      const [first, second = first] = from;
      if (swap.run(to, document, first, second).changes === 1) return;
      throw new SealError('SEAL-BATCH-STATE', `document ${document} is ${find(document)}, not ${from.join(' or ')}`);
    },
    fail: (document, error) => {
      if (find(document) === 'failed') return;
      fail.run(toJson(error), document);
      count.run(document);
    },
  };
}
