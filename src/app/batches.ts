import { SealError } from '../errors.ts';
import { finalStates, type Batch, type BatchState } from '../model/batch.ts';
import type { Store } from '../ports/store.ts';
import { batchView, documentView, type BatchView, type DocumentView } from './views.ts';

export interface BatchListArgs {
  readonly root?: string;
  readonly state?: string;
  readonly limit?: number;
  readonly before?: string;
}

const groups: Readonly<Record<string, readonly BatchState[]>> = {
  active: ['claiming', 'claimed', 'spooled', 'admitted', 'signed', 'archived', 'staged', 'released', 'failing', 'cancelling'],
  ended: [...finalStates],
};

/** `batch list`: newest first. `state` is a state, or `active`, `ended`, `waiting`. */
export async function listBatches({ store }: { readonly store: Store }, args: BatchListArgs): Promise<BatchView[]> {
  const { state, limit = 50 } = args;
  const states = state === undefined ? undefined : state === 'waiting' ? groups['active'] : (groups[state] ?? [asState(state)]);
  const batches = await store.batches({
    limit,
    ...(args.root === undefined ? {} : { root: args.root }),
    ...(args.before === undefined ? {} : { before: args.before }),
    ...(states === undefined ? {} : { states }),
  });
  return batches.filter((batch) => state !== 'waiting' || batch.waiting !== undefined).map(batchView);
}

function asState(text: string): BatchState {
  const all = [...(groups['active'] ?? []), ...finalStates];
  const found = all.find((state) => state === text);
  if (found === undefined)
    throw new SealError('SEAL-USAGE', `no state is called “${text}”`, { hint: `states are ${all.join(', ')}, or active, waiting, ended` });
  return found;
}

export interface BatchDetails extends BatchView {
  readonly contents: readonly DocumentView[];
}

/** `batch show`: with its documents, `limit` at most. @throws SealError SEAL-BATCH-UNKNOWN */
export async function showBatch(
  { store }: { readonly store: Store },
  args: { readonly id: string; readonly limit?: number },
): Promise<BatchDetails> {
  const batch = await mustFind(store, args.id);
  const documents = await store.documents(batch.id, { limit: args.limit ?? 1000 });
  return { ...batchView(batch), contents: documents.map(documentView) };
}

/** A batch by its id, or by the end of it when that is unambiguous among the newest. @throws SealError SEAL-BATCH-UNKNOWN */
export async function mustFind(store: Store, id: string): Promise<Batch> {
  const exact = await store.batch(id);
  if (exact !== undefined) return exact;
  const close = id.length < 3 ? [] : (await store.batches({ limit: 1000 })).filter((batch) => batch.id.endsWith(id));
  const [only, another] = close;
  if (only !== undefined && another === undefined) return only;
  throw new SealError('SEAL-BATCH-UNKNOWN', `no batch is called ${id}`, { hint: '“sealtree batch list” names them' });
}
