import { encodeParts, encodeShape } from './parts.ts';
import type { Connection } from './database.ts';
import type { NumberOfKey } from './key-names.ts';
import type { DocumentSignature } from '../model/batch.ts';
import type { VerifiedDocument } from '../ports/batch-store.ts';

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
  const insertParts = db.prepare('INSERT OR REPLACE INTO signature_parts (document, shape, parts) VALUES (?, ?, ?)');
  const copyRow = db.prepare(`INSERT INTO signatures (document, key, certificate, format, level, signing_time, output_name)
    SELECT ?, key, certificate, format, level, signing_time, output_name FROM signatures WHERE document = ?`);
  const copyParts = db.prepare(
    'INSERT INTO signature_parts (document, shape, parts) SELECT ?, shape, parts FROM signature_parts WHERE document = ?',
  );
  const update = db.prepare('UPDATE signatures SET output_digest = ?, archive_digest = ?, output_size = ? WHERE document = ?');
  return {
    add: (document, { key, certificate, format, level, signingTime, outputName, parts }) => {
      insert.run(document, numberOfKey(key), certificate, format, level, signingTime, outputName);
      insertParts.run(document, encodeShape(parts), encodeParts(parts));
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
