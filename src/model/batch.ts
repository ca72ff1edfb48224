import type { ErrorReport } from '../errors.ts';
import type { DigestAlgorithm } from './algorithms.ts';
import type { LeafKind } from './archive.ts';
import type { OutputPart } from '../ports/bytes.ts';
import type { Prepared } from '../ports/documents.ts';
import type { FormatName, Level } from './signature.ts';
import type { FileReport } from './verification.ts';

/**
 * What has been accomplished, durably. `batch/states.ts` holds the transitions.
 * claiming: the intent to rename is recorded · claimed: out of the producer's reach · spooled: copied and hashed ·
 * admitted: may be signed · signed: every document signed and verified or failed · archived: its leaves are in a tree ·
 * staged: output complete and on disk beside outgoing · released: visible with its ready semaphore ·
 * failing / cancelling: on the way to failed/ · the last four are final.
 */
export type BatchState =
  | 'claiming'
  | 'claimed'
  | 'spooled'
  | 'admitted'
  | 'signed'
  | 'archived'
  | 'staged'
  | 'released'
  | 'failing'
  | 'cancelling'
  | 'delivered'
  | 'failed'
  | 'cancelled'
  | 'abandoned';

export const finalStates: ReadonlySet<BatchState> = new Set(['delivered', 'failed', 'cancelled', 'abandoned']);

/** Why a batch stands still. It goes on by itself when the reason is gone. */
export interface WaitReason extends ErrorReport {
  /** UTC ms */
  readonly since: number;
}

/** What the approval semaphore may say; narrows the root's options, never widens them. */
export interface SemaphoreOptions {
  readonly profile?: string;
  readonly keys?: readonly string[];
  readonly priority?: number;
  /** Expected names (relative, `/`) with their SHA-256 (hex) where given. */
  readonly files?: readonly { readonly name: string; readonly sha256?: string }[];
}

export interface Batch {
  /** `20261122-062129-k3x9q`: sorts by claim time. */
  readonly id: string;
  /** Name of the root. */
  readonly root: string;
  /** Below incoming, bytes, `/` between the parts. */
  readonly relPath: Buffer;
  readonly state: BatchState;
  readonly options: SemaphoreOptions;
  readonly priority: number;
  /** Fixed when the batch is admitted: changes of the configuration do not reach into a running batch. */
  readonly profile: string;
  readonly keys: readonly string[];
  /** Name under outgoing: relPath, or with `~2` for a remainder or a number for `onExisting: number`. */
  readonly outPath: Buffer;
  /** The batch this one is a remainder or a retry of. */
  readonly partOf?: string;
  readonly waiting?: WaitReason;
  readonly error?: ErrorReport;
  /** UTC ms. */
  readonly approvedAt: number;
  readonly claimedAt: number;
  readonly finishedAt?: number;
  readonly collectedAt?: number;
  /** Name of the semaphore file, not signed. */
  readonly semaphore: Buffer;
  readonly documents: number;
  readonly failed: number;
}

/** stamping: the key has made the signature value, which is recorded; its timestamp is outstanding. */
export type DocumentState = 'spooled' | 'signing' | 'stamping' | 'signed' | 'verified' | 'failed';

export interface BatchDocument {
  readonly id: number;
  readonly batch: string;
  /** Order in the batch, from 0; names the spool file. */
  readonly seq: number;
  /** Below the batch, bytes. */
  readonly relPath: Buffer;
  readonly size: number;
  readonly digests: readonly (readonly [DigestAlgorithm, Buffer])[];
  readonly state: DocumentState;
  readonly error?: ErrorReport;
  readonly signature?: DocumentSignature;
  /** Set when the leaves are appended. */
  readonly leaves?: readonly LeafReference[];
}

/** Everything needed to assemble the output again, any number of times, bit for bit. */
export interface DocumentSignature {
  readonly key: string;
  /** SHA-256 of the signing certificate. */
  readonly certificate: Buffer;
  readonly format: FormatName;
  readonly level: Level;
  /** UTC ms. */
  readonly signingTime: number;
  readonly parts: readonly OutputPart[];
  /** File name of the output (no directory). */
  readonly outputName: Buffer;
  /** SHA-256 of the whole output; set by verification before release, like the rest. */
  readonly outputDigest?: Buffer;
  /** In the archive's digest where that is not SHA-256. */
  readonly archiveDigest?: Buffer;
  readonly outputSize?: number;
  readonly report?: FileReport;
}

export interface LeafReference {
  readonly tree: string;
  readonly index: number;
  readonly what: LeafKind;
}

/** A signature value as its key made it, with all that is needed to finish the output without that key. */
export interface SignatureValue {
  readonly key: string;
  /** SHA-256 of the signing certificate. */
  readonly certificate: Buffer;
  /** UTC ms. */
  readonly signingTime: number;
  /** What was signed, as its format left it. */
  readonly prepared: Prepared;
  /** RSA block, or DER SEQUENCE {r, s} for ECDSA. */
  readonly value: Buffer;
}

/** A committed intent: from here on a signature may exist. */
export interface SigningIntent {
  readonly id: number;
  readonly document: number;
  readonly key: string;
  /** UTC ms */
  readonly at: number;
}

/** An intent whose signature nobody has recorded yet. */
export interface OpenIntent extends SigningIntent {
  readonly batch: string;
  /** Claimed in the signature, UTC ms. */
  readonly signingTime: number;
}

/** Names a signature for good: document and attempt (SigningCall.request). */
export function requestOf({ document, id }: Pick<SigningIntent, 'document' | 'id'>): string {
  return `${document}-${id}`;
}

/** An intent without an outcome, and what became of it. */
export interface SettledIntent extends SigningIntent {
  readonly batch: string;
  /**
   * `doubt`: a card, an HSM or a service may have made the signature; it counts. `discarded`: the key is in our own process, which ended before it
   * recorded the signature; if it was made, nobody has it, and it does not count.
   */
  readonly outcome: 'doubt' | 'discarded';
}
