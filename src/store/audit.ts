import { auditHash, auditStart, canonicalJson } from '../formats/audit.ts';
import { fromJson } from './rows.ts';
import type { Connection } from './database.ts';
import type { Methods } from './methods.ts';
import type { AuditRow } from '../model/archive.ts';
import type { AuditStore } from '../ports/store.ts';

interface Row {
  readonly seq: number;
  readonly at: number;
  readonly actor: string;
  readonly action: string;
  readonly details: string;
  readonly hash: Buffer;
}

export type WriteAudit = (entry: Parameters<AuditStore['audit']>[0]) => void;

/** The audit log: each row's hash covers the row before it, so a line that is deleted, swapped or changed shows. */
export function auditLog({ db }: Connection): Pick<Methods, keyof AuditStore> {
  const insert = db.prepare('INSERT INTO audit (seq, at, actor, action, details, hash) VALUES (?, ?, ?, ?, ?, ?)');
  const last = db.prepare<[], Pick<Row, 'seq' | 'hash'>>('SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1');
  const page = db.prepare<[number, number], Row>('SELECT * FROM audit WHERE seq > ? ORDER BY seq LIMIT ?');
  const head = (): Pick<Row, 'seq' | 'hash'> => last.get() ?? { seq: 0, hash: auditStart };
  return {
    audit: ({ at, actor, action, details }) => {
      const previous = head();
      const seq = previous.seq + 1;
      const hash = auditHash(previous.hash, { seq, at, actor, action, details });
      insert.run(seq, at, actor, action, canonicalJson(details), hash);
    },
    auditHead: head,
    auditRows: (afterSeq, limit) =>
      page.all(afterSeq, limit).map((row): AuditRow => ({ ...row, details: fromJson(row.details) as AuditRow['details'] })),
  };
}
