import { SealError, type ErrorReport } from '../errors.ts';
import { rowColumns, type DocumentPage } from './document-pages.ts';
import { toJson } from './rows.ts';
import type { ReportRows } from './reports.ts';
import type { BatchRows } from './batches.ts';
import type { Connection } from './database.ts';
import type { ReferencesOf } from './leaf-references.ts';
import type { Methods } from './methods.ts';
import type { Statement } from 'better-sqlite3';
import type { DocumentState } from '../model/batch.ts';

interface ReaderParts {
  readonly batches: BatchRows;
  readonly referencesOf: ReferencesOf;
  readonly reports: ReportRows;
}

/** Columns: id, a row as JSON, the report and its pieces, the parts. */
type Row = readonly [id: number, row: string, report: string | null, pieces: string | null, parts: Buffer | null];

interface Pages {
  readonly all: Statement<[number, number, number], Row>;
  readonly inState: Statement<[number, number, DocumentState, number], Row>;
}

/** Reads documents with their signatures and leaves. */
export function documentReader({ db }: Connection, { batches, referencesOf, reports }: ReaderParts): Pick<Methods, 'documentPage'> {
  const select = (report: boolean, bytes: boolean): string => `
    SELECT d.id, ${rowColumns}, ${report ? 'r.report, r.pieces' : 'NULL, NULL'}, ${bytes ? 'p.parts' : 'NULL'} FROM documents AS d
    LEFT JOIN signatures AS s ON s.document = d.id LEFT JOIN keys AS k ON k.n = s.key
    LEFT JOIN signature_parts AS p ON p.document = d.id ${report ? 'LEFT JOIN signature_reports AS r ON r.document = d.id' : ''}`;
  const pages = (report: boolean, bytes: boolean): Pages => ({
    all: db.prepare<[number, number, number], Row>(`${select(report, bytes)} WHERE d.batch = ? AND d.seq > ? ORDER BY d.seq LIMIT ?`).raw(),
    inState: db
      .prepare<[number, number, DocumentState, number], Row>(
        `${select(report, bytes)} WHERE d.batch = ? AND d.seq > ? AND d.state = ? ORDER BY d.seq LIMIT ?`,
      )
      .raw(),
  });
  const prepared = { whole: pages(true, true), noReport: pages(false, true), noBytes: pages(true, false), neither: pages(false, false) };
  const byId = db.prepare<[number], Row>(`${select(true, true)} WHERE d.id = ?`).raw();
  const batchOf = db.prepare<[number], { readonly id: string }>(
    'SELECT id FROM batches WHERE n = (SELECT batch FROM documents WHERE id = ?)',
  );

  const pageOf = (batch: string, rows: readonly Row[], report: boolean, bytes: boolean): DocumentPage => ({
    batch,
    rows: `[${rows.map(([, row]) => row).join(',')}]`,
    leaves: rows.length === 0 ? '[]' : referencesOf(rows[0]?.[0] ?? 0, rows.at(-1)?.[0] ?? 0),
    ...(report
      ? {
          reports: `[${rows.map(([, , text]) => text ?? 'null').join(',')}]`,
          pieces: reports.pieces(rows.map(([, , , pieces]) => pieces ?? '')),
        }
      : {}),
    ...(bytes ? { bytes: Buffer.concat(rows.map(([, , , , parts]) => parts ?? nothing)) } : {}),
  });

  return {
    documentPage: (query) => {
      if ('id' in query) return pageOf(batchOf.get(query.id)?.id ?? '', byId.all(query.id), true, true);
      const { afterSeq = -1, limit = -1, state, omit = [] } = query.page;
      const [report, bytes] = [!omit.includes('report'), !omit.includes('bytes')];
      const { all, inState } = report ? (bytes ? prepared.whole : prepared.noBytes) : bytes ? prepared.noReport : prepared.neither;
      const { n } = batches.find(query.batch);
      const rows = state === undefined ? all.all(n, afterSeq, limit) : inState.all(n, afterSeq, state, limit);
      return pageOf(query.batch, rows, report, bytes);
    },
  };
}

const nothing = Buffer.alloc(0);

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
