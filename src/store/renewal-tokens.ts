import { SealError } from '../errors.ts';
import type { Connection } from './database.ts';
import type { Methods } from './methods.ts';
import type { RenewalRows } from './renewals.ts';
import type { RenewalToken } from '../model/renewal.ts';

interface Row {
  readonly renewal: string;
  readonly tsa: string;
  readonly token: Buffer;
  readonly gen_time: number;
  readonly accuracy: number;
  readonly frozen: 0 | 1;
}

/** Timestamps over renewals. */
export function renewalTokens(
  { db }: Connection,
  renewals: RenewalRows,
): Pick<Methods, 'addRenewalToken' | 'replaceRenewalToken' | 'renewalToken' | 'unfrozenRenewals' | 'coveredUntil'> {
  const columns =
    'SELECT r.id AS renewal, tsa, token, gen_time, accuracy, frozen FROM renewal_tokens JOIN renewals AS r ON r.seq = renewal';
  const get = db.prepare<[string], Row>(`${columns} WHERE r.id = ?`);
  const unfrozen = db.prepare<[], Row>(`${columns} WHERE frozen = 0 ORDER BY r.seq`);
  const insert = db.prepare('INSERT INTO renewal_tokens (renewal, tsa, token, gen_time, accuracy, frozen) VALUES (?, ?, ?, ?, ?, ?)');
  const anchor = db.prepare("UPDATE renewals SET state = 'anchored', anchored_at = ? WHERE seq = ? AND state = 'sealed'");
  const replace = db.prepare('UPDATE renewal_tokens SET token = ?, frozen = ? WHERE renewal = ? AND frozen = 0');
  const covered = db.prepare<object, { readonly until: number }>(`SELECT coalesce(max(until), 0) AS until FROM (
    SELECT max(t.gen_time + t.accuracy) AS until FROM tree_tokens AS t
    WHERE t.n = @n AND (t.tree IN (SELECT tree FROM renewal_chains WHERE renewal = @seq AND tree IS NOT NULL)
      OR t.tree IN (SELECT tree FROM renewal_trees WHERE renewal = @seq))
    UNION ALL SELECT max(k.gen_time + k.accuracy) FROM renewal_tokens AS k JOIN renewals AS r ON r.seq = k.renewal
    WHERE r.n = @n AND r.seq < @seq AND (@kind = 'hash-tree' OR r.digest = @digest))`);
  const toToken = ({ gen_time: genTime, frozen, ...row }: Row): RenewalToken => ({ ...row, genTime, frozen: frozen === 1 });
  return {
    addRenewalToken: ({ renewal: id, tsa, token, genTime, accuracy, frozen }, at) => {
      const { seq, state } = renewals.find(id);
      if (get.get(id)?.token.equals(token) === true) return;
      if (state !== 'sealed')
        throw new SealError('SEAL-ARCHIVE-DAMAGED', `renewal ${id} is ${state}: no timestamp belongs there now`, {
          hint: 'run `sealtree archive check`',
        });
      insert.run(seq, tsa, token, genTime, accuracy, frozen ? 1 : 0);
      anchor.run(at, seq);
    },
    replaceRenewalToken: ({ renewal: id, token, frozen }) => {
      if (replace.run(token, frozen ? 1 : 0, renewals.find(id).seq).changes !== 1)
        throw new SealError('SEAL-ARCHIVE-DAMAGED', `the timestamp of renewal ${id} is frozen or missing`, {
          hint: 'run `sealtree archive check`',
        });
    },
    renewalToken: (id) => {
      const row = get.get(id);
      return row === undefined ? undefined : toToken(row);
    },
    coveredUntil: (id) => {
      const { seq, n, kind, digest } = renewals.find(id);
      return covered.get({ seq, n, kind, digest })?.until ?? 0;
    },
    unfrozenRenewals: () => unfrozen.all().map(toToken),
  };
}
