import type { ByteSource, OutputPart } from '../../ports/bytes.ts';
import type { AnyDigest } from '../../model/algorithms.ts';
import { Parser, Truncated } from './parser.ts';
import { beyondLimit } from './refusals.ts';

/** Up to here a document is read in one go; beyond, only what is looked at. */
const small = 65_536;
const firstWindow = 4096;
/** Longest object that is read: an array of a million kids has 8 MB. Streams are not read as objects. */
const longestObject = 16_777_216;

/** A document's bytes as the parser wants them: windows that grow until an object fits. */
export class Input {
  readonly source: ByteSource;
  readonly size: number;
  readonly #whole: Buffer | undefined;

  constructor(source: ByteSource) {
    this.source = source;
    this.size = source.size;
    this.#whole = source.size <= small ? source.read(0, source.size) : undefined;
  }

  /** @returns exactly these bytes, fewer only at the end. Shared: do not change them. */
  bytes(offset: number, length: number): Buffer {
    return this.#whole?.subarray(offset, offset + length) ?? this.source.read(offset, length);
  }

  /**
   * Runs `parse` on a window that begins at `offset`, again on a longer one while it runs out of bytes.
   * @param parse `base` is the offset in the file of the parser's `bytes`
   * @throws SealError SEAL-DOC-LIMIT
   */
  parse<T>(offset: number, parse: (parser: Parser, base: number) => T): T {
    if (this.#whole) return parse(new Parser(this.#whole, offset, 0, true), 0);
    for (let length = firstWindow; length <= longestObject; length *= 8) {
      const bytes = this.source.read(offset, length);
      try {
        return parse(new Parser(bytes, 0, offset, offset + bytes.length >= this.size), offset);
      } catch (error) {
        if (!(error instanceof Truncated)) throw error;
      }
    }
    throw beyondLimit(`the object at byte ${offset} is longer than ${longestObject} bytes`);
  }
}

/** The first `size` bytes of a document: what it was before later revisions were appended. */
export function head(source: ByteSource, size: number): ByteSource {
  const whole = { offset: 0, length: size };
  return {
    size,
    read: (offset: number, length: number): Buffer => source.read(Math.min(offset, size), Math.min(length, Math.max(0, size - offset))),
    digest: (algorithm: AnyDigest, parts?: readonly OutputPart[]): Buffer => source.digest(algorithm, parts ?? [whole]),
  };
}
