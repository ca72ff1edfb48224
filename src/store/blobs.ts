import { sha256 } from '../formats/digests.ts';
import { SealError } from '../errors.ts';
import type { BatchRows } from './batches.ts';
import type { Connection } from './database.ts';
import type { Methods } from './methods.ts';
import type { Blob } from '../model/archive.ts';

/** Writes blobs, those of a batch with the batch; inside the running transaction. */
export type WriteBlobs = (blobs: readonly Blob[], batch?: number) => void;

/** Keeps certificates, revocation data and reports once, by their SHA-256. @throws SealError SEAL-INTERNAL where the hash is another's */
export function blobWriter({ db }: Connection): WriteBlobs {
  const insert = db.prepare('INSERT INTO blobs (sha256, kind, bytes) VALUES (?, ?, ?) ON CONFLICT (sha256) DO NOTHING');
  const link = db.prepare('INSERT OR IGNORE INTO batch_blobs (batch, blob) SELECT ?, n FROM blobs WHERE sha256 = ?');
  return (blobs, batch) => {
    for (const { sha256: name, kind, bytes } of blobs) {
      if (!sha256(bytes).equals(name)) throw new SealError('SEAL-INTERNAL', `a ${kind} does not have the hash it is filed under`);
      insert.run(name, kind, bytes);
      if (batch !== undefined) link.run(batch, name);
    }
  };
}

/** Blobs by hash and by batch. */
export function blobRows({ db }: Connection, batches: BatchRows, write: WriteBlobs): Pick<Methods, 'blob' | 'putBlobs' | 'batchBlobs'> {
  const get = db.prepare<[Buffer], Blob>('SELECT sha256, kind, bytes FROM blobs WHERE sha256 = ?');
  const ofBatch = db.prepare<[number, number, number], Blob>(
    'SELECT sha256, kind, bytes FROM blobs WHERE n IN (SELECT blob FROM batch_blobs WHERE batch = ?) ORDER BY n LIMIT ? OFFSET ?',
  );
  return {
    blob: (name) => get.get(name),
    putBlobs: (blobs, batch) => {
      write(blobs, batch === undefined ? undefined : batches.find(batch).n);
    },
    batchBlobs: (batch, { skip, limit } = { skip: 0, limit: -1 }) => ofBatch.all(batches.find(batch).n, limit, skip),
  };
}
