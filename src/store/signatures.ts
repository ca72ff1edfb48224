import { encodeParts } from './parts.ts';
import type { Connection } from './database.ts';
import type { NumberOfKey } from './key-names.ts';
import type { DocumentSignature } from '../model/batch.ts';
import type { OutputPart } from '../ports/bytes.ts';
import type { VerifiedDocument } from '../ports/store.ts';

/** Columns of a signature as a query over documents joins them; all NULL where the document has none. */
export interface SignatureColumns {
  readonly key: string | null;
  readonly certificate: Buffer;
  readonly format: DocumentSignature['format'];
  readonly level: DocumentSignature['level'];
  readonly signing_time: number;
  readonly output_name: Buffer;
  readonly output_digest: Buffer | null;
  readonly archive_digest: Buffer | null;
  readonly output_size: number | null;
  readonly parts: Buffer | null;
  /** Absent where the query leaves reports out. */
  readonly report?: string | null;
}

/** What a query over `documents AS d` selects and joins to get SignatureColumns. */
export const signatureColumns = `k.name AS key, s.certificate, s.format, s.level, s.signing_time, s.output_name,
  s.output_digest, s.archive_digest, s.output_size, p.parts`;
export const signatureJoins = `LEFT JOIN signatures AS s ON s.document = d.id LEFT JOIN keys AS k ON k.n = s.key
  LEFT JOIN signature_parts AS p ON p.document = d.id`;
export const reportColumn = 'r.report';
export const reportJoin = 'LEFT JOIN signature_reports AS r ON r.document = d.id';

/** How the large columns are read. */
export interface SignatureDecoders {
  parts(column: Buffer): readonly OutputPart[];
  report(column: string): unknown;
}

/** The signature of a joined row; undefined where there is none. */
export function toSignature(row: SignatureColumns, decode: SignatureDecoders): DocumentSignature | undefined {
  if (row.key === null) return undefined;
  const { output_digest: outputDigest, archive_digest: archiveDigest, output_size: outputSize, report = null } = row;
  return {
    key: row.key,
    certificate: row.certificate,
    format: row.format,
    level: row.level,
    signingTime: row.signing_time,
    parts: row.parts === null ? [] : decode.parts(row.parts),
    outputName: row.output_name,
    ...(outputDigest === null ? {} : { outputDigest }),
    ...(archiveDigest === null ? {} : { archiveDigest }),
    ...(outputSize === null ? {} : { outputSize }),
    ...(report === null ? {} : { report: decode.report(report) as NonNullable<DocumentSignature['report']> }),
  };
}

export interface SignatureRows {
  add(document: number, signature: DocumentSignature): void;
  /** Gives a document the signature of another one, as yet unverified. */
  copy(from: number, to: number): void;
  /** Writes what the verification found; an empty digest where it could not read the output. False: the document has no signature. */
  verified(result: VerifiedDocument): boolean;
}

/** Writes signatures; inside the running transaction. */
export function signatureRows({ db }: Connection, numberOfKey: NumberOfKey): SignatureRows {
  const insert = db.prepare(`INSERT OR REPLACE INTO signatures (document, key, certificate, format, level, signing_time, output_name)
    VALUES (?, ?, ?, ?, ?, ?, ?)`);
  const insertParts = db.prepare('INSERT OR REPLACE INTO signature_parts (document, parts) VALUES (?, ?)');
  const copyRow = db.prepare(`INSERT INTO signatures (document, key, certificate, format, level, signing_time, output_name)
    SELECT ?, key, certificate, format, level, signing_time, output_name FROM signatures WHERE document = ?`);
  const copyParts = db.prepare('INSERT INTO signature_parts (document, parts) SELECT ?, parts FROM signature_parts WHERE document = ?');
  const update = db.prepare('UPDATE signatures SET output_digest = ?, archive_digest = ?, output_size = ? WHERE document = ?');
  return {
    add: (document, { key, certificate, format, level, signingTime, outputName, parts }) => {
      insert.run(document, numberOfKey(key), certificate, format, level, signingTime, outputName);
      insertParts.run(document, encodeParts(parts));
    },
    copy: (from, to) => {
      copyRow.run(to, from);
      copyParts.run(to, from);
    },
    verified: ({ document, outputDigest, archiveDigest, outputSize }) => {
      const digest = outputDigest.length === 0 ? null : outputDigest;
      return update.run(digest, archiveDigest ?? null, digest === null ? null : outputSize, document).changes === 1;
    },
  };
}
