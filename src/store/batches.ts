import { SealError } from '../errors.ts';
import { finalStates, type Batch, type BatchState } from '../model/batch.ts';
import { fromJson, present, toJson } from './rows.ts';
import type { WriteAudit } from './audit.ts';
import type { BatchTallies } from './batch-tallies.ts';
import type { Connection } from './database.ts';
import type { Methods } from './methods.ts';
import type { ReportRows } from './reports.ts';
import type { BatchChange } from '../ports/batch-store.ts';

interface Row {
  readonly n: number;
  readonly id: string;
  readonly root: string;
  readonly rel_path: Buffer;
  readonly state: BatchState;
  readonly options: string;
  readonly priority: number;
  readonly profile: string;
  readonly keys: string;
  readonly out_path: Buffer;
  readonly part_of: string | null;
  readonly waiting: string | null;
  readonly error: string | null;
  readonly approved_at: number;
  readonly claimed_at: number;
  readonly finished_at: number | null;
  readonly collected_at: number | null;
  readonly semaphore: Buffer;
  readonly documents: number;
  readonly failed: number;
}

function toBatch(row: Row): Batch {
  return {
    id: row.id,
    root: row.root,
    relPath: row.rel_path,
    state: row.state,
    options: fromJson(row.options) as Batch['options'],
    priority: row.priority,
    profile: row.profile,
    keys: fromJson(row.keys) as Batch['keys'],
    outPath: row.out_path,
    approvedAt: row.approved_at,
    claimedAt: row.claimed_at,
    semaphore: row.semaphore,
    documents: row.documents,
    failed: row.failed,
    ...present({
      partOf: row.part_of,
      waiting: fromJson(row.waiting) as Batch['waiting'],
      error: fromJson(row.error) as Batch['error'],
      finishedAt: row.finished_at,
      collectedAt: row.collected_at,
    }),
  };
}

/** A batch with the number that documents and leaves refer to it by. */
export type NumberedBatch = Batch & { readonly n: number };

export interface BatchRows {
  readonly methods: Pick<
    Methods,
    'createBatch' | 'batch' | 'batches' | 'unfinished' | 'unsignedDocuments' | 'advance' | 'setWaiting' | 'markCollected' | 'deliveredAt'
  >;
  /** @throws SealError SEAL-BATCH-UNKNOWN */
  find(id: string): NumberedBatch;
  /** Compare and swap inside the running transaction. @throws SealError SEAL-BATCH-UNKNOWN, SEAL-BATCH-STATE */
  move(id: string, from: BatchState, to: BatchState, change?: BatchChange): NumberedBatch;
}

