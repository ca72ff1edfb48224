import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { needs } from '../support/tools.ts';

/**
 * The kernel's FICLONE, answered by a library before the C library: the file systems of most machines that run these tests cannot share
 * blocks. It copies and notes that it was asked, or fails as FICLONE_ERRNO says.
 */
const library = `
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
int ioctl(int fd, unsigned long request, ...) {
  va_list list; va_start(list, request); void *argument = va_arg(list, void *); va_end(list);
  if (request != FICLONE) return syscall(SYS_ioctl, fd, request, argument);
  int note = open(getenv("FICLONE_NOTE"), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (note < 0 || write(note, "x", 1) != 1) abort();
  close(note);
  const char *fail = getenv("FICLONE_ERRNO");
  if (fail != NULL) { errno = atoi(fail); return -1; }
  static char piece[65536]; off_t at = 0; ssize_t got;
  while ((got = pread((int)(long)argument, piece, sizeof piece, at)) > 0) {
    if (pwrite(fd, piece, got, at) != got) return -1;
    at += got;
  }
  return got < 0 ? -1 : 0;
}`;

const script = `
import { nodeFiles } from '${new URL('../../src/effects/files.ts', import.meta.url).href}';
const files = nodeFiles();
const [source, target] = process.argv.slice(2);
try {
  const { size, digests } = await files.copyHashed(source, target, ['sha256']);
  console.log(JSON.stringify({ size, sha256: new Map(digests).get('sha256').toString('hex') }));
} catch (error) { console.log(JSON.stringify({ code: error.code })); }
await files.close();`;

suite('where the file system shares blocks a private copy is a reflink', needs('gcc'), () => {
  let place: string;
  before(() => {
    place = mkdtempSync(join(tmpdir(), 'sealtree-reflink-'));
    writeFileSync(join(place, 'ficlone.c'), library);
    writeFileSync(join(place, 'copy.mjs'), script);
    execFileSync('gcc', ['-shared', '-fPIC', '-o', join(place, 'ficlone.so'), join(place, 'ficlone.c')]);
  });
  after(() => {
    rmSync(place, { recursive: true, force: true });
  });

  function copied(
    name: string,
    bytes: Buffer,
    errno?: number,
  ): { readonly answer: unknown; readonly asked: boolean; readonly target: string } {
    const [source, target, note] = [name, `${name}.copy`, `${name}.note`].map((file) => join(place, file)) as [string, string, string];
    writeFileSync(source, bytes);
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', join(place, 'copy.mjs'), source, target],
      {
        encoding: 'utf8',
        env: {
          ...process.env,
          LD_PRELOAD: join(place, 'ficlone.so'),
          FICLONE_NOTE: note,
          ...(errno === undefined ? {} : { FICLONE_ERRNO: `${errno}` }),
        },
      },
    );
    assert.equal(status, 0, stderr);
    return { answer: JSON.parse(stdout), asked: existsSync(note), target };
  }

  const bytes = randomBytes(3_000_001);
  const whole = { size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };

  test('the copy has the bytes, its hash is of the copy, and nobody else may read it', () => {
    const { answer, asked, target } = copied('large', bytes);
    assert.ok(asked, 'the kernel was asked');
    assert.deepEqual(answer, whole);
    assert.ok(readFileSync(target).equals(bytes));
    assert.equal(statSync(target).mode & 0o777, 0o600);
  });

  test('a file system that cannot is no failure: the bytes are copied', () => {
    const { answer, asked, target } = copied('refused', bytes, 95);
    assert.ok(asked);
    assert.deepEqual(answer, whole);
    assert.ok(readFileSync(target).equals(bytes));
  });

  test('a full disk is told, and nothing is left', () => {
    const { answer, target } = copied('full', bytes, 28);
    assert.deepEqual(answer, { code: 'SEAL-DISK-FULL' });
    assert.equal(existsSync(target), false);
  });

  test('small files are not worth asking for', () => {
    const small = copied('small', Buffer.from('Good morning'));
    assert.equal(small.asked, false);
    assert.equal(readFileSync(small.target, 'utf8'), 'Good morning');
  });
});
