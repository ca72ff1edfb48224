import type {
  Batch,
  BatchDocument,
  BatchState,
  DocumentSignature,
  OpenIntent,
  SettledIntent,
  SignatureValue,
  SigningIntent,
  WaitReason,
} from '../model/batch.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { ErrorReport } from '../errors.ts';

/** Batches, their documents and signatures. A transition names the state it expects: another state is `SEAL-BATCH-STATE` and changes nothing. */
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
