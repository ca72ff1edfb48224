import type { AnyDigest } from '../model/algorithms.ts';

/** A half-open range of bytes. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/**
 * Random access to the bytes of one document, in memory or in a file; never changes while it is open.
 * Synchronous: formats are pure, and those who read large files run in a worker.
 */
export interface ByteSource {
  /** Bytes. */
  readonly size: number;
  /** Exactly the bytes from `offset`, fewer only at the end. The buffer belongs to the caller. */
  read(offset: number, length: number): Buffer;
  /**
   * Digest over the parts in their order (ranges of this document, and other bytes between or behind them: what an appended signature
   * covers); over everything when none are given. Bounded memory.
   */
  digest(algorithm: AnyDigest, parts?: readonly OutputPart[]): Buffer;
}

/**
 * One piece of an output file: new bytes, or a range of the input document that is copied unchanged.
 * A signed output is described by its parts, so that a document of 100 GB is never held in memory.
 */
export type OutputPart = Uint8Array | ByteRange;
