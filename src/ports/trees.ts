import type { DigestAlgorithm } from '../model/algorithms.ts';

/** Hash-tree arithmetic on whole trees, in a worker thread: a day of ten million leaves never stops the event loop. */
export interface TreeWork {
  /** Root over leaf hashes (concatenated, digest length each). */
  root(leaves: Buffer, digest: DigestAlgorithm, layout: number): Promise<Buffer>;
  /** The reducedHashtree path of one leaf: for each list after the first, the hashes that are added (RFC 4998 §4.2). */
  path(leaves: Buffer, index: number, digest: DigestAlgorithm, layout: number): Promise<Buffer[]>;
  close(): Promise<void>;
}
