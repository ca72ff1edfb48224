import assert from 'node:assert/strict';
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { statSync } from 'node:fs';
import { test } from 'node:test';
import { openStore } from '../../src/store/sqlite.ts';
import { documentLeaf, newBatch, newDocuments, sealError, sha256, treeOptions } from '../suites/store-samples.ts';
import { ManualClock } from '../support/clock.ts';
import { temporaryStoreFile } from '../support/store.ts';

const fx = { clock: new ManualClock() };

test('a reader beside a writer sees what is committed, changes nothing, and never waits for it', async (t) => {
  const { store, file } = await temporaryStoreFile(t);
  const reader = await openStore(fx, { file, readOnly: true });
  t.after(() => reader.close());
  const writing = (async () => {
    for (let n = 0; n < 30; n++) {
      await store.createBatch(newBatch(`b${n}`));
      await store.recordSpooled(`b${n}`, newDocuments(50));
      await store.appendLeaves({ tree: treeOptions, leaves: [documentLeaf(`leaf ${n}`)], blobs: [] });
    }
  })();
  for (let seen = 0; seen < 30;) {
    const batches = await reader.batches({ states: ['spooled'] });
    for (const { documents } of batches) assert.equal(documents, 50, 'a batch is seen whole or not at all');
    seen = batches.length;
    assert.ok((await reader.auditRows(0, 1_000)).length >= seen);
  }
  await writing;
  assert.deepEqual(
    (await reader.findLeaves(sha256('leaf 7'))).map(({ index }) => index),
    [7],
  );
  await assert.rejects(reader.createBatch(newBatch('x')), sealError('SEAL-DISK-READONLY'));
  await assert.rejects(reader.setMeta('a', 'b'), sealError('SEAL-DISK-READONLY'));
});

test('the files of the database belong to their user alone', async (t) => {
  const { store, file } = await temporaryStoreFile(t);
  await store.setMeta('a', 'b');
  for (const suffix of ['', '-wal', '-shm']) assert.equal(statSync(`${file}${suffix}`).mode & 0o777, 0o600, suffix);
});

test('an open store does not keep the process alive, a call and its closing do', async (t) => {
  const { file } = await temporaryStoreFile(t);
  const at = (path: string): string => new URL(path, import.meta.url).href;
  const run = (last: string): SpawnSyncReturns<string> => {
    const code = `import { openStore } from '${at('../../src/store/sqlite.ts')}'; import { systemClock } from '${at('../../src/effects/clock.ts')}';
      const store = await openStore({ clock: systemClock }, { file: ${JSON.stringify(file)}, readOnly: true });
      ${last}`;
    return spawnSync(process.execPath, ['--input-type=module', '-e', code], { timeout: 120_000, encoding: 'utf8' });
  };
  assert.deepEqual([run('').status, run('').stderr], [0, '']);
  const closed = run("await store.batches({}); await store.close(); console.log('closed');");
  assert.deepEqual([closed.status, closed.stdout, closed.stderr], [0, 'closed\n', '']);
});

test('after closing, calls are refused and closing again does nothing', async (t) => {
  const { store } = await temporaryStoreFile(t);
  const last = store.setMeta('a', 'b');
  await Promise.all([store.close(), store.close()]);
  await last;
  await assert.rejects(store.meta('a'), sealError('SEAL-INTERNAL'));
  await store.close();
});
