import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { openStore } from '../../src/store/sqlite.ts';
import { ManualClock } from '../support/clock.ts';
import { sha256 } from '../suites/store-samples.ts';

const rounds = 8;
const writer = new URL('./crash-writer.ts', import.meta.url).pathname;

/** Lets the writer work on the database, kills it (SIGKILL) some ms after it has printed so many lines, and gives all that it had printed. */
async function killedWriter(file: string, least: number, afterMs: number): Promise<string[]> {
  const child = spawn(process.execPath, [writer, file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  const output = createInterface({ input: child.stdout });
  await new Promise<void>((resolve) => {
    output.on('line', (line) => {
      if (lines.push(line) === least) resolve();
    });
  });
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  child.kill('SIGKILL');
  await once(output, 'close');
  return lines;
}

test('kill -9 again and again: everything that resolved is there, nothing is half there, every open intent is told', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'sealtree-crash-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, 'sealtree.db');
  const resolved = new Set<string>();
  let doubts = 0;
  for (let round = 0; round < rounds; round++) {
    const lines = await killedWriter(file, 10 + round, (7 * round) % 17);
    for (const line of lines) resolved.add(line);
    const store = await openStore({ clock: new ManualClock() }, { file });
    assert.deepEqual(await store.integrity(), []);
    for (const { document } of await store.settleDoubts(1)) {
      doubts++;
      assert.equal((await store.document(document))?.state, 'spooled');
    }
    for (const batch of await store.batches({})) {
      const documents = await store.documents(batch.id);
      assert.equal(documents.length, batch.documents);
      assert.equal(batch.documents, batch.state === 'claimed' ? 0 : 20);
      for (const { id, state, signature, leaves } of documents) {
        assert.ok(state === 'spooled' || state === 'signed' || state === 'verified', state);
        assert.equal(signature === undefined, state === 'spooled');
        assert.equal(leaves === undefined, batch.state !== 'archived', `leaves and move to archived belong together: ${id}`);
      }
    }
    for (const line of round === rounds - 1 ? resolved : lines) await check(store, line);
    await store.close();
  }
  assert.ok(resolved.size > rounds * 5, `${resolved.size} resolved calls were checked`);
  t.diagnostic(`${resolved.size} resolved calls, ${doubts} signatures in doubt`);
});

async function check(store: Awaited<ReturnType<typeof openStore>>, line: string): Promise<void> {
  const [what, id = '', detail = ''] = line.split(' ');
  if (what === 'created') assert.ok(await store.batch(id), line);
  else if (what === 'spooled') assert.equal((await store.batch(id))?.documents, 20, line);
  else if (what === 'signed') assert.ok((await store.document(Number(detail)))?.signature, line);
  else if (what === 'verified') assert.equal((await store.document(Number(detail)))?.state, 'verified', line);
  else if (what === 'archived') assert.equal((await store.batch(id))?.state, 'archived', line);
  else if (what === 'leaf') assert.equal((await store.findLeaves(sha256(id))).length, 1, line);
  else assert.equal(what, 'started');
}
