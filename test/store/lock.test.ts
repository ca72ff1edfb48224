import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { acquireLock } from '../../src/store/lock.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { sealError } from '../suites/store-samples.ts';
import { ManualClock } from '../support/clock.ts';
import { temporaryDirectory } from '../support/files.ts';

const holder = (file: string): string => `import { acquireLock } from '${new URL('../../src/store/lock.ts', import.meta.url).href}';
  acquireLock(${JSON.stringify(file)}); globalThis.gc?.(); console.log('held'); setInterval(() => globalThis.gc?.(), 10);`;

test('one process holds the lock; the second is told, and a kill -9 frees it at once', async (t) => {
  const file = join(temporaryDirectory(t), 'daemon.lock');
  const child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', holder(file)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  assert.throws(() => acquireLock(file), { ...sealError('SEAL-DAEMON-RUNNING'), where: file, hint: /stop it first/ });
  child.kill('SIGKILL');
  await once(child, 'exit');
  const lock = acquireLock(file);
  assert.throws(() => acquireLock(file), sealError('SEAL-DAEMON-RUNNING'), 'also within one process');
  lock.release();
  acquireLock(file).release();
});

test('the database stays open to readers beside the lock', async (t) => {
  const directory = temporaryDirectory(t);
  const lock = acquireLock(join(directory, 'daemon.lock'));
  const store = await openStore({ clock: new ManualClock() }, { file: join(directory, 'sealtree.db') });
  const reader = await openStore({ clock: new ManualClock() }, { file: join(directory, 'sealtree.db'), readOnly: true });
  assert.deepEqual(await reader.batches({}), []);
  await reader.close();
  await store.close();
  lock.release();
});

test('where the lock cannot be created it says so', (t) => {
  const file = join(temporaryDirectory(t), 'missing', 'daemon.lock');
  assert.throws(() => acquireLock(file), sealError('SEAL-DISK-IO'));
});
