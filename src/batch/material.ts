import type { BatchMaterial } from '../archive/append.ts';
import { SealError } from '../errors.ts';
import { displayName, joinPath } from '../formats/names.ts';
import { claimPlaces, spoolFile } from '../formats/places.ts';
import type { Batch, BatchDocument } from '../model/batch.ts';
import type { RootConfig } from '../model/config.ts';
import type { Effects } from '../ports/effects.ts';
import type { ReleaseDocument, ReleaseVerifier } from '../verify/release.ts';

export interface MaterialParts {
  readonly fx: Pick<Effects, 'files' | 'store'>;
  readonly config: { readonly dataDir: string };
  readonly release: ReleaseVerifier;
}

export interface MaterialOptions {
  /** Undefined: the command line; nobody approved a batch. */
  readonly root?: Pick<RootConfig, 'path' | 'incoming' | 'outgoing' | 'failed' | 'done'>;
  /** For encrypted documents; the caller zeroes it. */
  readonly password?: Buffer;
}

const page = 500;
const largestSemaphore = 16 << 20;

/** What was used when a batch was verified, who approved it and how it was judged: kept once beside its documents. */
export async function materialOf(
  { fx, config, release }: MaterialParts,
  batch: Batch,
  { root, password }: MaterialOptions,
  signal?: AbortSignal,
): Promise<BatchMaterial> {
  const report = new ReleaseReport(batch);
  const whole = async ({ id, seq }: BatchDocument): Promise<ReleaseDocument | undefined> => {
    const document = await fx.store.document(id);
    const input = spoolFile(config.dataDir, batch.id, seq);
    return document && { document, input, ...(password === undefined ? {} : { password }) };
  };
  const semaphore = root === undefined || batch.semaphore.length === 0 ? undefined : await semaphoreOf(fx, root, batch);
  const proofs = await release.material(report.noting(documentsOf(fx, batch.id)), whole, signal);
  return {
    ...proofs,
    report: report.bytes(),
    ...(semaphore === undefined ? {} : { semaphore }),
  };
}

/** What verification found, and the shape of the outputs: their bytes are not needed here. */
async function* documentsOf({ store }: Pick<Effects, 'store'>, batch: string): AsyncGenerator<BatchDocument> {
  for (let afterSeq = -1; ;) {
    const documents = await store.documents(batch, { afterSeq, limit: page, omit: ['bytes'] });
    yield* documents;
    const last = documents.at(-1);
    if (last === undefined || documents.length < page) return;
    afterSeq = last.seq;
  }
}

/** The approval as it lies in the claimed directory; undefined for a remainder, whose semaphore went with the others. */
async function semaphoreOf(
  { files }: Pick<Effects, 'files'>,
  root: NonNullable<MaterialOptions['root']>,
  { id, semaphore }: Batch,
): Promise<Buffer | undefined> {
  for (const place of claimPlaces(root)) {
    const path = joinPath(place, id, semaphore);
    const found = await files.read(path, largestSemaphore).catch((thrown: unknown) => {
      if (thrown instanceof SealError && (thrown.code === 'SEAL-INPUT-MISSING' || thrown.code.startsWith('SEAL-DOC-'))) return undefined;
      throw thrown;
    });
    if (found !== undefined) return found;
  }
  return undefined;
}

/** One JSON line a document: what was verified, and how it was judged. */
class ReleaseReport {
  readonly #lines: Buffer[];

  constructor({ id, root, relPath, profile }: Batch) {
    this.#lines = [line({ batch: id, root, path: displayName(relPath), profile })];
  }

  /** Takes down each document on its way to whoever else reads them. */
  async *noting(documents: AsyncIterable<BatchDocument>): AsyncGenerator<BatchDocument> {
    for await (const document of documents) {
      this.#lines.push(line(judgement(document)));
      yield document;
    }
  }

  /** What was taken down so far. */
  bytes(): Buffer {
    return Buffer.concat(this.#lines);
  }
}

function line(value: object): Buffer {
  return Buffer.from(`${JSON.stringify(value)}\n`);
}

function judgement({ relPath, digests, signature, error }: BatchDocument): object {
  const report = signature?.report;
  return {
    document: displayName(relPath),
    input: Object.fromEntries(digests.map(([algorithm, value]) => [algorithm, value.toString('hex')])),
    ...(signature === undefined
      ? {}
      : { output: signature.outputDigest?.toString('hex'), key: signature.key, format: signature.format, level: signature.level }),
    ...(report === undefined
      ? {}
      : {
          indication: report.indication,
          validationTime: report.validationTime,
          bestSignatureTime: report.signatures[0]?.bestSignatureTime,
        }),
    ...(error === undefined ? {} : { error: error.code }),
  };
}
