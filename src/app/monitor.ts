import { Counter, Gauge, Registry } from 'prom-client';
import { finalStates } from '../model/batch.ts';
import type { RootConfig } from '../model/config.ts';
import type { HttpHandler, ServedResponse } from '../ports/http-server.ts';
import type { LoopDelay } from '../ports/loop-delay.ts';
import { lateTrees } from './attention.ts';
import type { App } from './context.ts';
import { isIdle, type KeyView } from './keys.ts';
import { status, type LiveStatus } from './status.ts';

/** What a probe asks of the daemon. */
export interface Vitals {
  readonly live: () => Promise<LiveStatus>;
  /** ms on the monotonic clock since the last sign of life of the main loop. */
  readonly sinceBeat: () => number;
  readonly loopDelay: () => LoopDelay;
}

/** The main loop beats each second; a minute without a beat is a daemon that hangs. */
const deadAfter = 60_000;

/**
 * `/livez`, `/readyz` and `/metrics` (Prometheus text format). Live and ready differ: without PIN or TSA the daemon lives, but a person is
 * needed before the next batch can leave.
 */
export function monitorHandler(app: App, vitals: Vitals): HttpHandler {
  return async ({ method, path }) => {
    if (method !== 'GET') return text(405, 'only GET');
    switch (path) {
      case '/livez':
        return vitals.sinceBeat() < deadAfter ? text(200, 'live') : text(503, 'the main loop hangs');
      case '/readyz':
        return await readiness(app, vitals);
      case '/metrics':
        return {
          status: 200,
          contentType: 'text/plain; version=0.0.4; charset=utf-8',
          body: Buffer.from(await metrics(app, vitals)),
        };
      default:
        return text(404, 'there are /livez, /readyz and /metrics');
    }
  };
}

function text(code: number, message: string): ServedResponse {
  return { status: code, contentType: 'text/plain; charset=utf-8', body: Buffer.from(`${message}\n`) };
}

async function readiness(app: App, vitals: Vitals): Promise<ServedResponse> {
  const report = await status(app, await vitals.live());
  const reasons = [
    ...Object.values(app.config.roots).flatMap((root) => withoutKey(root, report.keys)),
    ...report.roots.filter((root) => root.paused !== undefined).map((root) => `root ${root.name} is paused: ${root.paused ?? ''}`),
    ...lateTrees(report, app.fx.clock.now()).map(({ id }) => `tree ${id} has no timestamp`),
  ];
  return reasons.length === 0 ? text(200, 'ready') : text(503, reasons.join('\n'));
}

/** A root with several keys works as long as one of them signs. */
function withoutKey(root: RootConfig, keys: readonly KeyView[]): string[] {
  const own = keys.filter(({ name }) => root.keys.includes(name));
  if (own.length === 0 || own.some((key) => key.state === 'ready' || isIdle(key))) return [];
  return [`root ${root.name} has no key that signs: ${own.map(({ name, state }) => `${name} is ${state}`).join(', ')}`];
}

async function metrics(app: App, vitals: Vitals): Promise<string> {
  const registry = new Registry();
  const gauge = (name: string, help: string, labelNames: string[] = []): Gauge =>
    new Gauge({ name: `sealtree_${name}`, help, labelNames, registers: [registry] });
  const counter = (name: string, help: string, labelNames: string[] = []): Counter =>
    new Counter({ name: `sealtree_${name}_total`, help, labelNames, registers: [registry] });
  const now = app.fx.clock.now();
  const report = await status(app, await vitals.live());
  const unfinished = await app.fx.store.unfinished();
  const totals = await app.fx.store.totals();

  const approved = [
    ...unfinished.map(({ approvedAt }) => approvedAt),
    ...report.roots.flatMap(({ oldestApproved }) => (oldestApproved === undefined ? [] : [Date.parse(oldestApproved)])),
  ];
  gauge('oldest_approved_batch_seconds', 'age of the oldest approved batch that has not ended').set(
    approved.reduce((oldest, at) => Math.max(oldest, (now - at) / 1000), 0),
  );
  const underWay = gauge('batches', 'batches under way', ['root', 'condition']);
  for (const root of report.roots) {
    underWay.set({ root: root.name, condition: 'running' }, root.running);
    underWay.set({ root: root.name, condition: 'waiting' }, root.waiting);
    underWay.set({ root: root.name, condition: 'settling' }, root.settling.length);
  }
  const ended = counter('batches_ended', 'batches that have ended, by how', ['state']);
  for (const state of finalStates) ended.inc({ state }, totals.batches[state]);
  counter('documents_delivered', 'documents that were delivered').inc(totals.documents.delivered);
  const documents = gauge('documents', 'documents under way, and those that failed and that no retry has taken over', ['condition']);
  documents.set({ condition: 'waiting' }, totals.documents.waiting);
  documents.set({ condition: 'failed' }, totals.documents.failed);
  const ready = gauge('key_ready', '1 while the key signs', ['key']);
  const left = gauge('key_signatures_left', 'signatures left in the activation', ['key']);
  const made = counter('key_signatures', 'signatures that count against the key', ['key']);
  const ends = gauge('key_certificate_not_after_timestamp_seconds', 'when the certificate ends, seconds since 1970', ['key']);
  const waiting = gauge('key_documents_waiting', 'documents that wait for the key: its share of the queue', ['key']);
  const usedUp = gauge('key_used_up_seconds', 'seconds until the activation is used up at this queue; absent: it is not', ['key']);
  for (const key of report.keys) {
    if (key.forecast !== undefined) waiting.set({ key: key.name }, key.forecast.documentsWaiting);
    if (key.forecast?.usedUpAt !== undefined) usedUp.set({ key: key.name }, Math.max(0, (Date.parse(key.forecast.usedUpAt) - now) / 1000));
    ready.set({ key: key.name }, key.state === 'ready' ? 1 : 0);
    made.inc({ key: key.name }, totals.signaturesByKey[key.name] ?? 0);
    if (key.signaturesLeft !== undefined) left.set({ key: key.name }, key.signaturesLeft);
    if (key.certificate !== undefined) ends.set({ key: key.name }, Date.parse(key.certificate.notAfter) / 1000);
  }
  const used = gauge('tsa_timestamps', 'timestamps in the current period of the quota, without one today', ['tsa']);
  const tsaEnds = gauge('tsa_certificate_not_after_timestamp_seconds', 'when the certificate of the authority ends, seconds since 1970', [
    'tsa',
  ]);
  for (const tsa of report.tsas) {
    used.set({ tsa: tsa.name }, tsa.used);
    if (tsa.certificate !== undefined) tsaEnds.set({ tsa: tsa.name }, Date.parse(tsa.certificate.notAfter) / 1000);
  }
  gauge('trees_sealed', 'trees that wait for their timestamp').set(report.archive.sealed.length);
  const { lastAnchored } = report.archive;
  if (lastAnchored !== undefined)
    gauge('last_token_seconds', 'time since the last timestamp over a tree').set((now - Date.parse(lastAnchored.at)) / 1000);
  const late = gauge('event_loop_delay_seconds', 'how late the main loop came to its timers since the last scrape', ['quantile']);
  for (const [quantile, ms] of Object.entries(vitals.loopDelay())) late.set({ quantile }, ms / 1000);
  const free = gauge('disk_free_bytes', 'free bytes of a file system', ['path']);
  for (const disk of report.disks) free.set({ path: disk.path }, disk.freeBytes);
  return await registry.metrics();
}
