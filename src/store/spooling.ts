import { toJson } from './rows.ts';
import type { BatchRows } from './batches.ts';
import type { Connection } from './database.ts';
import type { Methods } from './methods.ts';
import type { EarlierSignatures } from './reuse.ts';
import type { SignatureRows } from './signatures.ts';
import type { ValueRows } from './values.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';

/** Takes over what was copied to the spool. */
export function spooling(
  { db }: Connection,
  {
    batches,
    signatures,
    values,
    earlier,
  }: { readonly batches: BatchRows; readonly signatures: SignatureRows; readonly values: ValueRows; readonly earlier: EarlierSignatures },
): Pick<Methods, 'recordSpooled' | 'reusableSignatures'> {
  const clear = db.prepare('DELETE FROM documents WHERE batch = ?');
  const insert = db.prepare(`INSERT INTO documents (batch, seq, rel_path, size, sha256, sha384, sha512, state, error)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const count = db.prepare('UPDATE batches SET documents = ?, failed = ? WHERE n = ?');
  return {
    recordSpooled: (id, documents, change) => {
      batches.move(id, 'claimed', 'spooled', change);
      const batch = batches.find(id);
      const takenOver = earlier.forRetry(batch);
      clear.run(batch.n);
      for (const document of documents) {
        const { seq, relPath, size, error, signature } = document;
        const digests = new Map<DigestAlgorithm, Buffer>(document.digests);
        const origin = error === undefined && signature === undefined ? takenOver(document) : undefined;
        const state = error !== undefined ? 'failed' : signature !== undefined ? 'signed' : (origin?.state ?? 'spooled');
        const [sha256 = null, sha384 = null, sha512 = null] = [digests.get('sha256'), digests.get('sha384'), digests.get('sha512')];
        const row = insert.run(batch.n, seq, relPath, size, sha256, sha384, sha512, state, toJson(error));
        const added = Number(row.lastInsertRowid);
        if (signature !== undefined) signatures.add(added, signature);
        else if (origin !== undefined) (origin.state === 'signed' ? signatures : values).copy(origin.document, added);
      }
      count.run(documents.length, documents.filter(({ error }) => error !== undefined).length, batch.n);
    },
    reusableSignatures: (id) => earlier.count(batches.find(id)),
  };
}
