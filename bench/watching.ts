import { fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { watch as chokidar } from 'chokidar';
import { watchThreads } from '../src/effects/watching.ts';
import { median } from './measure.ts';

/** What one process saw of a tree of directories. Times in ms, memory in MB above the bare process. */
export interface Watched {
  readonly ready: number;
  readonly memory: number;
  /** Milliseconds from an approval until it is seen, the middle one and the worst of fifty. */
  readonly seen: readonly [number, number];
  /** Of so many renamed into the tree in one go. */
  readonly lost: readonly [number, number];
  /** Share of one core while nothing happens, passes included. */
  readonly idle: number;
}

const inAYear = 100;
const burst = 2_000;
/** As configured by default; a pass takes at most 2 % of the time. */
const sweepEvery = 10_000;

/** A tree of `count` directories, two levels, a document in each lower one. */
export function makeTree(count: number): string {
  const top = mkdtempSync(join(tmpdir(), 'sealtree-bench-'));
  for (let made = 0; made < count;) {
    const year = join(top, `year-${made}`);
    mkdirSync(year);
    for (made++; made % inAYear !== 0 && made < count; made++) {
      mkdirSync(join(year, `batch-${made}`));
      writeFileSync(join(year, `batch-${made}`, 'letter.pdf'), '');
    }
  }
  return top;
}

/** Measures in a process of its own, so that memory is counted from the start. */
export async function measure(what: 'ours' | 'chokidar', top: string): Promise<Watched> {
  return await new Promise((resolve, reject) => {
    const child = fork(new URL(import.meta.url), [what, top]);
    child.once('message', (result: Watched) => {
      resolve(result);
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code !== 0) reject(new Error(`${what} ended with ${code ?? 'a signal'}`));
    });
  });
}

interface Watcher {
  /** Calls with the path of a directory below the tree that became approved. */
  start(top: string, approved: (path: string) => void): Promise<void>;
  pass(): Promise<number>;
  close(): Promise<void>;
}

function ours(): Watcher {
  const threads = watchThreads();
  let sweep: () => Promise<{ took: number }> = () => Promise.resolve({ took: 0 });
  return {
    async start(top, approved) {
      const tree = { name: 'bench', incoming: top, approval: 'semaphore', semaphore: 'APPROVED', watch: 'events' } as const;
      const { watch } = await threads.open(tree, ({ relPath }) => {
        approved(relPath.toString());
      });
      sweep = () => watch.sweep();
    },
    pass: async () => (await sweep()).took,
    close: () => threads.close(),
  };
}

function peer(): Watcher {
  let watcher: ReturnType<typeof chokidar> | undefined;
  return {
    start: (top, approved) =>
      new Promise((resolve) => {
        const started = chokidar(top, { ignoreInitial: true });
        watcher = started;
        started.on('add', (path) => {
          if (path.endsWith('/APPROVED')) approved(path.slice(top.length + 1, -'/APPROVED'.length));
        });
        started.once('ready', () => {
          resolve();
        });
      }),
    pass: () => Promise.resolve(0),
    close: async () => {
      await watcher?.close();
    },
  };
}

async function run(watcher: Watcher, top: string): Promise<Watched> {
  const bare = process.memoryUsage.rss();
  const seen = new Map<string, number>();
  const began = performance.now();
  await watcher.start(top, (path) => seen.set(path, performance.now()));
  const ready = performance.now() - began;
  const memory = (process.memoryUsage.rss() - bare) / 1e6;
  const delays = await approvals(top, seen);
  const lost = await renames(top, seen);
  await watcher.pass();
  // Times become trustworthy after some seconds; from then on a pass only looks.
  await sleep(3_000);
  await watcher.pass();
  const idle = await idleShare(watcher);
  await watcher.close();
  return { ready, memory, seen: [median(delays), Math.max(...delays)], lost: [lost, burst], idle };
}

async function approvals(top: string, seen: Map<string, number>): Promise<number[]> {
  const delays: number[] = [];
  for (const year of readdirSync(top).slice(0, 10)) {
    for (const batch of readdirSync(join(top, year)).slice(0, 5)) {
      const path = `${year}/${batch}`;
      const at = performance.now();
      writeFileSync(join(top, path, 'APPROVED'), '');
      while (!seen.has(path) && performance.now() - at < 5_000) await sleep(1);
      delays.push((seen.get(path) ?? Infinity) - at);
      unlinkSync(join(top, path, 'APPROVED'));
    }
  }
  return delays;
}

async function renames(top: string, seen: Map<string, number>): Promise<number> {
  const outside = mkdtempSync(join(tmpdir(), 'sealtree-bench-'));
  for (let n = 0; n < burst; n++) {
    mkdirSync(join(outside, `${n}`));
    writeFileSync(join(outside, `${n}/APPROVED`), '');
  }
  for (let n = 0; n < burst; n++) renameSync(join(outside, `${n}`), join(top, `burst-${n}`));
  const arrived = (): number => [...seen.keys()].filter((path) => path.startsWith('burst-')).length;
  for (let tries = 0; tries < 100 && arrived() < burst; tries++) await sleep(100);
  const lost = burst - arrived();
  for (let n = 0; n < burst; n++) rmSync(join(top, `burst-${n}`), { recursive: true });
  rmSync(outside, { recursive: true });
  await sleep(500);
  return lost;
}

/** What one pass costs, spread over the time between two. */
async function idleShare(watcher: Watcher): Promise<number> {
  const usage = process.cpuUsage();
  const took = await watcher.pass();
  const { user, system } = process.cpuUsage(usage);
  return (user + system) / 1000 / Math.max(sweepEvery, took * 50);
}

async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

const [, , what, top] = process.argv;
if (process.send !== undefined && top !== undefined && (what === 'ours' || what === 'chokidar')) {
  const result = await run(what === 'ours' ? ours() : peer(), top);
  process.send(result, () => {
    process.exit(0);
  });
}
