/** A day of so many leaves in a process of its own, and what it cost, as one line of JSON: rows/growth.ts. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { leavesOfHash, recordsOfLeaf } from '../src/archive/evidence.ts';
import { anchoredDay, leafHash } from './archive.ts';
import { median } from './measure.ts';

/** Bytes that the process had in memory at most. */
function peak(): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? 0) * 1024;
}

const leaves = Number(process.argv[2] ?? 10_000);
const directory = mkdtempSync(join(tmpdir(), 'sealtree-bench-'));
try {
  const day = await anchoredDay(directory, leaves, () => undefined);
  const memory = peak();
  const times: number[] = [];
  for (let n = 0; n < 350; n++) {
    const hash = leafHash((n * 7_919 * 31) % leaves);
    const began = performance.now();
    const [leaf] = await leavesOfHash(day.fx, hash);
    if (leaf === undefined || (await recordsOfLeaf(day.fx, day.trust, leaf)).length !== 1) throw new Error('no record');
    if (n >= 50) times.push(performance.now() - began);
  }
  await day.close();
  const record = { median: median(times), p95: times.sort((a, b) => a - b)[Math.floor(times.length * 0.95)] ?? 0 };
  process.stdout.write(`${JSON.stringify({ leaves, ...day.seconds, memory, record })}\n`);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
