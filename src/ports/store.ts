import type { AuditRow, Blob, Leaf, NewLeaf, TileFile, Tree, TreeInRows, TreeNodes, TreeToken } from '../model/archive.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type {
  Batch,
  BatchDocument,
  BatchState,
  DocumentSignature,
  LeafReference,
  OpenIntent,
  SettledIntent,
  SignatureValue,
  SigningIntent,
  WaitReason,
} from '../model/batch.ts';
import type { FormatName, Level } from '../model/signature.ts';
import type { ErrorReport } from '../errors.ts';
import type { RenewalStore } from './renewal-store.ts';
import type { StackStore } from './stack-store.ts';

/**
 * The database. Every method is one transaction and durable when it resolves (WAL, synchronous=FULL): after a power cut everything
 * that resolved is there. Errors: `SEAL-STORE-*`, `SEAL-DISK-*`.
 * A transition names the state it expects: another state is `SEAL-BATCH-STATE` and changes nothing.
 */
export interface BatchStore {
  createBatch(batch: NewBatch): Promise<void>;
  batch(id: string): Promise<Batch | undefined>;
  batches(query: BatchQuery): Promise<Batch[]>;
  /** Batches in a state that is not final, oldest first: what a restart resumes. */
  unfinished(): Promise<Batch[]>;
  /** Documents that no key has signed yet, for each batch that is ready for it. */
  unsignedDocuments(): Promise<readonly { readonly batch: string; readonly documents: number }[]>;
  /** Moves the batch on; an audit row is written with it. Ends its waiting. A final state without `finishedAt` ends now. */
  advance(id: string, from: BatchState, to: BatchState, change?: BatchChange): Promise<void>;
  setWaiting(id: string, waiting: WaitReason | undefined): Promise<void>;
  markCollected(id: string, at: number): Promise<void>;
  /**
   * A page of the spool's content, while the batch is `claimed`: nobody works on it before `recordSpooled`. In the order of `seq`; a page that begins with
   * `seq` 0 replaces what an interrupted copy left.
   * @param change that `recordSpooled` will bring: profile and keys decide which earlier signatures are taken over
   */
  addSpooled(id: string, documents: readonly NewDocument[], change?: BatchChange): Promise<void>;
  /**
   * The rest of the spool's content, behind the pages of `addSpooled`. Moves claimed → spooled; the batch has its number of documents then.
   * A document that an earlier attempt (`partOf`, any number back: failed or cancelled, same root and profile) signed with a key of this
   * batch under the same path and with the same SHA-256 takes that signature over and is `signed` at once; it is verified again. So does one
   * whose signature value waits for its timestamp: it is `stamping`.
   */
  recordSpooled(id: string, documents: readonly NewDocument[], change?: BatchChange): Promise<void>;
  /**
   * In order of `seq`, `limit` at most, from `afterSeq` (exclusive). What is omitted is not read: `bytes` leaves the parts without their own
   * bytes (an empty Buffer for each, ranges as they are), `report` leaves the reports out.
   */
  documents(
    batch: string,
    page?: {
      readonly afterSeq?: number;
      readonly limit?: number;
      readonly state?: BatchDocument['state'];
      readonly omit?: readonly ('bytes' | 'report')[];
    },
  ): Promise<BatchDocument[]>;
  document(id: number): Promise<BatchDocument | undefined>;
  /** Earlier delivered batches of the root with this path: for duplicates. */
  deliveredAt(root: string, relPath: Buffer): Promise<Batch[]>;
  /** How many documents of this batch and its earlier attempts have a signature that a retry takes over (`recordSpooled`). */
  reusableSignatures(batch: string): Promise<number>;

  /**
   * Before C_Sign: one row a document. Counts against the key. Documents become `signing`.
   * Each must be `spooled` and its batch `admitted`, else `SEAL-BATCH-STATE` and nothing is written: no document is signed twice at once.
   * @param own the key is in this process: what is not recorded when the process ends does not exist outside
   * @param signingTime claimed in the signatures, UTC ms
   * @param stack of the key's activation: each document takes its one signature of it, else SEAL-KEY-STACK and nothing is written
   */
  recordIntents(
    key: string,
    documents: readonly number[],
    at: number,
    own?: boolean,
    signingTime?: number,
    stack?: number,
  ): Promise<SigningIntent[]>;
  /** Intents from before this process without an outcome, of keys that may have outlived it. */
  openIntents(): Promise<OpenIntent[]>;
  /** After it: the outcomes of a chunk, in one transaction. Intents are closed with them. */
  recordOutcomes(outcomes: readonly SigningOutcome[]): Promise<void>;
  /** Values of documents that are `stamping`, in the order of `documents`; others are left out. */
  signatureValues(documents: readonly number[]): Promise<{ readonly document: number; readonly value: SignatureValue }[]>;
  /** `stamping` → `signed`, or failed: in one transaction; the values are not needed any more. A document that has failed meanwhile stays failed. */
  recordStamped(outcomes: readonly StampingOutcome[]): Promise<void>;
  /** Verification of a chunk: `signed` → `verified`, or failed. In a batch without keys (`keys: none`) `spooled` → `verified`. */
  recordVerified(results: readonly VerifiedDocument[]): Promise<void>;
  failDocuments(failures: readonly { readonly document: number; readonly error: ErrorReport }[]): Promise<void>;
  /**
   * Intents without an outcome that nobody works on: those from before this process, or all of a batch. A signature may exist that nobody
   * recorded. Closes them as `doubt` or `discarded`, puts their documents back to `spooled` (policy: sign again) and tells which.
   * @param batch of which nothing is being signed now
   * @param ask keys of which a person decides about each signature in doubt: those documents fail with `SEAL-SIGN-DOUBT`
   */
  settleDoubts(at: number, batch?: string, ask?: readonly string[]): Promise<SettledIntent[]>;
  /** Cheap for 0 and for the beginning of a day. */
  signatureCounts(key: string, since: number): Promise<SignatureCounts>;
  /**
   * Signatures of an activation, whatever the clock does: when it is first asked for, every later intent of the key belongs to it, until another
   * activation is asked for.
   * @param since identifies it, UTC ms
   */
  activationCounts(key: string, since: number): Promise<SignatureCounts>;
}

