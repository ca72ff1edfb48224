import type { Blob, Leaf, NewLeaf, TileFile, Tree, TreeInRows, TreeNodes, TreeToken } from '../model/archive.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { LeafReference } from '../model/batch.ts';
import type { FormatName, Level } from '../model/signature.ts';

/** What a document is looked for by; everything that is given must fit. */
export interface DocumentSearch {
  /** `*` and `?`; with `/` for the path below the batch, without for the last name in it. */
  readonly name?: string;
  readonly batch?: string;
  /** Name of the key that signed it. */
  readonly key?: string;
  /** SHA-256 of the certificate that signed it. */
  readonly certificate?: Buffer;
  /** Its batch was claimed from `from` (inclusive) to `to` (exclusive), UTC ms. */
  readonly from?: number;
  readonly to?: number;
}

/** A document that has leaves. */
export interface FoundDocument {
  readonly document: number;
  readonly batch: string;
  readonly root: string;
  readonly relPath: Buffer;
  readonly size: number;
  /** UTC ms, of its batch. */
  readonly claimedAt: number;
  readonly sha256?: Buffer;
  readonly key?: string;
  /** SHA-256 */
  readonly certificate?: Buffer;
  readonly format?: FormatName;
  readonly level?: Level;
  readonly outputName?: Buffer;
  readonly leaves: readonly LeafReference[];
}

/** Trees, their leaves and timestamps. */
export interface ArchiveStore {
  /**
   * Documents that are in a tree, in the order in which they came, behind document number `after` (0: from the start), `limit` at most. Looks at
   * a stretch only: `scanned` is the number up to which it looked, `last` the last one there is to look at.
   */
  searchDocuments(
    search: DocumentSearch,
    after: number,
    limit: number,
  ): Promise<{ readonly found: readonly FoundDocument[]; readonly scanned: number; readonly last: number }>;
  /** The tree that is open; opened when there is none. */
  openTree(open: { readonly date: string; readonly at: number; readonly digest: DigestAlgorithm; readonly layout: number }): Promise<Tree>;
  /**
   * Appends to the open tree and moves the batch on, in one transaction; the leaf belongs to the tree that is open at the commit.
   * Equal leaf hashes of one tree share a leaf index. Members have the length of the open tree's digest, else `SEAL-ARCHIVE-OPEN`.
   * @returns the references in the order of `leaves`.
   */
  appendLeaves(append: {
    readonly tree: { readonly date: string; readonly at: number; readonly digest: DigestAlgorithm; readonly layout: number };
    readonly leaves: readonly NewLeaf[];
    readonly blobs: readonly Blob[];
    /** Moves this batch from `signed` to `archived`. */
    readonly batch?: string;
  }): Promise<LeafReference[]>;
  /** open → sealed: no leaf can come any more. Undefined when that tree is not open. */
  seal(tree: string, at: number): Promise<Tree | undefined>;
  /**
   * The root of a sealed tree, once computed. `nodes` are kept with it: with every eighth level at hand one record reads a few pages,
   * not all leaves. Twice with the same root: nothing changes.
   */
  setRoot(tree: string, root: Buffer, nodes?: readonly TreeNodes[]): Promise<void>;
  /** Kept inner nodes from `first` on, concatenated; fewer than `count` at the end, none when the level is not kept. */
  nodes(tree: string, level: number, first: number, count: number): Promise<Buffer>;
  /** Closed trees of 4,096 leaves and more whose hashes are not, or not only, in tile files; `limit` at most. */
  treesInRows(limit: number): Promise<readonly TreeInRows[]>;
  /** The tile files of a closed tree or renewal, all levels, are on disk: from now on its hashes are read from them. */
  setTiles(tree: string, files: readonly TileFile[]): Promise<void>;
  /** Removes rows that tile files hold, a part of them at a time. @returns whether more may be left */
  dropRows(tree: string): Promise<boolean>;
  /** By level and first node; empty while the hashes of the tree lie in rows alone. */
  tileFiles(tree: string): Promise<readonly TileFile[]>;
  /** sealed → anchored with the first token; further tokens of `timestamps: 2` are added to it. */
  addToken(token: TreeToken, at: number): Promise<void>;
  /** Puts fresher revocation data into a token that is not frozen. */
  replaceToken(token: TreeToken): Promise<void>;
  /** In order of `seq`, or the newest first; `afterSeq` (exclusive) pages in ascending order. */
  trees(query: {
    readonly states?: readonly Tree['state'][];
    readonly id?: string;
    readonly limit?: number;
    readonly newestFirst?: boolean;
    readonly afterSeq?: number;
  }): Promise<Tree[]>;
  /** The digests that trees are made with. */
  treeDigests(): Promise<readonly DigestAlgorithm[]>;
  tokens(tree: string): Promise<TreeToken[]>;
  /** Tokens that still wait for revocation data later than their genTime, oldest first. */
  unfrozenTokens(): Promise<TreeToken[]>;
  /** Leaf hashes of a tree, concatenated in index order (digest length each): all of them, or `count` from `first` on. */
  leafHashes(tree: string, first?: number, count?: number): Promise<Buffer>;
  leaf(tree: string, index: number): Promise<Leaf | undefined>;
  /** `limit` indexes behind `afterIndex` (-1: from the start). A leaf that several documents share comes once for each. */
  leavesPage(tree: string, afterIndex: number, limit: number): Promise<Leaf[]>;
  /** Leaves that hold this hash as themselves or as a member; also by the digest with which a document was hashed anew (RFC 4998 §5.3). */
  findLeaves(hash: Buffer): Promise<Leaf[]>;
  documentLeaves(document: number): Promise<LeafReference[]>;
  blob(sha256: Buffer): Promise<Blob | undefined>;
  /** @param batch whose material they are */
  putBlobs(blobs: readonly Blob[], batch?: string): Promise<void>;
  /** The blobs of every `appendLeaves` that named this batch: its certificates, revocation data and report. */
  batchBlobs(batch: string, page?: { readonly skip: number; readonly limit: number }): Promise<Blob[]>;
  /** Days (local dates) that were closed, with or without a tree: what is due is computed from them. */
  recordDay(date: string, closedAt: number, trees: readonly string[]): Promise<void>;
  lastDay(): Promise<string | undefined>;
  /**
   * Kept by the minute: counts are exact for a `since` and an `until` on a full minute.
   * @param certificate DER: what the authority signed it with; absent: there was no timestamp
   */
  countTimestamp(tsa: string, at: number, certificate?: Buffer): Promise<void>;
  /** DER: what the authority signed its last timestamp with. */
  tsaCertificate(tsa: string): Promise<Buffer | undefined>;
  /** From `since` (inclusive) to `until` (exclusive; absent: no end), UTC ms. */
  timestampCounts(
    since: number,
    until?: number,
  ): Promise<readonly { readonly tsa: string; readonly ok: number; readonly failed: number }[]>;
}
