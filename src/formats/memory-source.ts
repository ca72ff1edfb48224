import { createHash } from 'node:crypto';
import { digestOf } from './digests.ts';
import type { AnyDigest } from '../model/algorithms.ts';
import type { ByteSource, OutputPart } from '../ports/bytes.ts';

/** A source that can be walked through in pieces without a new buffer for each. */
export interface ChunkedSource extends ByteSource {
  /** Calls with consecutive views of the range; a view is good only during its call. */
  each(offset: number, length: number, call: (chunk: Buffer) => void): void;
}

/** A document that is in memory already; `read` gives views, not copies, so the bytes must not change. */
export function bufferSource(bytes: Buffer): ChunkedSource {
  return {
    size: bytes.length,
    read: (offset: number, length: number): Buffer => bytes.subarray(Math.min(offset, bytes.length), offset + length),
    each(offset: number, length: number, call: (chunk: Buffer) => void): void {
      if (length > 0) call(bytes.subarray(offset, offset + length));
    },
    digest(algorithm: AnyDigest, parts?: readonly OutputPart[]): Buffer {
      const pieces = parts?.map((part) => (part instanceof Uint8Array ? part : bytes.subarray(part.offset, part.offset + part.length)));
      return digestOf(algorithm, ...(pieces ?? [bytes]));
    },
  };
}

/** Digest over ranges of a source and bytes between them, in bounded memory. */
export function digestRanges(source: ChunkedSource, algorithm: AnyDigest, parts?: readonly OutputPart[]): Buffer {
  const digest = createHash(algorithm);
  for (const part of parts ?? [{ offset: 0, length: source.size }])
    if (part instanceof Uint8Array) digest.update(part);
    else
      source.each(part.offset, part.length, (chunk) => {
        digest.update(chunk);
      });
  return digest.digest();
}

/** Digests that are known already spare reading the document again. */
export function withDigests(source: ByteSource, known: readonly (readonly [AnyDigest, Buffer])[]): ByteSource {
  const digests = new Map<AnyDigest, Buffer>(known);
  return {
    size: source.size,
    read: (offset: number, length: number): Buffer => source.read(offset, length),
    digest: (algorithm: AnyDigest, parts?: readonly OutputPart[]): Buffer =>
      (parts === undefined ? digests.get(algorithm) : undefined) ?? source.digest(algorithm, parts),
  };
}

/** An output that is not assembled yet, as if it were: new bytes and ranges of `input`, one behind the other. */
export function partsSource(parts: readonly OutputPart[], input: ChunkedSource): ChunkedSource {
  const pieces: { readonly start: number; readonly length: number; readonly part: OutputPart }[] = [];
  let size = 0;
  for (const part of parts) {
    pieces.push({ start: size, length: part.length, part });
    size += part.length;
  }
  const source: ChunkedSource = {
    size,
    read(offset: number, length: number): Buffer {
      const found: Buffer[] = [];
      source.each(offset, length, (chunk) => found.push(Buffer.from(chunk)));
      return found.length === 1 && found[0] ? found[0] : Buffer.concat(found);
    },
    each(offset: number, length: number, call: (chunk: Buffer) => void): void {
      for (const { start, length: own, part } of pieces) {
        const from = Math.max(offset, start) - start;
        const to = Math.min(offset + length, start + own) - start;
        if (from >= to) continue;
        if (part instanceof Uint8Array) call(Buffer.from(part.buffer, part.byteOffset + from, to - from));
        else input.each(part.offset + from, to - from, call);
      }
    },
    digest: (algorithm: AnyDigest, parts?: readonly OutputPart[]): Buffer => digestRanges(source, algorithm, parts),
  };
  return source;
}
