import type { MaterialPart } from '../archive/append.ts';
import { digestOf, sha256 } from '../formats/digests.ts';
import { displayName } from '../formats/names.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { Batch, BatchDocument } from '../model/batch.ts';
import type { Store } from '../ports/store.ts';

/** Bytes of a part: a report of a million documents has hundreds of megabytes. */
const partSize = 4 << 20;

/**
 * How a batch was judged: one JSON line that names it, then one a document, what was verified and with which outcome. Kept in parts of some
 * megabytes, each a blob of its own; one behind the other they are the report.
 */
export class ReleaseReport {
  readonly #fx: { readonly store: Pick<Store, 'putBlobs'> };
  readonly #batch: string;
  readonly #digest: DigestAlgorithm;
  readonly #parts: MaterialPart[] = [];
  #lines: Buffer[];
  #size = 0;

  constructor(fx: { readonly store: Pick<Store, 'putBlobs'> }, { id, root, relPath, profile }: Batch, digest: DigestAlgorithm) {
    this.#fx = fx;
    this.#batch = id;
    this.#digest = digest;
    this.#lines = [line({ batch: id, root, path: displayName(relPath), profile })];
  }

  /** Takes down each document on its way to whoever else reads them. */
  async *noting(documents: AsyncIterable<BatchDocument>): AsyncGenerator<BatchDocument> {
    for await (const document of documents) {
      const text = line(judgement(document));
      this.#lines.push(text);
      this.#size += text.length;
      if (this.#size >= partSize) await this.#keep();
      yield document;
    }
  }

  /** All parts, once every document was taken down. */
  async end(): Promise<readonly MaterialPart[]> {
    if (this.#lines.length > 0) await this.#keep();
    return this.#parts;
  }

  async #keep(): Promise<void> {
    const bytes = Buffer.concat(this.#lines);
    this.#lines = [];
    this.#size = 0;
    const name = sha256(bytes);
    this.#parts.push({ sha256: name, member: this.#digest === 'sha256' ? name : digestOf(this.#digest, bytes) });
    await this.#fx.store.putBlobs([{ kind: 'report', sha256: name, bytes }], this.#batch);
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