export interface SignatureCounts {
  readonly signed: number;
  readonly doubt: number;
  readonly open: number;
  /** Count against nothing: made in a process that ended before it recorded them, if at all. */
  readonly discarded: number;
}

export interface NewBatch {
  readonly id: string;
  readonly root: string;
  readonly relPath: Buffer;
  readonly options: Batch['options'];
  readonly priority: number;
  readonly profile: string;
  readonly keys: readonly string[];
  readonly outPath: Buffer;
  readonly partOf?: string;
  readonly approvedAt: number;
  readonly claimedAt: number;
  readonly semaphore: Buffer;
  /** `claiming`; `claimed` for a retry whose bytes already lie in the claim directory. */
  readonly state: BatchState;
}

export interface BatchChange {
  readonly error?: ErrorReport;
  readonly outPath?: Buffer;
  readonly options?: Batch['options'];
  readonly profile?: string;
  readonly keys?: readonly string[];
  readonly finishedAt?: number;
  /** The output is delivered and complete elsewhere: parts and reports of its signatures leave the database. Irrevocable. */
  readonly dropParts?: true;
}

export interface NewDocument {
  readonly seq: number;
  readonly relPath: Buffer;
  readonly size: number;
  readonly digests: readonly (readonly [DigestAlgorithm, Buffer])[];
  /** Refused while it was copied (a link, a wrong hash): the document exists as failed. */
  readonly error?: ErrorReport;
  /** From an earlier attempt, same input hash: not signed again. */
  readonly signature?: DocumentSignature;
}

export interface BatchQuery {
  readonly root?: string;
  readonly states?: readonly BatchState[];
  /** Newest first. */
  readonly limit?: number;
  readonly before?: string;
  /** Delivered, and their ready semaphore is still there as far as we know; instead of `states`. */
  readonly uncollected?: true;
}

export type SigningOutcome =
  | { readonly intent: number; readonly document: number; readonly signature: DocumentSignature }
  /** The key has signed, the timestamp is outstanding: the document is `stamping`. */
  | { readonly intent: number; readonly document: number; readonly value: SignatureValue }
  /** `again`: the document goes back to the queue (card pulled); else it has failed. */
  | { readonly intent: number; readonly document: number; readonly error: ErrorReport; readonly again: boolean; readonly spent: boolean };

export type StampingOutcome =
  { readonly document: number; readonly signature: DocumentSignature } | { readonly document: number; readonly error: ErrorReport };

export interface VerifiedDocument {
  readonly document: number;
  /** SHA-256 */
  readonly outputDigest: Buffer;
  readonly archiveDigest?: Buffer;
  readonly outputSize: number;
  readonly report: unknown;
  readonly error?: ErrorReport;
}

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

export interface AuditStore {
  audit(entry: {
    readonly at: number;
    readonly actor: string;
    readonly action: string;
    readonly details: Readonly<Record<string, unknown>>;
  }): Promise<void>;
  auditHead(): Promise<{ readonly seq: number; readonly hash: Buffer }>;
  auditRows(afterSeq: number, limit: number): Promise<AuditRow[]>;
}

export interface Totals {
  readonly batches: Readonly<Record<BatchState, number>>;
  readonly documents: { readonly in: number; readonly delivered: number; readonly failed: number; readonly waiting: number };
  readonly signaturesByKey: Readonly<Record<string, number>>;
}

export interface Store extends BatchStore, StackStore, ArchiveStore, RenewalStore, AuditStore {
  /**
   * Counts for `report` and metrics over the batches claimed from `from` (inclusive) to `to` (exclusive), UTC ms. A document that a retry
   * has taken over counts there and not as failed here, so in = delivered + failed + waiting. Signatures: all that count against the key.
   * @param period absent: everything there ever was, at once: it is counted while it happens
   */
  totals(period?: { readonly from: number; readonly to: number }): Promise<Totals>;
  /** Reads everything back, beside the running work: pages, foreign keys, audit chain, leaf counts. One line a finding; empty: sound. */
  integrity(): Promise<string[]>;
  meta(key: string): Promise<string | undefined>;
  setMeta(key: string, value: string): Promise<void>;
  close(): Promise<void>;
}
