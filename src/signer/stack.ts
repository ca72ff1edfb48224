import type { BatchDocument } from '../model/batch.ts';
import type { Stack } from '../ports/stack-store.ts';

/** A document as a key with a stack looks at it. */
export type ListedDocument = Pick<BatchDocument, 'id' | 'digests'>;

/**
 * The documents that one activation may sign, each once: shown before the PIN, known by their SHA-256. The database holds to the same list (`recordIntents`);
 * this one keeps everything else away from the key.
 */
export class KeyStack {
  readonly id: number;
  readonly #open: Map<number, Buffer>;
  readonly #batches: ReadonlySet<string>;

  constructor({ id, open }: Stack) {
    this.id = id;
    this.#open = new Map(open.map(({ document, sha256 }) => [document, sha256]));
    this.#batches = new Set(open.map(({ batch }) => batch));
  }

  /** Documents of it that may still be signed. */
  get size(): number {
    return this.#open.size;
  }

  /** Whether documents of this batch were in the list when it was read. */
  names(batch: string): boolean {
    return this.#batches.has(batch);
  }

  permits({ id, digests }: ListedDocument): boolean {
    const sha256 = digests.find(([algorithm]) => algorithm === 'sha256')?.[1];
    return sha256 !== undefined && this.#open.get(id)?.equals(sha256) === true;
  }

  /** How many of these it permits. @param most counts no further */
  among(documents: readonly ListedDocument[], most: number): number {
    let count = 0;
    for (const document of documents) {
      if (count === most) break;
      if (this.permits(document)) count++;
    }
    return count;
  }

  /** The document's signature is asked of the key. @returns gives it back: it was certainly not made */
  take(document: number): () => void {
    const sha256 = this.#open.get(document);
    this.#open.delete(document);
    return () => {
      if (sha256 !== undefined) this.#open.set(document, sha256);
    };
  }
}
