import type { Connection } from './database.ts';
import type { DocumentRows } from './documents.ts';
import type { Methods } from './methods.ts';
import type { SignatureRows } from './signatures.ts';
import type { DocumentState } from '../model/batch.ts';

/** What verification before release found. */
export function verification(
  { db }: Connection,
  documents: DocumentRows,
  signatures: SignatureRows,
): Pick<Methods, 'recordVerified' | 'failDocuments'> {
  const isKeyless = db.prepare<[number], { readonly keyless: 0 | 1 }>(
    "SELECT keys = '[]' AS keyless FROM batches WHERE n = (SELECT batch FROM documents WHERE id = ?)",
  );
  return {
    recordVerified: (results) => {
      for (const result of results) {
        const { document, error } = result;
        const from: DocumentState[] = isKeyless.get(document)?.keyless === 1 ? ['signed', 'spooled'] : ['signed'];
        documents.move(document, from, 'verified');
        signatures.verified(result);
        if (error !== undefined) documents.fail(document, error);
      }
    },
    failDocuments: (failures) => {
      for (const { document, error } of failures) documents.fail(document, error);
    },
  };
}
