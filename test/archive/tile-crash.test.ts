import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { levelsAbove } from '../../src/archive/tree.ts';
import { sha256 } from '../../src/formats/digests.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { ManualClock } from '../support/clock.ts';
import { temporaryDirectory } from '../support/store.ts';

const worker = new URL('./tile-killed.ts', import.meta.url).pathname;
const leaves = 20_000;
const most = 10;
const days = ['2026-11-20', '2026-11-21'];

/** @param afterMs undefined: it is not killed @returns whether it came to its end before it was killed */
async function killed(directory: string, afterMs: number | undefined): Promise<boolean> {
  const child = spawn(process.execPath, [worker, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  const output = createInterface({ input: child.stdout });
  output.on('line', (line) => lines.push(line));
  const closed = once(output, 'close');
  await Promise.race([once(output, 'line'), closed]);
  if (afterMs !== undefined) {
    await sleep(afterMs);
    child.kill('SIGKILL');
  }
  await closed;
  return lines.includes('done');
}

void test('kill -9 again and again while hashes move into tile files: each of them can be read at any time', async (t) => {
  const directory = await temporaryDirectory(t);
  const fx = { clock: new ManualClock() };
  const open = (): ReturnType<typeof openStore> => openStore(fx, { file: join(directory, 'sealtree.db') });
  const hashesOf = (day: string): Buffer => Buffer.concat(Array.from({ length: leaves }, (_, n) => sha256(Buffer.from(`${day} ${n}`))));
  const store = await open();
  for (const day of days) {
    const hashes = hashesOf(day);
    await store.appendLeaves({
      tree: { date: day, at: 1, digest: 'sha256', layout: 1 },
      leaves: Array.from({ length: leaves }, (_, n) => ({ kind: 'document', members: [hashes.subarray(n * 32, n * 32 + 32)] })),
      blobs: [],
    });
    await store.seal(`${day}.1`, 2);
    const levels = levelsAbove(hashes, 'sha256');
    await store.setRoot(`${day}.1`, levels.at(-1) ?? Buffer.alloc(0), [{ level: 8, hashes: levels[8] ?? Buffer.alloc(0) }]);
  }
  await store.close();
  let kills = 0;
  for (let done = false; !done; kills++) {
    // At last it may end, however slow this machine is.
    done = await killed(directory, kills < most ? 25 * kills : undefined);
    assert.ok(done || kills < most);
    const looked = await open();
    assert.deepEqual(await looked.integrity(), []);
    for (const day of days) {
      assert.ok((await looked.leafHashes(`${day}.1`)).equals(hashesOf(day)), day);
      assert.equal((await looked.nodes(`${day}.1`, 8, 0, 1000)).length, Math.ceil(leaves / 256) * 32, day);
    }
    if (done) assert.deepEqual(await looked.treesInRows(9), []);
    await looked.close();
  }
  t.diagnostic(`killed ${kills} times`);
});