/** The batches and their states. */
export function batchRows(connection: Connection, writeAudit: WriteAudit, reports: ReportRows, tallies: BatchTallies): BatchRows {
  const { db, now } = connection;
  const byId = db.prepare<[string], Row>('SELECT * FROM batches WHERE id = ?');
  const insert = db.prepare(`INSERT INTO batches
    (id, root, rel_path, state, options, priority, profile, keys, out_path, part_of, approved_at, claimed_at, semaphore)
    VALUES (@id, @root, @relPath, @state, @options, @priority, @profile, @keys, @outPath, @partOf, @approvedAt, @claimedAt, @semaphore)`);
  const swap = db.prepare(`UPDATE batches SET state = @to, waiting = NULL, error = coalesce(@error, error),
    out_path = coalesce(@outPath, out_path), options = coalesce(@options, options), profile = coalesce(@profile, profile),
    keys = coalesce(@keys, keys), finished_at = coalesce(@finishedAt, finished_at) WHERE id = @id AND state = @from`);
  const dropParts = db.prepare('DELETE FROM signature_parts WHERE document IN (SELECT id FROM documents WHERE batch = ?)');
  const wait = db.prepare('UPDATE batches SET waiting = ? WHERE id = ?');
  const collect = db.prepare('UPDATE batches SET collected_at = ? WHERE id = ?');
  const open = db.prepare<[], Row>(`SELECT * FROM batches
    WHERE state NOT IN ('delivered', 'failed', 'cancelled', 'abandoned') ORDER BY claimed_at, id`);
  const unsigned = db.prepare<[], { readonly batch: string; readonly documents: number }>(`SELECT b.id AS batch, count(*) AS documents
    FROM batches AS b JOIN documents AS d ON d.batch = b.n AND d.state = 'spooled' WHERE b.state IN ('spooled', 'admitted') GROUP BY b.n`);
  const delivered = db.prepare<[string, Buffer], Row>(`SELECT * FROM batches
    WHERE root = ? AND rel_path = ? AND state IN ('released', 'delivered') ORDER BY id`);
  const query = db.prepare<object, Row>(`SELECT * FROM batches WHERE (@root IS NULL OR root = @root)
    AND (@states IS NULL OR state IN (SELECT value FROM json_each(@states))) AND (@before IS NULL OR id < @before)
    ORDER BY id DESC LIMIT @limit`);

  const uncollected = db.prepare<object, Row>(`SELECT * FROM batches WHERE state = 'delivered' AND collected_at IS NULL
    AND (@root IS NULL OR root = @root) AND (@before IS NULL OR id < @before) ORDER BY id DESC LIMIT @limit`);

  const find = (id: string): NumberedBatch => {
    const row = byId.get(id);
    if (row === undefined) throw new SealError('SEAL-BATCH-UNKNOWN', `no batch is called ${id}`, { hint: '`batch list` names them' });
    return { ...toBatch(row), n: row.n };
  };

  const move = (id: string, from: BatchState, to: BatchState, change: BatchChange = {}): NumberedBatch => {
    const batch = find(id);
    const swapping = (): number =>
      swap.run({
        id,
        from,
        to,
        error: toJson(change.error),
        outPath: change.outPath ?? null,
        options: toJson(change.options),
        profile: change.profile ?? null,
        keys: toJson(change.keys),
        finishedAt: change.finishedAt ?? (finalStates.has(to) ? now() : null),
      }).changes;
    const ends = finalStates.has(to) || finalStates.has(from);
    const changes = ends ? tallies.around([id, batch.partOf], swapping) : swapping();
    if (changes !== 1)
      throw new SealError('SEAL-BATCH-STATE', `batch ${id} is ${batch.state}, not ${from}`, { hint: '`batch show` tells where it stands' });
    if (change.dropParts === true) {
      dropParts.run(batch.n);
      reports.drop(batch.n);
    }
    const details = { batch: id, root: batch.root, from, to, ...present({ error: change.error?.code }) };
    writeAudit({ at: now(), actor: 'sealtree', action: `batch.${to}`, details });
    return batch;
  };

  return {
    find,
    move,
    methods: {
      createBatch: (batch) => {
        if (byId.get(batch.id) !== undefined)
          throw new SealError('SEAL-BATCH-STATE', `batch ${batch.id} exists already`, { hint: '`batch show` tells where it stands' });
        const { options, keys, partOf = null } = batch;
        const values = { ...batch, options: toJson(options), keys: toJson(keys), partOf };
        tallies.around([batch.partOf], () => insert.run(values));
        const details = { batch: batch.id, root: batch.root, to: batch.state, ...present({ partOf: batch.partOf }) };
        writeAudit({ at: now(), actor: 'sealtree', action: `batch.${batch.state}`, details });
      },
      batch: (id) => {
        const row = byId.get(id);
        return row === undefined ? undefined : toBatch(row);
      },
      batches: ({ root = null, states, limit = -1, before = null, uncollected: delivered = false }) =>
        (delivered ? uncollected.all({ root, limit, before }) : query.all({ root, states: toJson(states), limit, before })).map(toBatch),
      unfinished: () => open.all().map(toBatch),
      unsignedDocuments: () => unsigned.all(),
      advance: (id, from, to, change) => {
        move(id, from, to, change);
      },
      setWaiting: (id, waiting) => {
        if (wait.run(toJson(waiting), id).changes !== 1) find(id);
      },
      markCollected: (id, at) => {
        const { root } = find(id);
        collect.run(at, id);
        writeAudit({ at, actor: 'sealtree', action: 'batch.collected', details: { batch: id, root } });
      },
      deliveredAt: (root, relPath) => delivered.all(root, relPath).map(toBatch),
    },
  };
}
