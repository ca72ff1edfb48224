import { jsonName, jsonText, type JsonName } from '../formats/json-text.ts';
import { directoryName, joinPath } from '../formats/names.ts';
import { isDetached } from '../formats/output-parts.ts';
import type { Batch, BatchDocument } from '../model/batch.ts';
import type { WrittenFile } from '../ports/files.ts';

interface ReadyFile extends JsonName {
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
  yield Buffer.from(`${jsonText(headOf(batch), 2).slice(0, -2)},\n  "files": [`);
  let separator = '\n    ';
  for await (const page of pages) {
    for (const document of page) {
      documents++;
      if (document.state === 'failed') failed++;
      for (const file of filesOf(document)) {
        yield Buffer.from(`${separator}${jsonText(file)}`);
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

function headOf({ id, root, outPath, partOf }: Batch): object {
  const { name, nameBytes } = jsonName(outPath);
  return {
    batch: id,
    root,
    path: name,
    ...(nameBytes === undefined ? {} : { pathBytes: nameBytes }),
    ...(partOf === undefined ? {} : { partOf }),
    anchored: false,
  };
}

function filesOf(document: BatchDocument): ReadyFile[] {
  const { signature, relPath, size } = document;
  if (document.state === 'failed') return [];
  const sha256 = document.digests.find(([algorithm]) => algorithm === 'sha256')?.[1].toString('hex') ?? '';
  const original = { ...jsonName(relPath), size, sha256 };
  if (signature === undefined) return [original];
  const output = {
    ...jsonName(joinPath(directoryName(relPath), signature.outputName)),
    size: signature.outputSize ?? 0,
    sha256: signature.outputDigest?.toString('hex') ?? '',
  };
  return isDetached(signature.parts) ? [original, output] : [output];
}
