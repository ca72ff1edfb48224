import type { ByteSource, OutputPart } from '../../ports/bytes.ts';
import type { AnyDigest } from '../../model/algorithms.ts';
import { Parser, Truncated } from './parser.ts';
import { beyondLimit } from './refusals.ts';

/** Up to here a document is read in one go; beyond, only what is looked at. */
const small = 65_536;
const firstWindow = 4096;
/** Longest object that is read: an array of a million kids has 8 MB. Streams are not read as objects. */
const longestObject = 16_777_216;

interface Window {
  readonly offset: number;
  readonly bytes: Buffer;
}

/** A document's bytes as the parser wants them: windows that grow until an object fits. The last one serves what lies near. */
export class Input {
  readonly source: ByteSource;
  readonly size: number;
  #window: Window;

  constructor(source: ByteSource) {
    this.source = source;
    this.size = source.size;
    this.#window = { offset: 0, bytes: source.read(0, source.size <= small ? source.size : firstWindow) };
  }

  /** @returns exactly these bytes, fewer only at the end. Shared: do not change them. */
  bytes(offset: number, length: number): Buffer {
    const { offset: start, bytes } = this.#window;
    const end = Math.min(offset + length, this.size);
    if (offset >= start && end <= start + bytes.length) return bytes.subarray(offset - start, end - start);
    return this.source.read(offset, length);
  }

  /**
   * Runs `parse` on a window that holds `offset`, again on a longer one while it runs out of bytes.
   * @param parse `base` is the offset in the file of the parser's `bytes`
   * @throws SealError SEAL-DOC-LIMIT
   */
  parse<T>(offset: number, parse: (parser: Parser, base: number) => T): T {
    const { offset: start, bytes } = this.#window;
    const isNear = offset >= start && offset < start + bytes.length;
    const near = isNear ? this.#attempt(this.#window, offset, parse) : undefined;
    if (near) return near.value;
    for (let length = firstWindow; length <= longestObject; length *= 8) {
      this.#window = { offset, bytes: this.source.read(offset, length) };
      const found = this.#attempt(this.#window, offset, parse);
      if (found) return found.value;
    }
    throw beyondLimit(`the object at byte ${offset} is longer than ${longestObject} bytes`);
  }

  /** Undefined when the window ends too early. */
  #attempt<T>(
    { offset: start, bytes }: Window,
    offset: number,
    parse: (parser: Parser, base: number) => T,
  ): { readonly value: T } | undefined {
    const isLast = start + bytes.length >= this.size;
    const parser = new Parser(bytes, offset - start, start, isLast);
    if (isLast) return { value: parse(parser, start) };
    try {
      return { value: parse(parser, start) };
    } catch (error) {
      if (error instanceof Truncated) return undefined;
      throw error;
    }
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
