import { sha256 } from '../formats/digests.ts';
import { toJson } from './rows.ts';
import type { Connection } from './database.ts';

/*
 * Column signature_reports.report: a report as JSON in which each `signer` and `chain` is { "piece": n }, a row of report_pieces; column `pieces`
 * lists these numbers. The chain makes up most of a report and is the same for thousands of documents: it is kept once a batch.
 */
interface Piece {
  readonly piece: number;
}

type Fields = Readonly<Record<string, unknown>>;

export interface ReportRows {
  /** Writes reports of one batch; inside the running transaction. A value that reports share is read once. */
  writer(): (batch: number, document: number, report: unknown) => void;
  /** What these reports name, as JSON: values by number. @param columns `pieces` of their rows */
  pieces(columns: Iterable<string>): string;
  /** Removes all reports of a batch. */
  drop(batch: number): void;
}

/** The reports of what was verified before release. */
export function reportRows({ db }: Connection): ReportRows {
  const insert = db.prepare('INSERT OR REPLACE INTO signature_reports (document, pieces, report) VALUES (?, ?, ?)');
  const insertPiece = db.prepare('INSERT INTO report_pieces (batch, sha256, piece) VALUES (?, ?, ?)');
  const findPiece = db.prepare<[number, Buffer], { readonly n: number }>('SELECT n FROM report_pieces WHERE batch = ? AND sha256 = ?');
  const readPiece = db.prepare<[string], { readonly piece: string }>('SELECT piece FROM report_pieces WHERE n = CAST(? AS INTEGER)');
  const dropReports = db.prepare('DELETE FROM signature_reports WHERE document IN (SELECT id FROM documents WHERE batch = ?)');
  const dropPieces = db.prepare('DELETE FROM report_pieces WHERE batch = ?');

  const numberOf = (batch: number, value: Fields): number => {
    const text = JSON.stringify(value);
    const name = sha256(Buffer.from(text));
    return findPiece.get(batch, name)?.n ?? Number(insertPiece.run(batch, name, text).lastInsertRowid);
  };

  return {
    writer: () => {
      const numbers = new Map<Fields, Map<number, number>>();
      return (batch, document, report) => {
        const used = new Set<number>();
        const piece = (value: Fields): Piece => {
          const known = numbers.get(value) ?? new Map<number, number>();
          const number = known.get(batch) ?? numberOf(batch, value);
          numbers.set(value, known.set(batch, number));
          used.add(number);
          return { piece: number };
        };
        const text = toJson(replaced(report, piece));
        insert.run(document, [...used].join(' '), text);
      };
    },
    pieces: (columns) => {
      const numbers = new Set([...new Set(columns)].flatMap((column) => (column === '' ? [] : column.split(' '))));
      return `{${[...numbers].map((number) => `"${number}":${readPiece.get(number)?.piece ?? 'null'}`).join(',')}}`;
    },
    drop: (batch) => {
      dropReports.run(batch);
      dropPieces.run(batch);
    },
  };
}

/** A report as it was. @param report as its column holds it @param pieces by number */
export function wholeReport(report: unknown, pieces: ReadonlyMap<string, unknown>): unknown {
  return replaced(report, (value) => (typeof value['piece'] === 'number' ? pieces.get(String(value['piece'])) : value));
}

/** The report with every signer and chain exchanged for what `exchange` makes of it. */
function replaced(report: unknown, exchange: (value: Fields) => unknown): unknown {
  if (!isObject(report) || !Array.isArray(report['signatures'])) return report;
  return { ...report, signatures: report['signatures'].map((signature: unknown) => inSignature(signature, exchange)) };
}

function inSignature(signature: unknown, exchange: (value: Fields) => unknown): unknown {
  if (!isObject(signature)) return signature;
  const { signer, chain, timestamps } = signature;
  return {
    ...signature,
    ...(isObject(signer) ? { signer: exchange(signer) } : {}),
    ...(isObject(chain) ? { chain: exchange(chain) } : {}),
    ...(Array.isArray(timestamps) && timestamps.length > 0
      ? {
          timestamps: timestamps.map((one: unknown) =>
            isObject(one) && isObject(one['chain']) ? { ...one, chain: exchange(one['chain']) } : one,
          ),
        }
      : {}),
  };
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
