import { directoryName, displayName, isUtf8, joinPath } from '../formats/names.ts';
import type { Batch, BatchDocument } from '../model/batch.ts';
import type { WrittenFile } from '../ports/files.ts';

interface ReadyFile {
  /** As it is, for programs that look for the file; JSON escapes control characters by itself. */
  readonly name: string;
  /** Hexadecimal bytes of a name that is not UTF-8. */
  readonly nameBytes?: string;
  readonly size: number;
  readonly sha256: string;
}

export interface ReadyOptions {
  readonly reports: readonly (WrittenFile & { readonly name: string })[];
  /** Certificates of an evaluation authority were used. */
  readonly evaluation: boolean;
}

/**
 * The ready semaphore: JSON with batch id, counts and SHA-256 of every file that was delivered, written piece by piece. `anchored` is false: the
 * day's timestamp comes later.
 */
export async function* readyPieces(
  pages: AsyncIterable<readonly BatchDocument[]>,
  batch: Batch,
  { reports, evaluation }: ReadyOptions,
): AsyncGenerator<Uint8Array> {
  let documents = 0;
  let failed = 0;
  yield Buffer.from(
    `{\n  "batch": ${JSON.stringify(batch.id)},\n  "root": ${JSON.stringify(batch.root)},\n  "path": ${JSON.stringify(displayName(batch.outPath))},\n`,
  );
  if (batch.partOf !== undefined) yield Buffer.from(`  "partOf": ${JSON.stringify(batch.partOf)},\n`);
  yield Buffer.from('  "anchored": false,\n  "files": [');
  let separator = '\n    ';
  for await (const page of pages) {
    for (const document of page) {
      documents++;
      if (document.state === 'failed') failed++;
      for (const file of filesOf(document)) {
        yield Buffer.from(`${separator}${JSON.stringify(file)}`);
        separator = ',\n    ';
      }
    }
  }
  for (const { name, size, digest } of reports) {
    yield Buffer.from(`${separator}${JSON.stringify({ name, size, sha256: digest.toString('hex') })}`);
    separator = ',\n    ';
  }
  const counts = { documents, delivered: documents - failed, failed };
  yield Buffer.from(
    `\n  ],\n  "counts": ${JSON.stringify(counts)}${evaluation ? ',\n  "evaluation": "EVALUATION: proves nothing to others"' : ''}\n}\n`,
  );
}

function filesOf(document: BatchDocument): ReadyFile[] {
  const { signature, relPath, size } = document;
  if (document.state === 'failed') return [];
  const sha256 = document.digests.find(([algorithm]) => algorithm === 'sha256')?.[1].toString('hex') ?? '';
  const original = { ...named(relPath), size, sha256 };
  if (signature === undefined) return [original];
  const output = {
    ...named(joinPath(directoryName(relPath), signature.outputName)),
    size: signature.outputSize ?? 0,
    sha256: signature.outputDigest?.toString('hex') ?? '',
  };
  return signature.parts.every((part) => part instanceof Uint8Array) ? [original, output] : [output];
}

function named(path: Buffer): Pick<ReadyFile, 'name' | 'nameBytes'> {
  return isUtf8(path) ? { name: path.toString('utf8') } : { name: displayName(path), nameBytes: path.toString('hex') };
}
