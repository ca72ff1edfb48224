import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { leavesOfHash, recordsOfLeaf } from '../../src/archive/evidence.ts';
import { anchoredDay, leafHash } from '../archive.ts';
import { median, print } from '../measure.ts';

/** One record, found by the document's hash, from a tree of a million leaves; milliseconds each, other documents every time. */
export default async function evidenceOne(): Promise<void> {
  const leaves = Number(process.env['LEAVES'] ?? 1_000_000);
  const directory = mkdtempSync(join(tmpdir(), 'sealtree-bench-'));
  try {
    const day = await anchoredDay(directory, leaves);
    const times: number[] = [];
    for (let n = 0; n < 300; n++) {
      const hash = leafHash((n * 7919) % leaves);
      const began = performance.now();
      const [leaf] = await leavesOfHash(day.fx, hash);
      if (leaf === undefined || (await recordsOfLeaf(day.fx, day.trust, leaf)).length !== 1) throw new Error('no record');
      if (n >= 50) times.push(performance.now() - began);
    }
    print({ row: 'evidence-one', ours: median(times), peer: 5, of: '5 ms', goal: 1, atMost: true, unit: 'ms' });
    await day.close();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
