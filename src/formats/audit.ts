import { sha256 } from './digests.ts';
import type { AuditRow } from '../model/archive.ts';

/** Hash before the first row. */
export const auditStart: Buffer = Buffer.alloc(32);

/**
 * Canonical JSON (RFC 8785): members sorted by UTF-16 code units, no white space, numbers as ECMAScript writes them. What JSON leaves out
 * (undefined members) is left out; what it turns into other values is turned the same way.
 */
export function canonicalJson(value: object): string {
  return write(JSON.parse(JSON.stringify(value)));
}

function write(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${write(member)}`).join(',')}}`;
}

/** The hash of an audit row: SHA-256 over the hash of the row before it and the row's canonical JSON. */
export function auditHash(previous: Buffer, row: Omit<AuditRow, 'hash'>): Buffer {
  const { seq, at, actor, action, details } = row;
  return sha256(Buffer.concat([previous, Buffer.from(canonicalJson({ seq, at, actor, action, details }), 'utf8')]));
}

/**
 * Follows the chain through consecutive rows and names the first line that breaks it: deleted, swapped, changed. Rows cut off at the end
 * leave a sound chain; they are noticed because every day's tree holds the head of its time.
 * @param previous the row before the first one; absent: `rows` start with row 1
 * @returns what is wrong, in words; undefined when the chain holds
 */
export function auditFault(rows: readonly AuditRow[], previous?: Pick<AuditRow, 'seq' | 'hash'>): string | undefined {
  let { seq, hash } = previous ?? { seq: 0, hash: auditStart };
  for (const row of rows) {
    if (row.seq !== seq + 1) return row.seq > seq + 1 ? `audit line ${seq + 1} is missing` : `audit line ${row.seq} is out of order`;
    if (!row.hash.equals(auditHash(hash, row))) return `audit line ${row.seq} does not follow from the line before it`;
    ({ seq, hash } = row);
  }
  return undefined;
}
