import { SealError } from '../errors.ts';
import { toJson } from './rows.ts';
import type { BatchRows, NumberedBatch } from './batches.ts';
import type { Connection } from './database.ts';
import type { Methods } from './methods.ts';
import type { EarlierSignatures } from './reuse.ts';
import type { SignatureRows } from './signatures.ts';
import type { ValueRows } from './values.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { NewDocument } from '../ports/batch-store.ts';

/** Takes over what was copied to the spool. */
export function spooling(
  { db }: Connection,
  {
    batches,
    signatures,
    values,
    earlier,
  }: { readonly batches: BatchRows; readonly signatures: SignatureRows; readonly values: ValueRows; readonly earlier: EarlierSignatures },
): Pick<Methods, 'addSpooled' | 'recordSpooled' | 'reusableSignatures'> {
  const clear = db.prepare('DELETE FROM documents WHERE batch = ?');
  const insert = db.prepare(`INSERT INTO documents (batch, seq, rel_path, size, sha256, sha384, sha512, state, error)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const count = db.prepare(`UPDATE batches SET (documents, failed) =
    (SELECT count(*), count(*) FILTER (WHERE state = 'failed') FROM documents WHERE batch = @n) WHERE n = @n`);

  const add = (batch: NumberedBatch, documents: readonly NewDocument[]): void => {
    if (documents[0]?.seq === 0) {
      clear.run(batch.n);
      earlier.begin(batch);
    }
    for (const document of documents) {
      const { seq, relPath, size, error, signature } = document;
      const digests = new Map<DigestAlgorithm, Buffer>(document.digests);
      const origin = error === undefined && signature === undefined ? earlier.find(batch, document) : undefined;
      const state = error !== undefined ? 'failed' : signature !== undefined ? 'signed' : (origin?.state ?? 'spooled');
      const [sha256 = null, sha384 = null, sha512 = null] = [digests.get('sha256'), digests.get('sha384'), digests.get('sha512')];
      const row = insert.run(batch.n, seq, relPath, size, sha256, sha384, sha512, state, toJson(error));
      const added = Number(row.lastInsertRowid);
      if (signature !== undefined) signatures.add(added, signature);
      else if (origin !== undefined) (origin.state === 'signed' ? signatures : values).copy(origin.document, added);
    }
  };

  return {
    addSpooled: (id, documents, change = {}) => {
      const batch = batches.find(id);
      if (batch.state !== 'claimed') throw new SealError('SEAL-BATCH-STATE', `batch ${id} is ${batch.state}, not claimed`);
      const { profile = batch.profile, keys = batch.keys } = change;
      add({ ...batch, profile, keys }, documents);
    },
    recordSpooled: (id, documents, change) => {
      batches.move(id, 'claimed', 'spooled', change);
      const batch = batches.find(id);
      add(batch, documents);
      count.run({ n: batch.n });
      earlier.end(batch);
    },
    reusableSignatures: (id) => earlier.count(batches.find(id)),
  };
}
