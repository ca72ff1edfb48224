import { toJson } from './rows.ts';
import type { BatchRows } from './batches.ts';
import type { Connection } from './database.ts';
import type { Methods } from './methods.ts';
import type { EarlierSignatures } from './reuse.ts';
import type { SignatureRows } from './signatures.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';

/** Takes over what was copied to the spool. */
export function spooling(
  { db }: Connection,
  batches: BatchRows,
  signatures: SignatureRows,
  earlier: EarlierSignatures,
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
        const state = error !== undefined ? 'failed' : signature !== undefined || origin !== undefined ? 'signed' : 'spooled';
        const [sha256 = null, sha384 = null, sha512 = null] = [digests.get('sha256'), digests.get('sha384'), digests.get('sha512')];
        const row = insert.run(batch.n, seq, relPath, size, sha256, sha384, sha512, state, toJson(error));
        if (state !== 'signed') continue;
        const added = Number(row.lastInsertRowid);
        if (signature !== undefined) signatures.add(added, signature);
        else if (origin !== undefined) signatures.copy(origin, added);
      }
      count.run(documents.length, documents.filter(({ error }) => error !== undefined).length, batch.n);
    },
    reusableSignatures: (id) => earlier.count(batches.find(id)),
  };
}
