import { SealError } from '../errors.ts';
import { digestLengths } from '../formats/digests.ts';
import { present, toJson } from './rows.ts';
import { tileSize } from './leaf-tiles.ts';
import type { Connection } from './database.ts';
import type { TileFiles } from './tile-files.ts';
import type { Methods } from './methods.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { TreeNodes } from '../model/archive.ts';
import type { Renewal, RenewalKind } from '../model/renewal.ts';
import type { NewRenewal } from '../ports/renewal-store.ts';

interface Row {
  readonly seq: number;
  readonly id: string;
  readonly kind: RenewalKind;
  readonly n: number;
  readonly state: Renewal['state'];
  readonly digest: DigestAlgorithm;
  readonly layout: number;
  readonly opened_at: number;
  readonly sealed_at: number | null;
  readonly anchored_at: number | null;
  readonly leaves: number;
  readonly root: Buffer | null;
  readonly hashes: 'rows' | 'both' | 'files';
}

function toRenewal(row: Row): Renewal {
  const { seq, id, kind, n, state, digest, layout, opened_at: openedAt, leaves } = row;
  const rest = present({ sealedAt: row.sealed_at, anchoredAt: row.anchored_at, root: row.root });
  return { id, seq, kind, n, state, digest, layout, openedAt, leaves, ...rest };
}

export interface RenewalRows {
  readonly methods: Pick<Methods, 'renewals' | 'renewalNodes'>;
  /** @throws SealError SEAL-ARCHIVE-UNKNOWN */
  find(id: string): Row;
  /** A new row, open. Inside the running transaction. */
  insert(kind: RenewalKind, wanted: NewRenewal): Row;
  /** Puts leaf hashes behind those that are there. */
  appendLeaves(renewal: Row, leaves: Buffer): void;
  /** open → sealed, with the root and the kept levels. */
  seal(renewal: Row, at: number, root: Buffer, nodes: readonly TreeNodes[]): Renewal;
}

/** Renewals, their leaves and kept nodes. */
export function renewalRows({ db }: Connection, files: TileFiles): RenewalRows {
  const byId = db.prepare<[string], Row>('SELECT * FROM renewals WHERE id = ?');
  const sameDay = db.prepare<[string], { readonly last: number }>(
    "SELECT coalesce(max(CAST(substr(id, instr(id, '.r') + 2) AS INTEGER)), 0) AS last FROM renewals WHERE id GLOB ? || '.r*'",
  );
  const add = db.prepare("INSERT INTO renewals (id, kind, n, state, digest, layout, opened_at) VALUES (?, ?, ?, 'open', ?, ?, ?)");
  const count = db.prepare('UPDATE renewals SET leaves = ? WHERE seq = ?');
  const close = db.prepare("UPDATE renewals SET state = 'sealed', sealed_at = ?, root = ? WHERE seq = ? AND state = 'open'");
  const get = db.prepare<[number, number, number], { readonly hashes: Buffer }>(
    'SELECT hashes FROM renewal_nodes WHERE renewal = ? AND level = ? AND tile = ?',
  );
  const put = db.prepare('INSERT OR REPLACE INTO renewal_nodes (renewal, level, tile, hashes) VALUES (?, ?, ?, ?)');
  const tiles = db.prepare<[number, number, number, number], { readonly hashes: Buffer }>(
    'SELECT hashes FROM renewal_nodes WHERE renewal = ? AND level = ? AND tile BETWEEN ? AND ? ORDER BY tile',
  );
  const select = db.prepare<object, Row>(`SELECT * FROM renewals WHERE (@id IS NULL OR id = @id) AND (@kind IS NULL OR kind = @kind)
    AND (@n IS NULL OR n = @n) AND (@states IS NULL OR state IN (SELECT value FROM json_each(@states))) ORDER BY seq`);

  const find = (id: string): Row => {
    const row = byId.get(id);
    if (row === undefined)
      throw new SealError('SEAL-ARCHIVE-UNKNOWN', `no renewal is called ${id}`, { hint: '`archive due` tells what was renewed' });
    return row;
  };

  const write = (seq: number, level: number, from: number, hashes: Buffer, size: number): void => {
    for (let at = 0; at < hashes.length;) {
      const place = from + at / size;
      const tile = Math.floor(place / tileSize);
      const begun = place % tileSize === 0 ? undefined : get.get(seq, level, tile)?.hashes.subarray(0, (place % tileSize) * size);
      const piece = hashes.subarray(at, at + (tileSize - (place % tileSize)) * size);
      put.run(seq, level, tile, begun === undefined ? piece : Buffer.concat([begun, piece]));
      at += piece.length;
    }
  };

  return {
    find,
    insert: (kind, { date, at, n, digest, layout }) => {
      const id = `${date}.r${(sameDay.get(date)?.last ?? 0) + 1}`;
      add.run(id, kind, n, digest, layout, at);
      return find(id);
    },
    appendLeaves: ({ seq, leaves, digest }, hashes) => {
      write(seq, 0, leaves, hashes, digestLengths[digest]);
      count.run(leaves + hashes.length / digestLengths[digest], seq);
    },
    seal: ({ seq, id, digest }, at, root, nodes) => {
      if (close.run(at, root, seq).changes !== 1)
        throw new SealError('SEAL-ARCHIVE-DAMAGED', `renewal ${id} is not open`, { hint: 'run `sealtree archive check`' });
      for (const { level, hashes } of nodes) write(seq, level, 0, hashes, digestLengths[digest]);
      return toRenewal(find(id));
    },
    methods: {
      renewals: ({ id = null, kind = null, n = null, states }) => select.all({ id, kind, n, states: toJson(states) }).map(toRenewal),
      renewalNodes: (id, level, first, wanted) => {
        const renewal = find(id);
        if (renewal.hashes !== 'rows') return files.read(renewal, level, first, wanted);
        const { seq, digest } = renewal;
        const size = digestLengths[digest];
        const firstTile = Math.floor(first / tileSize);
        const found = tiles.all(seq, level, firstTile, Math.floor((first + Math.max(wanted, 1) - 1) / tileSize));
        const skip = first - firstTile * tileSize;
        return Buffer.concat(found.map(({ hashes }) => hashes)).subarray(skip * size, (skip + wanted) * size);
      },
    },
  };
}
