import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SealError } from '../../src/errors.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { documentLeaf, newBatch, newDocuments, treeOptions } from '../suites/store-samples.ts';
import { ManualClock } from '../support/clock.ts';
import { smallFileSystem } from '../support/files.ts';
import { skipUnmounted } from '../support/tools.ts';

test('a full disk refuses what does not fit, keeps what resolved, and goes on by itself when there is room', async (t) => {
  const directory = smallFileSystem(t, '6m');
  if (directory === undefined) {
    skipUnmounted(t);
    return;
  }
  const file = join(directory, 'sealtree.db');
  writeFileSync(join(directory, 'ballast'), Buffer.alloc(4 << 20, 1));
  const store = await openStore({ clock: new ManualClock() }, { file });
  const written: string[] = [];
  let refused: unknown;
  const write = async (id: string): Promise<void> => {
    await store.createBatch(newBatch(id));
    await store.recordSpooled(id, newDocuments(200));
    await store.appendLeaves({ tree: treeOptions, leaves: [documentLeaf(id)], blobs: [] });
    written.push(id);
  };
  for (let n = 0; refused === undefined && n < 500; n++) await write(`b${n}`).catch((error: unknown) => (refused = error));
  assert.ok(refused instanceof SealError);
  assert.deepEqual([refused.code, refused.where, refused.retryable], ['SEAL-DISK-FULL', file, true]);
  assert.match(refused.hint ?? '', /make room/);

  rmSync(join(directory, 'ballast'));
  await write('after');
  for (const id of written) assert.equal((await store.batch(id))?.documents, 200, id);
  assert.equal((await store.trees({}))[0]?.leaves, written.length);
  assert.deepEqual(await store.integrity(), []);
  await store.close();
});
