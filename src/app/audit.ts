import { auditHash, auditStart } from '../formats/audit.ts';
import type { Store } from '../ports/store.ts';
import { isoTime } from './views.ts';

export interface AuditView {
  readonly seq: number;
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly hash: string;
}

export interface AuditShowArgs {
  /** Rows behind this one; absent: the newest. */
  readonly after?: number;
  readonly limit: number;
}

/** `audit show`: rows in their order. */
export async function showAudit({ store }: { readonly store: Store }, { after, limit }: AuditShowArgs): Promise<AuditView[]> {
  const rows = await store.auditRows(after ?? Math.max(0, (await store.auditHead()).seq - limit), limit);
  return rows.map((row) => ({ ...row, at: isoTime(row.at), hash: row.hash.toString('hex') }));
}

export interface AuditVerification {
  readonly ok: boolean;
  readonly rows: number;
  readonly head: string;
  /** The first row that does not fit the one before it. */
  readonly problem?: string;
}

/** Follows the chain of hashes from the first row to the last; a deleted, changed or swapped row is named. */
export async function verifyAudit(
  { store }: { readonly store: Store },
  onProgress: (done: number, total: number) => void,
): Promise<AuditVerification> {
  const { seq: total } = await store.auditHead();
  let previous = auditStart;
  let expected = 1;
  for (;;) {
    const rows = await store.auditRows(expected - 1, 5000);
    if (rows.length === 0) break;
    for (const row of rows) {
      const good = row.seq === expected && auditHash(previous, row).equals(row.hash);
      if (!good)
        return {
          ok: false,
          rows: expected - 1,
          head: previous.toString('hex'),
          problem: `row ${expected} is missing or changed (found ${row.seq}, ${row.action}, ${isoTime(row.at)})`,
        };
      previous = row.hash;
      expected++;
    }
    onProgress(expected - 1, total);
  }
  const ok = expected - 1 === total;
  return {
    ok,
    rows: expected - 1,
    head: previous.toString('hex'),
    ...(ok ? {} : { problem: `the log ends at row ${expected - 1}, ${total} were written` }),
  };
}
