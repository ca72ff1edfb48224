import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { TileFile, TreeNodes } from '../model/archive.ts';

/** Hash-tree arithmetic on whole trees, in a worker thread: a day of ten million leaves never stops the event loop. */
export interface TreeWork {
  /** Root over leaf hashes (concatenated, digest length each). */
  root(leaves: Buffer, digest: DigestAlgorithm, layout: number): Promise<Buffer>;
  /** The reducedHashtree path of one leaf: for each list after the first, the hashes that are added (RFC 4998 §4.2). */
  path(leaves: Buffer, index: number, digest: DigestAlgorithm, layout: number): Promise<Buffer[]>;
  /**
   * Root and kept inner nodes (every eighth level below the root) of a tree whose leaf hashes come in pieces; each piece but the last
   * holds a multiple of 256 leaves. No more than a few pieces are in memory at once.
   */
  build(
    pieces: AsyncIterable<Buffer>,
    digest: DigestAlgorithm,
    layout: number,
  ): Promise<{ readonly root: Buffer; readonly leaves: number; readonly nodes: readonly TreeNodes[] }>;
  /**
   * The same; leaves and kept nodes are written to the tile files of the tree besides, and are on disk when it resolves (docs/archive-format.md).
   * @throws SealError SEAL-DISK-*: then nothing counts that was written
   */
  file(
    pieces: AsyncIterable<Buffer>,
    tree: { readonly id: string; readonly digest: DigestAlgorithm; readonly layout: number; readonly leaves: number },
  ): Promise<{ readonly root: Buffer; readonly leaves: number; readonly files: readonly TileFile[] }>;
  close(): Promise<void>;
}
