import { rmSync } from 'node:fs';
import { median, print } from '../measure.ts';
import { makeTree, measure, type Watched } from '../watching.ts';

const rounds = Math.min(3, Number(process.env['ROUNDS'] ?? 3));

/** Directories ready a second, beside chokidar; and what an idle daemon costs. The absolute goals of 100,000 directories are printed with them. */
export default async function watching(): Promise<void> {
  let ratio: { ours: number; peer: number } | undefined;
  for (const count of [10_000, 100_000]) {
    const top = makeTree(count);
    try {
      const ours: Watched[] = [];
      const peer: Watched[] = [];
      for (let round = 0; round < rounds; round++) {
        ours.push(await measure('ours', top));
        // One round is enough to see gigabytes and tens of seconds.
        if (count <= 10_000 || round === 0) peer.push(await measure('chokidar', top));
      }
      show(`ours, ${count} directories`, ours);
      show(`chokidar, ${count} directories`, peer);
      ratio = { ours: (count / readyOf(ours)) * 1000, peer: (count / readyOf(peer)) * 1000 };
    } finally {
      rmSync(top, { recursive: true });
    }
  }
  if (ratio) print({ row: 'watching', ...ratio, of: 'chokidar', goal: 10, unit: 'directories ready a second' });
}

function readyOf(measured: readonly Watched[]): number {
  return median(measured.map(({ ready }) => ready));
}

function show(name: string, measured: readonly Watched[]): void {
  const of = (pick: (one: Watched) => number): string => median(measured.map(pick)).toFixed(0);
  const idle = (median(measured.map((one) => one.idle)) * 100).toFixed(2);
  process.stdout.write(
    `  ${name}: ready in ${of(({ ready }) => ready)} ms (goal for 100,000: 1,500), ${of(({ memory }) => memory)} MB above the bare process (150), ` +
      `an approval seen after ${of(({ seen }) => seen[0])} ms, worst ${of(({ seen }) => seen[1])} (200, 1,000), ` +
      `lost in a burst ${of(({ lost }) => lost[0])} of ${of(({ lost }) => lost[1])} (0), idle ${idle} % of a core (2)\n`,
  );
}
