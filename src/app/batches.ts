import { SealError } from '../errors.ts';
import { displayName, joinPath } from '../formats/names.ts';
import { finalStates, type Batch, type BatchState } from '../model/batch.ts';
import type { Config } from '../model/config.ts';
import type { Store } from '../ports/store.ts';
import { findFailed } from '../watcher/intake.ts';
import { commandRoots } from './command-batch.ts';
import type { App } from './context.ts';
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
const page = 500;

/**
 * `batch list`: newest first. `state` is a state, or `active`, `ended`, `waiting`. Trial signatures are shown when their root is asked for.
 * @throws SealError SEAL-USAGE for an unknown state or root
 */
export async function listBatches({ fx, config }: Pick<App, 'fx' | 'config'>, args: BatchListArgs): Promise<BatchView[]> {
  const { root, state, limit = 50 } = args;
  const states = state === undefined ? undefined : state === 'waiting' ? groups['active'] : (groups[state] ?? [asState(state)]);
  const found: BatchView[] = [];
  for (let before = args.before; ;) {
    const batches = await fx.store.batches({
      limit: page,
      ...(root === undefined ? {} : { root }),
      ...(before === undefined ? {} : { before }),
      ...(states === undefined ? {} : { states }),
    });
    for (const batch of batches) {
      if (state === 'waiting' && batch.waiting === undefined) continue;
      if (root === undefined && batch.root === commandRoots.trial) continue;
      if (found.push(batchView(batch)) === limit) return found;
    }
    before = batches.at(-1)?.id;
    if (batches.length < page) break;
  }
  if (found.length === 0 && root !== undefined) await demandRoot({ fx, config }, root);
  return found;
}

/** A root that is configured, or was: its batches are still there. */
async function demandRoot({ fx, config }: Pick<App, 'fx' | 'config'>, root: string): Promise<void> {
  if ([...Object.keys(config.roots), ...Object.values<string>(commandRoots)].includes(root)) return;
  if ((await fx.store.batches({ root, limit: 1 })).length > 0) return;
  throw noRoot(config, root);
}

/** @param name of none of the roots */
export function noRoot({ roots }: Pick<Config, 'roots'>, name: string): SealError {
  return new SealError('SEAL-USAGE', `no root is called “${name}”`, { hint: `roots are ${Object.keys(roots).join(', ')}` });
}

function asState(text: string): BatchState {
  const all = [...(groups['active'] ?? []), ...finalStates];
  const found = all.find((state) => state === text);
  if (found === undefined)
    throw new SealError('SEAL-USAGE', `no state is called “${text}”`, { hint: `states are ${all.join(', ')}, or active, waiting, ended` });
  return found;
}

export interface BatchShowArgs {
  readonly id: string;
  /** Documents at most, failed ones first; absent: all, in their order. */
  readonly limit?: number;
}

export interface BatchDetails extends BatchView {
  /** Absolute: where the output lies or will lie. */
  readonly outputPath: string;
  /** Absolute: where the documents lie that were not delivered, as long as nobody took them away. */
  readonly failedPath?: string;
  /** The batch as which it was taken up again. */
  readonly retriedAs?: string;
  readonly contents: readonly DocumentView[];
}

/** `batch show`: with its documents. @throws SealError SEAL-BATCH-UNKNOWN */
export async function showBatch(app: Pick<App, 'fx' | 'config'>, { id, limit }: BatchShowArgs): Promise<BatchDetails> {
  const { fx, config } = app;
  const batch = await mustFind(fx.store, id);
  const root = config.roots[batch.root];
  const failed = root === undefined || !holdsFailed(batch) ? undefined : await findFailed(fx, root.failed, batch.relPath, batch.id);
  const retried = failed === undefined && holdsFailed(batch) ? await retriedAs(fx.store, batch) : undefined;
  return {
    ...batchView(batch),
    outputPath: displayName(root === undefined ? batch.outPath : joinPath(root.outgoing, batch.outPath)),
    ...(failed === undefined ? {} : { failedPath: displayName(failed) }),
    ...(retried === undefined ? {} : { retriedAs: retried }),
    contents: limit === undefined ? await allDocuments(fx.store, batch) : await firstDocuments(fx.store, batch, limit),
  };
}

/** Whether something of the batch went to failed/. */
export function holdsFailed({ state, failed }: Batch): boolean {
  return state === 'failed' || state === 'cancelled' || (state === 'delivered' && failed > 0);
}

async function allDocuments(store: Store, { id }: Batch): Promise<DocumentView[]> {
  const views: DocumentView[] = [];
  for (let afterSeq = -1; ;) {
    const documents = await store.documents(id, { afterSeq, limit: page, omit: ['bytes'] });
    for (const document of documents) views.push(documentView(document));
    const last = documents.at(-1);
    if (last === undefined || documents.length < page) return views;
    afterSeq = last.seq;
  }
}

async function firstDocuments(store: Store, { id }: Batch, limit: number): Promise<DocumentView[]> {
  const failed = await store.documents(id, { state: 'failed', limit, omit: ['bytes'] });
  const others = await store.documents(id, { limit: limit + failed.length, omit: ['bytes'] });
  return [...failed, ...others.filter(({ state }) => state !== 'failed')].slice(0, limit).map(documentView);
}

/** The batch that took the documents of this one over; a retry comes later than what it is part of. */
export async function retriedAs(store: Store, batch: Batch): Promise<string | undefined> {
  for (let before: string | undefined; ;) {
    const batches = await store.batches({ root: batch.root, limit: page, ...(before === undefined ? {} : { before }) });
    const found = batches.find(({ partOf, state }) => partOf === batch.id && state !== 'abandoned');
    const last = batches.at(-1);
    if (found !== undefined || last === undefined || batches.length < page || last.id <= batch.id) return found?.id;
    before = last.id;
  }
}

/** A batch by its id, or by the end of it when that is unambiguous among the newest. @throws SealError SEAL-BATCH-UNKNOWN */
export async function mustFind(store: Store, id: string): Promise<Batch> {
  const exact = await store.batch(id);
  if (exact !== undefined) return exact;
  const close = id.length < 3 ? [] : (await store.batches({ limit: 1000 })).filter((batch) => batch.id.endsWith(id));
  const [only, another] = close;
  if (only !== undefined && another === undefined) return only;
  throw new SealError('SEAL-BATCH-UNKNOWN', another === undefined ? `no batch is called ${id}` : `several batches end with ${id}`, {
    hint: '“sealtree batch list” names them',
  });
}
