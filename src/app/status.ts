import { quotaStart } from '../pki/tsa-selection.ts';
import { startOfDay } from '../archive/local-time.ts';
import { whatIsDue } from '../archive/schedule.ts';
import type { PoolView } from '../signer/sign.ts';
import { attention, remedy } from './attention.ts';
import { lastCheck } from './check-watch.ts';
import type { App } from './context.ts';
import { diskStatus } from './disks.ts';
import { queuesOf } from './key-forecast.ts';
import { tsaCertificates } from './certificate-ends.ts';
import { keysAhead, type KeyView } from './keys.ts';
import type { TsaProbe } from './probe.ts';
import { failedBatches, groupWaiting } from './status-batches.ts';
import type { LiveStatus, StatusReport } from './status-report.ts';
import { missingCrls } from './trust-files.ts';
import { isoTime } from './views.ts';

export type { LiveStatus, RootStatus, StatusReport } from './status-report.ts';

/** `status`: what is under way, what waits for whom, what failed, and what is due. @param probe how the authorities answered just now */
export async function status(app: App, live: LiveStatus, probe?: readonly TsaProbe[]): Promise<StatusReport> {
  const { fx, config } = app;
  const unfinished = await fx.store.unfinished();
  const queues = queuesOf(unfinished, await unsignedOf(fx));
  const keys = await keysAhead(app, live.pool ?? [], queues);
  const waiting = unfinished.flatMap((batch) =>
    batch.waiting === undefined
      ? []
      : [
          {
            batch: batch.id,
            root: batch.root,
            reason: `${batch.waiting.message}${remedy(batch.waiting.hint)}`,
            since: isoTime(batch.waiting.since),
          },
        ],
  );
  const parts = { waiting, blocked: groupWaiting(unfinished), failed: await failedBatches(fx), ...(probe === undefined ? {} : { probe }) };
  const report = {
    ...parts,
    keys,
    archive: { ...(await archiveStatus(app)), due: live.due ?? [] },
    tsas: await tsaStatus(app),
    roots: live.roots,
    notify: (live.notify ?? []).map(({ since, ...problem }) => ({ ...problem, since: isoTime(since) })),
  };
  return {
    version: app.version,
    config: config.path,
    evaluation: config.evaluation !== undefined,
    ...(live.daemon === undefined ? {} : { daemon: { pid: live.daemon.pid, since: isoTime(live.daemon.since) } }),
    ...report,
    disks: await diskStatus(app),
    attention: [
      ...(probe !== undefined && live.daemon === undefined ? ['no daemon runs: nothing is taken in and nothing is signed'] : []),
      ...attention(report, queues, fx.clock.now()),
      ...(await missingCrls(fx, config)).map(({ message, hint }) => `${message}${remedy(hint)}`),
    ],
  };
}

/** `key list`: with what lies ahead of each key. */
export async function keyList(app: App, pool: readonly PoolView[]): Promise<KeyView[]> {
  const unfinished = await app.fx.store.unfinished();
  return await keysAhead(app, pool, queuesOf(unfinished, await unsignedOf(app.fx)));
}

async function unsignedOf({ store }: Pick<App['fx'], 'store'>): Promise<Map<string, number>> {
  return new Map((await store.unsignedDocuments()).map(({ batch, documents }) => [batch, documents]));
}

async function archiveStatus({ fx, config }: App): Promise<Omit<StatusReport['archive'], 'due'>> {
  const now = fx.clock.now();
  const [open] = await fx.store.trees({ states: ['open'] });
  const [last] = await fx.store.trees({ states: ['anchored'], newestFirst: true, limit: 1 });
  const sealed = await fx.store.trees({ states: ['sealed'] });
  const checked = await lastCheck(fx);
  return {
    ...(open === undefined ? {} : { open: { id: open.id, leaves: open.leaves } }),
    sealed: sealed.map((tree) => ({ id: tree.id, since: isoTime(tree.sealedAt ?? now) })),
    ...(last?.anchoredAt === undefined ? {} : { lastAnchored: { id: last.id, at: isoTime(last.anchoredAt) } }),
    ...(checked === undefined ? {} : { checked }),
    nextClosing: isoTime(whatIsDue(config.archive, { now, began: now }).nextClosing),
  };
}

async function tsaStatus({ fx, config }: App): Promise<StatusReport['tsas']> {
  const now = fx.clock.now();
  const certificates = await tsaCertificates(fx, Object.keys(config.tsas), now);
  return await Promise.all(
    Object.values(config.tsas).map(async ({ name, quota }) => {
      const counts = await fx.store.timestampCounts(
        quota === undefined ? startOfDay(now, config.archive.timezone) : quotaStart(quota.per, now),
      );
      const certificate = certificates.get(name);
      return {
        name,
        used: counts.find(({ tsa }) => tsa === name)?.ok ?? 0,
        per: quota?.per ?? 'day',
        ...(quota === undefined ? {} : { quota: quota.count }),
        ...(certificate === undefined ? {} : { certificate }),
      };
    }),
  );
}
