import { parentPort } from 'node:worker_threads';
import { directoryReader, isShared, snapshotOf } from '../effects/directories.ts';
import { diskError, toCrossing } from '../effects/files-errors.ts';
import type { WatchMessage, WatchRequest } from '../effects/watching-messages.ts';
import { asSealError, SealError } from '../errors.ts';
import type { SweepReport, TreeSnapshot } from '../ports/watching.ts';
import { TreeScan } from '../watcher/watch.ts';

/** ms of work between two looks at messages and events. */
const stretch = 20;

interface Snapshotting {
  readonly id: number;
  readonly directory: string;
  readonly steps: Generator<void, TreeSnapshot | undefined>;
}

const scans = new Map<number, TreeScan>();
const busy = new Set<TreeScan>();
const snapshots: Snapshotting[] = [];
let running = false;

function post(message: WatchMessage): void {
  parentPort?.postMessage(message);
}

function run(): void {
  const until = performance.now() + stretch;
  do {
    for (const scan of busy) if (!scan.step()) busy.delete(scan);
    const snapshot = snapshots.shift();
    if (snapshot) advance(snapshot);
  } while ((busy.size > 0 || snapshots.length > 0) && performance.now() < until);
  running = busy.size > 0 || snapshots.length > 0;
  if (running) setImmediate(run);
}

function wake(): void {
  if (running) return;
  running = true;
  setImmediate(run);
}

function advance(task: Snapshotting): void {
  try {
    const step = task.steps.next();
    if (step.done !== true) snapshots.push(task);
    else post({ kind: 'answer', id: task.id, ...(step.value === undefined ? {} : { snapshot: step.value }) });
  } catch (thrown) {
    post({
      kind: 'error',
      id: task.id,
      error: toCrossing(diskError(thrown, Buffer.from(task.directory, 'latin1'), 'look through the directory')),
    });
  }
}

function sweep(id: number, scan: TreeScan): void {
  scan.sweep((outcome: SweepReport | SealError) => {
    if (outcome instanceof SealError) post({ kind: 'error', id, error: toCrossing(outcome) });
    else post({ kind: 'answer', id, report: outcome });
  });
}

function open({ id, key, tree }: Extract<WatchRequest, { op: 'open' }>): void {
  const foreign = tree.watch === 'auto' && isShared(tree.incoming);
  const scan: TreeScan = new TreeScan(directoryReader, tree, {
    mode: tree.watch === 'poll' || foreign ? 'poll' : 'events',
    ...(foreign ? { fallback: 'the file system is shared with other machines, whose changes raise no events here' } : {}),
    hint: ({ relPath, semaphore }) => {
      post({ kind: 'hint', key, relPath: relPath.toString('latin1'), semaphore: semaphore.toString('latin1') });
    },
    wake: () => {
      busy.add(scan);
      wake();
    },
    monotonic: () => performance.now(),
  });
  scans.set(key, scan);
  sweep(id, scan);
}

function handle(request: WatchRequest): void {
  switch (request.op) {
    case 'open':
      open(request);
      return;
    case 'sweep': {
      const scan = scans.get(request.key);
      if (scan === undefined) throw new SealError('SEAL-INTERNAL', 'this tree is not watched');
      sweep(request.id, scan);
      return;
    }
    case 'close': {
      const scan = scans.get(request.key);
      if (scan) busy.delete(scan);
      scan?.close();
      scans.delete(request.key);
      post({ kind: 'answer', id: request.id });
      return;
    }
    case 'snapshot': {
      const { id, directory, names } = request;
      snapshots.push({ id, directory, steps: snapshotOf(directory, names) });
      wake();
    }
  }
}

parentPort?.on('message', (request: WatchRequest) => {
  try {
    handle(request);
  } catch (thrown) {
    post({ kind: 'error', id: request.id, error: toCrossing(asSealError(thrown)) });
  }
});
