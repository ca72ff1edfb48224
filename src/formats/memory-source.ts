import { digestOf } from './digests.ts';
import type { AnyDigest } from '../model/algorithms.ts';
import type { ByteSource, OutputPart } from '../ports/bytes.ts';

/** A document that is in memory already; `read` gives views, not copies, so the bytes must not change. */
export function bufferSource(bytes: Buffer): ByteSource {
  return {
    size: bytes.length,
    read: (offset: number, length: number): Buffer => bytes.subarray(Math.min(offset, bytes.length), offset + length),
    digest(algorithm: AnyDigest, parts?: readonly OutputPart[]): Buffer {
      const pieces = parts?.map((part) => ('offset' in part ? bytes.subarray(part.offset, part.offset + part.length) : part));
      return digestOf(algorithm, ...(pieces ?? [bytes]));
    },
  };
}
