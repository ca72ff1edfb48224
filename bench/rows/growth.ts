import { execFileSync } from 'node:child_process';
import { print } from '../measure.ts';

interface Day {
  readonly leaves: number;
  readonly append: number;
  readonly close: number;
  readonly file: number;
  readonly memory: number;
  readonly record: { readonly median: number; readonly p95: number };
}

/** Leaves of the goal: memory of a day above that of a day of ten thousand. */
const perLeaf = 66;
const base = 60 * 2 ** 20;

/**
 * Days of 10,000 to LEAVES (1,000,000) leaves, each in a process of its own: appending in pages of 10,000, closing (leaves read, root, timestamp),
 * moving into tile files (with the timestamp’s last revocation data), one record by its document’s hash, and memory at most.
 */
export default function growth(): Promise<void> {
  const most = Number(process.env['LEAVES'] ?? 1_000_000);
  const days: Day[] = [];
  process.stdout.write('      leaves  appended/s    close     file   memory  B a leaf  record: median      95 %\n');
  for (let leaves = 10_000; leaves <= most; leaves *= 10) {
    const script = new URL('../growth-day.ts', import.meta.url).pathname;
    const day = JSON.parse(execFileSync(process.execPath, [script, String(leaves)], { encoding: 'utf8' })) as Day;
    days.push(day);
    const more = day.memory - (days[0]?.memory ?? 0);
    const columns = [
      leaves.toLocaleString('en').padStart(12),
      Math.round(leaves / day.append)
        .toLocaleString('en')
        .padStart(12),
      `${day.close.toFixed(2)} s`.padStart(9),
      `${day.file.toFixed(2)} s`.padStart(9),
      `${Math.round(day.memory / 2 ** 20)} MiB`.padStart(9),
      (more / leaves).toFixed(1).padStart(10),
      `${day.record.median.toFixed(2)} ms`.padStart(16),
      `${day.record.p95.toFixed(2)} ms`.padStart(10),
    ];
    process.stdout.write(`${columns.join('')}\n`);
  }
  const [first, last] = [days[0], days.at(-1)];
  if (first !== undefined && last !== undefined) {
    const unit = 'MiB';
    const ours = (last.memory - first.memory) / 2 ** 20;
    print({
      row: 'growth',
      ours,
      peer: (perLeaf * last.leaves + base) / 2 ** 20,
      of: `${perLeaf} B a leaf + 60 MiB`,
      goal: 1,
      atMost: true,
      unit,
    });
  }
  return Promise.resolve();
}
