import type { AuditRow } from '../model/archive.ts';
import type { BatchState } from '../model/batch.ts';
import type { ArchiveStore } from './archive-store.ts';
import type { BatchStore } from './batch-store.ts';
import type { RenewalStore } from './renewal-store.ts';
import type { StackStore } from './stack-store.ts';

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

/**
 * The database. Every method is one transaction and durable when it resolves (WAL, synchronous=FULL): after a power cut everything
 * that resolved is there. Errors: `SEAL-STORE-*`, `SEAL-DISK-*`.
 */
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
