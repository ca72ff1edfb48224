import { digestOf } from './digests.ts';
import type { AnyDigest } from '../model/algorithms.ts';
import type { ByteRange, ByteSource } from '../ports/bytes.ts';

/** A document that is in memory already; `read` gives views, not copies, so the bytes must not change. */
export function bufferSource(bytes: Buffer): ByteSource {
  return {
    size: bytes.length,
    read: (offset: number, length: number): Buffer => bytes.subarray(Math.min(offset, bytes.length), offset + length),
    digest(algorithm: AnyDigest, ranges?: readonly ByteRange[]): Buffer {
      const parts = ranges?.map(({ offset, length }) => bytes.subarray(offset, offset + length));
      return digestOf(algorithm, ...(parts ?? [bytes]));
    },
  };
}
