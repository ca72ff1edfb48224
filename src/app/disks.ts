import type { App } from './context.ts';

export interface DiskStatus {
  readonly path: string;
  readonly freeBytes: number;
  readonly totalBytes: number;
  readonly fullInDays?: number;
}

/** What was free once. */
interface Sample {
  /** UTC ms */
  readonly at: number;
  readonly free: number;
}

type DiskApp = Pick<App, 'fx' | 'config'>;

const day = 86_400_000;
/** ms between two samples, and how long they are looked at. */
const between = day - 3_600_000;
const window = 8 * day;

/** One line a file system: the data directory and the roots often share one. “Full in N days” at the rate of the last week. */
export async function diskStatus(app: DiskApp): Promise<DiskStatus[]> {
  const now = app.fx.clock.now();
  return await Promise.all(
    (await fileSystems(app)).map(async (path) => {
      const { freeBytes, totalBytes } = await app.fx.files.space(path);
      const fullInDays = forecast(await samplesOf(app, path), { at: now, free: freeBytes });
      return { path, freeBytes, totalBytes, ...(fullInDays === undefined ? {} : { fullInDays }) };
    }),
  );
}

/** Remembers once a day what is free; called as often as one likes. */
export async function sampleDisks(app: DiskApp): Promise<void> {
  const { clock, files, store } = app.fx;
  const at = clock.now();
  for (const path of await fileSystems(app)) {
    const samples = await samplesOf(app, path);
    const last = samples.at(-1);
    // A clock that was set back starts anew.
    if (last !== undefined && last.at <= at && at - last.at < between) continue;
    const kept = samples.filter((sample) => sample.at <= at && at - sample.at <= window);
    const { freeBytes: free } = await files.space(path);
    await store.setMeta(metaOf(path), JSON.stringify([...kept, { at, free }]));
  }
}

/** Whole days until nothing is free; undefined when it does not become less, or nobody knows yet. Pure. */
export function forecast(samples: readonly Sample[], now: Sample): number | undefined {
  const first = samples.find(({ at }) => at < now.at && now.at - at <= window);
  if (first === undefined || first.free <= now.free || now.at - first.at < between) return undefined;
  return Math.floor((now.free / (first.free - now.free)) * ((now.at - first.at) / day));
}

/** The first place on each file system. */
async function fileSystems({ fx, config }: DiskApp): Promise<string[]> {
  const roots = Object.values(config.roots).flatMap((root) => [root.incoming, root.outgoing, root.failed, root.done]);
  const seen = new Map<string, string>();
  for (const path of [config.dataDir, ...roots]) {
    const device = (await fx.files.stat(path))?.device;
    if (device !== undefined && !seen.has(device)) seen.set(device, path);
  }
  return [...seen.values()];
}

function metaOf(path: string): string {
  return `disk.${path}`;
}

async function samplesOf({ fx }: DiskApp, path: string): Promise<Sample[]> {
  const text = await fx.store.meta(metaOf(path));
  return text === undefined ? [] : (JSON.parse(text) as Sample[]);
}
