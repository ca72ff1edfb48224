import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recordsOfTree } from '../../src/archive/tree-records.ts';
import { print } from '../measure.ts';
import { anchoredDay } from '../archive.ts';

/** All records of a day of a million leaves out of the store: complete DER, one timestamp with its revocation data. */
export default async function evidence(): Promise<void> {
  const leaves = Number(process.env['LEAVES'] ?? 1_000_000);
  const directory = mkdtempSync(join(tmpdir(), 'sealtree-bench-'));
  try {
    const day = await anchoredDay(directory, leaves);
    let records = 0;
    let bytes = 0;
    const usage = process.cpuUsage();
    const began = performance.now();
    for await (const { der } of recordsOfTree(day.fx, day.trust, day.tree)) {
      records++;
      bytes += der.length;
    }
    const seconds = (performance.now() - began) / 1000;
    const { user, system } = process.cpuUsage(usage);
    process.stdout.write(
      `  ${records.toLocaleString('en')} records of ${Math.round(bytes / records)} bytes, ${Math.round(records / seconds).toLocaleString('en')}/s of wall time\n`,
    );
    print({
      row: 'evidence',
      ours: (records / (user + system)) * 1e6,
      peer: 150_000,
      of: '150,000 records/s',
      goal: 1,
      unit: 'records/CPU-s',
    });
    await day.close();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
