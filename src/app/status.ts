import { quotaStart } from '../pki/tsa-selection.ts';
import { whatIsDue } from '../archive/schedule.ts';
import type { PoolView } from '../signer/sign.ts';
import { attention } from './attention.ts';
import type { App } from './context.ts';
import { diskStatus, type DiskStatus } from './disks.ts';
import { keyViews, type KeyView } from './keys.ts';
import { isoTime } from './views.ts';

export interface RootStatus {
  readonly name: string;
  readonly path: string;
  readonly running: number;
  readonly waiting: number;
  /** Why no batch is claimed now. */
  readonly paused?: string;
  /** UTC, ISO 8601: since when the oldest of those has been approved. */
  readonly oldestApproved?: string;
  /** Approved batches that are not claimed yet: settling, waiting for files, or behind others. */
  readonly settling: readonly string[];
  /** Names that look as if they were meant as a semaphore. */
  readonly nearMisses: readonly string[];
  /** Files that came after their batch was claimed, directories that cannot be read … */
  readonly warnings: readonly string[];
}

export interface StatusReport {
  readonly version: string;
  readonly config: string;
  readonly evaluation: boolean;
  readonly daemon?: { readonly pid: number; readonly since: string };
  readonly roots: readonly RootStatus[];
  readonly waiting: readonly { readonly batch: string; readonly root: string; readonly reason: string; readonly since: string }[];
  readonly keys: readonly KeyView[];
  readonly tsas: readonly { readonly name: string; readonly used: number; readonly quota?: number }[];
  readonly archive: {
    readonly open?: { readonly id: string; readonly leaves: number };
    readonly sealed: readonly { readonly id: string; readonly since: string }[];
    readonly lastAnchored?: { readonly id: string; readonly at: string };
    readonly nextClosing: string;
  };
  readonly disks: readonly DiskStatus[];
  /** What a person should do now, one sentence each. */
  readonly attention: readonly string[];
}

/** What only the daemon knows. */
export interface LiveStatus {
  readonly pool?: readonly PoolView[];
  readonly daemon?: { readonly pid: number; readonly since: number };
  readonly roots: readonly RootStatus[];
}

const day = 86_400_000;

/** `status`: what is under way, what waits for whom, and what is due. */
export async function status(app: App, live: LiveStatus): Promise<StatusReport> {
  const { fx, config } = app;
  const keys = withAllowances(await keyViews(app), live.pool ?? []);
  const unfinished = await fx.store.unfinished();
  const waiting = unfinished.flatMap((batch) =>
    batch.waiting === undefined
      ? []
      : [
          {
            batch: batch.id,
            root: batch.root,
            reason: `${batch.waiting.message}${batch.waiting.hint === undefined ? '' : ` (${batch.waiting.hint})`}`,
            since: isoTime(batch.waiting.since),
          },
        ],
  );
  const report = { keys, waiting, archive: await archiveStatus(app), tsas: await tsaStatus(app), roots: live.roots };
  return {
    version: app.version,
    config: config.path,
    evaluation: config.evaluation !== undefined,
    ...(live.daemon === undefined ? {} : { daemon: { pid: live.daemon.pid, since: isoTime(live.daemon.since) } }),
    ...report,
    disks: await diskStatus(app),
    attention: attention(report, unfinished, fx.clock.now()),
  };
}

/** What an activation still allows is counted by the pool. */
function withAllowances(keys: readonly KeyView[], pool: readonly PoolView[]): KeyView[] {
  return keys.map((key) => {
    const left = pool.find((view) => view.key === key.name)?.signaturesLeft;
    return left === undefined ? key : { ...key, signaturesLeft: left };
  });
}

async function archiveStatus({ fx, config }: App): Promise<StatusReport['archive']> {
  const now = fx.clock.now();
  const [open] = await fx.store.trees({ states: ['open'] });
  const [last] = await fx.store.trees({ states: ['anchored'], newestFirst: true, limit: 1 });
  const sealed = await fx.store.trees({ states: ['sealed'] });
  return {
    ...(open === undefined ? {} : { open: { id: open.id, leaves: open.leaves } }),
    sealed: sealed.map((tree) => ({ id: tree.id, since: isoTime(tree.sealedAt ?? now) })),
    ...(last?.anchoredAt === undefined ? {} : { lastAnchored: { id: last.id, at: isoTime(last.anchoredAt) } }),
    nextClosing: isoTime(whatIsDue(config.archive, { now, began: now }).nextClosing),
  };
}

async function tsaStatus({ fx, config }: App): Promise<StatusReport['tsas']> {
  const now = fx.clock.now();
  return await Promise.all(
    Object.values(config.tsas).map(async ({ name, quota }) => {
      const counts = await fx.store.timestampCounts(quota === undefined ? now - (now % day) : quotaStart(quota.per, now));
      return { name, used: counts.find(({ tsa }) => tsa === name)?.ok ?? 0, ...(quota === undefined ? {} : { quota: quota.count }) };
    }),
  );
}
