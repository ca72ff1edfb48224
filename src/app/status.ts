import { quotaStart } from '../pki/tsa-selection.ts';
import { startOfDay } from '../archive/local-time.ts';
import { whatIsDue } from '../archive/schedule.ts';
import { attention } from './attention.ts';
import type { App } from './context.ts';
import { diskStatus } from './disks.ts';
import { keyViews, withPool } from './keys.ts';
import type { TsaProbe } from './probe.ts';
import { failedBatches, groupWaiting } from './status-batches.ts';
import type { LiveStatus, StatusReport } from './status-report.ts';
import { isoTime } from './views.ts';

export type { LiveStatus, RootStatus, StatusReport } from './status-report.ts';

/** `status`: what is under way, what waits for whom, what failed, and what is due. @param probe how the authorities answered just now */
export async function status(app: App, live: LiveStatus, probe?: readonly TsaProbe[]): Promise<StatusReport> {
  const { fx, config } = app;
  const keys = (await keyViews(app)).map((key) => withPool(key, live.pool ?? []));
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
  const parts = { waiting, blocked: groupWaiting(unfinished), failed: await failedBatches(fx), ...(probe === undefined ? {} : { probe }) };
  const report = { ...parts, keys, archive: await archiveStatus(app), tsas: await tsaStatus(app), roots: live.roots };
  return {
    version: app.version,
    config: config.path,
    evaluation: config.evaluation !== undefined,
    ...(live.daemon === undefined ? {} : { daemon: { pid: live.daemon.pid, since: isoTime(live.daemon.since) } }),
    ...report,
    disks: await diskStatus(app),
    attention: [
      ...(probe !== undefined && live.daemon === undefined ? ['no daemon runs: nothing is taken in and nothing is signed'] : []),
      ...attention(report, unfinished, fx.clock.now()),
    ],
  };
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
      const counts = await fx.store.timestampCounts(
        quota === undefined ? startOfDay(now, config.archive.timezone) : quotaStart(quota.per, now),
      );
      return {
        name,
        used: counts.find(({ tsa }) => tsa === name)?.ok ?? 0,
        per: quota?.per ?? 'day',
        ...(quota === undefined ? {} : { quota: quota.count }),
      };
    }),
  );
}
