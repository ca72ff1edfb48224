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

/** Up to here reading everything at once costs less than a hash object. */
const small = 16_384;

/** Digest over ranges of a source and bytes between them, in bounded memory. */
export function digestRanges(source: ChunkedSource, algorithm: AnyDigest, parts?: readonly OutputPart[]): Buffer {
  if (parts === undefined && source.size <= small) return digestAtOnce(source, algorithm);
  const digest = createHash(algorithm);
  for (const part of parts ?? [{ offset: 0, length: source.size }])
    if (part instanceof Uint8Array) digest.update(part);
    else
      source.each(part.offset, part.length, (chunk) => {
        digest.update(chunk);
      });
  return digest.digest();
}

/** A small source mostly comes in one piece. */
function digestAtOnce(source: ChunkedSource, algorithm: AnyDigest): Buffer {
  let whole: Buffer | undefined;
  source.each(0, source.size, (chunk) => {
    if (chunk.length === source.size) whole = digestOf(algorithm, chunk);
  });
  return whole ?? digestOf(algorithm, source.read(0, source.size));
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

/** An output that is not assembled yet, as if it were: new bytes (of which `read` gives views) and ranges of `input`, one behind the other. */
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
      const wanted = Math.max(0, Math.min(length, size - offset));
      const home = pieces.find(({ start, length: own }) => start <= offset && offset + wanted <= start + own);
      if (home?.part instanceof Uint8Array) return Buffer.from(home.part.buffer, home.part.byteOffset + offset - home.start, wanted);
      if (home !== undefined && !(home.part instanceof Uint8Array)) return input.read(home.part.offset + offset - home.start, wanted);
      const found: Buffer[] = [];
      source.each(offset, length, (chunk) => found.push(Buffer.from(chunk)));
      return Buffer.concat(found);
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
