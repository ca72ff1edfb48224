import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { FileSystemSync } from '../../src/effects/file-system-sync.ts';
import { temporaryDirectory } from '../support/files.ts';

/** Answers each line when a file of its number appears, and notes what it was asked. */
const slow = (directory: string) => ({
  command: '/bin/sh',
  args: [
    '-c',
    `n=0; while IFS= read -r path; do n=$((n+1)); echo "$path" >> ${directory}/asked; while [ ! -e ${directory}/go$n ]; do sleep 0.01; done; echo 0; done`,
  ],
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5);
}

test('a file system is synced; a path that is not there is not', async () => {
  const sync = new FileSystemSync();
  assert.equal(await sync.sync(process.cwd()), true);
  assert.equal(await sync.sync('/nowhere/at all'), false);
  assert.equal(await sync.sync(process.cwd()), true);
});

test('who comes while it is busy is covered by the next run, never by the one that has begun', async (t) => {
  const directory = temporaryDirectory(t);
  const sync = new FileSystemSync(slow(directory));
  const asked = (): string => (existsSync(join(directory, 'asked')) ? readFileSync(join(directory, 'asked'), 'utf8') : '');
  const first = sync.sync('a');
  await until(() => asked() === 'a\n');
  let late = 0;
  const others = ['b', 'c', 'd'].map(async (path) => {
    const answer = await sync.sync(path);
    late++;
    return answer;
  });
  writeFileSync(join(directory, 'go1'), '');
  assert.equal(await first, true);
  await until(() => asked() === 'a\nb\n');
  assert.equal(late, 0);
  writeFileSync(join(directory, 'go2'), '');
  assert.deepEqual(await Promise.all(others), [true, true, true]);
  assert.equal(asked(), 'a\nb\n');
});

test('a program that ends, refuses or is not there gives no false certainty; the next call tries again', async () => {
  const ending = new FileSystemSync({ command: '/bin/sh', args: ['-c', 'read -r path; exit 0'] });
  assert.deepEqual([await ending.sync('/'), await ending.sync('/')], [false, false]);
  assert.equal(await new FileSystemSync({ command: '/bin/sh', args: ['-c', 'while read -r path; do echo 1; done'] }).sync('/'), false);
  assert.equal(await new FileSystemSync({ command: '/nowhere/sh', args: [] }).sync('/'), false);
});
