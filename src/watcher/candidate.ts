import type { SealError } from '../errors.ts';
import type { SemaphoreOptions } from '../model/batch.ts';
import type { Queued } from './queue.ts';

/** A directory that is approved, settled and complete: ready to be claimed. */
export interface Candidate extends Queued {
  /** Below incoming. */
  readonly relPath: Buffer;
  /** Name of the semaphore; empty in quiet mode. */
  readonly semaphore: Buffer;
  /** As read before the claim; the claimed semaphore is read again and decides. */
  readonly options: SemaphoreOptions;
  /** What it looked like when it had settled. */
  readonly fingerprint: string;
  /** The batch of a claim that was refused before: tried again under the same id. */
  readonly batch?: string;
}

/** `refused`: not yet; the directory is where it was, and the batch waits in `claiming`. `gone`: no longer there, or no longer approved. */
export type ClaimResult =
  | { readonly kind: 'claimed'; readonly batch: string }
  | { readonly kind: 'refused'; readonly batch: string; readonly error: SealError }
  | { readonly kind: 'gone' };
