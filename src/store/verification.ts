import type { Connection } from './database.ts';
import type { DocumentRows } from './documents.ts';
import type { Methods } from './methods.ts';
import type { ReportRows } from './reports.ts';
import type { SignatureRows } from './signatures.ts';
import type { DocumentState } from '../model/batch.ts';

/** What verification before release found. */
export function verification(
  { db }: Connection,
  {
    documents,
    reports,
    signatures,
  }: { readonly documents: DocumentRows; readonly reports: ReportRows; readonly signatures: SignatureRows },
): Pick<Methods, 'recordVerified' | 'failDocuments'> {
  const batchOf = db.prepare<[number], { readonly n: number; readonly keyless: 0 | 1 }>(
    "SELECT b.n, b.keys = '[]' AS keyless FROM documents AS d JOIN batches AS b ON b.n = d.batch WHERE d.id = ?",
  );
  const keyless: readonly [DocumentState, DocumentState] = ['signed', 'spooled'];
  const signed: readonly [DocumentState] = ['signed'];
  return {
    recordVerified: (results) => {
      const writeReport = reports.writer();
      for (const result of results) {
        const { document, error, report } = result;
        const batch = batchOf.get(document);
        documents.move(document, batch?.keyless === 1 ? keyless : signed, 'verified');
        const has = signatures.verified(result);
        if (has && batch !== undefined && report !== undefined && report !== null) writeReport(batch.n, document, report);
        if (error !== undefined) documents.fail(document, error);
      }
    },
    failDocuments: (failures) => {
      for (const { document, error } of failures) documents.fail(document, error);
    },
  };
}
