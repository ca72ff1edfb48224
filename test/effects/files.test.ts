import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  closeSync,
  ftruncateSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, suite, test, type TestContext } from 'node:test';
import { nodeFiles } from '../../src/effects/files.ts';
import { errnoOf, SealError, type ErrorCode } from '../../src/errors.ts';
import { joinPath } from '../../src/formats/names.ts';
import type { DirectoryEntry } from '../../src/ports/files.ts';
import { smallFileSystem, temporaryDirectory } from '../support/files.ts';
import { sharedMemory, skipUnmounted } from '../support/tools.ts';

const files = nodeFiles();
after(() => files.close());

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const strange = [
  Buffer.from([0x61, 0xff, 0xfe, 0x62]),
  Buffer.from('line\nbreak'),
  Buffer.from('ü'.normalize('NFC')),
  Buffer.from('ü'.normalize('NFD')),
  Buffer.alloc(255, 0x78),
  Buffer.from('a\\b"c\'d $e'),
];

async function collect(entries: AsyncIterable<DirectoryEntry>): Promise<DirectoryEntry[]> {
  const found: DirectoryEntry[] = [];
  for await (const entry of entries) found.push(entry);
  return found.sort((a, b) => Buffer.compare(a.name, b.name));
}

function rejects(promise: Promise<unknown>, code: ErrorCode, errno?: string): Promise<void> {
  return assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof SealError, String(error));
    assert.equal(error.code, code, error.message);
    if (errno !== undefined) assert.equal(errnoOf(error), errno);
    assert.ok(error.hint, 'an operator learns what to do');
    return true;
  });
}

function fifo(directory: string): string {
  const path = join(directory, 'fifo');
  assert.equal(spawnSync('mkfifo', [path]).status, 0);
  return path;
}

async function socket(t: TestContext, directory: string): Promise<string> {
  const path = join(directory, 'socket');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => server.close());
  return path;
}

suite('names are bytes', () => {
  test('every name comes back byte for byte, and what is under it can be read, copied and removed', async (t) => {
    const top = temporaryDirectory(t);
    for (const name of strange) {
      writeFileSync(joinPath(top, name), name);
      await files.copyHashed(joinPath(top, name), joinPath(top, `copy-${sha256(name)}`), ['sha256']);
    }
    const found = (await collect(files.list(top))).map(({ name }) => name);
    for (const name of strange) {
      assert.ok(found.some((one) => one.equals(name)));
      assert.deepEqual(await files.read(joinPath(top, name), 1000), name);
      assert.equal(readFileSync(join(top, `copy-${sha256(name)}`)).compare(name), 0);
    }
    const inside = joinPath(top, strange[0] ?? '', 'x');
    await files.remove(joinPath(top, strange[0] ?? ''));
    await files.makeDirectory(joinPath(inside, 'y'));
    await files.writeDurable(joinPath(inside, strange[1] ?? ''), Buffer.from('z'));
    await files.syncTree(top);
    await files.remove(joinPath(top, strange[0] ?? ''));
    assert.equal(await files.stat(inside), undefined);
  });

  test('a name of 255 bytes can be written durably: the temporary name is not longer', async (t) => {
    const top = temporaryDirectory(t);
    const name = joinPath(top, Buffer.alloc(255, 0x79));
    await files.writeDurable(name, Buffer.from('1'));
    await files.writeDurable(name, Buffer.from('2'));
    assert.deepEqual(readdirSync(top).length, 1);
    assert.equal(readFileSync(name, 'utf8'), '2');
  });
});

suite('only regular files are read', () => {
  test('links, FIFOs, sockets, devices and directories are refused at once', async (t) => {
    const top = temporaryDirectory(t);
    writeFileSync(join(top, 'file'), 'x');
    symlinkSync(join(top, 'file'), join(top, 'link'));
    const planted = [join(top, 'link'), fifo(top), await socket(t, top), '/dev/null', top];
    for (const path of planted) {
      await rejects(files.read(path, 10), 'SEAL-DOC-TYPE');
      await rejects(files.digest(path, ['sha256']), 'SEAL-DOC-TYPE');
      await rejects(files.copyHashed(path, join(top, 'copy'), ['sha256']), 'SEAL-DOC-TYPE');
      assert.equal(existsSync(join(top, 'copy')), false);
    }
    const kinds = new Map((await collect(files.list(top))).map(({ name, kind }) => [String(name), kind]));
    assert.deepEqual([kinds.get('file'), kinds.get('link'), kinds.get('fifo'), kinds.get('socket')], ['file', 'symlink', 'fifo', 'socket']);
    assert.equal((await files.stat(join(top, 'link')))?.kind, 'symlink');
  });

  test('a copy never goes through a link or over a file', async (t) => {
    const top = temporaryDirectory(t);
    writeFileSync(join(top, 'source'), 'new');
    writeFileSync(join(top, 'there'), 'old');
    symlinkSync(join(top, 'elsewhere'), join(top, 'dangling'));
    for (const target of ['there', 'dangling'])
      await rejects(files.copyHashed(join(top, 'source'), join(top, target), ['sha256']), 'SEAL-DISK-IO', 'EEXIST');
    assert.equal(readFileSync(join(top, 'there'), 'utf8'), 'old');
    assert.equal(existsSync(join(top, 'elsewhere')), false);
  });

  test('a small file that is longer than allowed is refused, as long as allowed is read', async (t) => {
    const top = temporaryDirectory(t);
    writeFileSync(join(top, 'file'), '12345');
    assert.equal(String(await files.read(join(top, 'file'), 5)), '12345');
    await rejects(files.read(join(top, 'file'), 4), 'SEAL-DOC-LIMIT');
    await rejects(files.read(join(top, 'none'), 4), 'SEAL-INPUT-MISSING', 'ENOENT');
  });
});

suite('copies', () => {
  test('the digests are those of the bytes in the private copy, for any size around the buffers', async (t) => {
    const top = temporaryDirectory(t);
    for (const size of [0, 1, 65_535, (1 << 20) - 1, 1 << 20, (4 << 20) + 7]) {
      const bytes = Buffer.alloc(size, `${size} `);
      writeFileSync(join(top, `${size}`), bytes);
      const copied = await files.copyHashed(join(top, `${size}`), join(top, `${size}.copy`), ['sha256', 'sha512']);
      const written = readFileSync(join(top, `${size}.copy`));
      assert.equal(written.compare(bytes), 0);
      assert.equal(copied.size, size);
      assert.equal(copied.digests.get('sha256')?.toString('hex'), sha256(bytes));
      assert.equal(copied.digests.get('sha512')?.toString('hex'), createHash('sha512').update(bytes).digest('hex'));
      assert.deepEqual(copied.before, copied.after);
      assert.equal(lstatSync(join(top, `${size}.copy`)).mode & 0o777, 0o600);
    }
  });

  test('a document that is written to while it is copied shows it: before and after differ', async (t) => {
    const top = temporaryDirectory(t);
    writeFileSync(join(top, 'growing'), Buffer.alloc(64 << 20, 1));
    const copying = files.copyHashed(join(top, 'growing'), join(top, 'copy'), ['sha256']);
    // Grows all the time: the copy ends nevertheless.
    const state = { done: false };
    const ended = copying.finally(() => (state.done = true));
    while (!state.done) {
      appendFileSync(join(top, 'growing'), 'more');
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { before, after, size } = await ended;
    assert.notEqual(before.ctimeNs, after.ctimeNs);
    assert.ok(size <= after.size);
  });

  test('holes stay holes', async (t) => {
    const top = temporaryDirectory(t);
    const descriptor = openSync(join(top, 'sparse'), 'w');
    writeSync(descriptor, 'begin', 0);
    writeSync(descriptor, 'middle', 30 << 20);
    ftruncateSync(descriptor, 64 << 20);
    closeSync(descriptor);
    const { size, digests } = await files.copyHashed(join(top, 'sparse'), join(top, 'copy'), ['sha256']);
    assert.equal(size, 64 << 20);
    assert.equal(digests.get('sha256')?.toString('hex'), sha256(readFileSync(join(top, 'sparse'))));
    assert.equal(sha256(readFileSync(join(top, 'copy'))), sha256(readFileSync(join(top, 'sparse'))));
    assert.ok(statSync(join(top, 'copy')).blocks * 512 < 4 << 20);
  });

  test('ended early, it leaves nothing behind; small files pass a large one', async (t) => {
    const top = temporaryDirectory(t);
    writeFileSync(join(top, 'large'), Buffer.alloc(256 << 20));
    writeFileSync(join(top, 'small'), 'x');
    const stop = new AbortController();
    const large = files.copyHashed(join(top, 'large'), join(top, 'large.copy'), ['sha512'], stop.signal);
    const first = await Promise.race([
      large.then(() => 'large'),
      Promise.all(Array.from({ length: 40 }, (_, n) => files.copyHashed(join(top, 'small'), join(top, `small.${n}`), ['sha256']))).then(
        () => 'small',
      ),
    ]);
    assert.equal(first, 'small');
    stop.abort(new SealError('SEAL-INTERRUPTED', 'enough'));
    await assert.rejects(large, /enough/);
    assert.equal(existsSync(join(top, 'large.copy')), false);
    await assert.rejects(files.digest(join(top, 'large'), ['sha256'], stop.signal));
  });

  test('an output is put together from new bytes and ranges of the input', async (t) => {
    const top = temporaryDirectory(t);
    const input = Buffer.alloc(9 << 20, 'abcdefg');
    writeFileSync(join(top, 'in'), input);
    const parts = [Buffer.from('head'), { offset: 3, length: (5 << 20) + 1 }, Buffer.from('tail'), { offset: 0, length: 0 }];
    const expected = Buffer.concat([Buffer.from('head'), input.subarray(3, 4 + (5 << 20)), Buffer.from('tail')]);
    const { size, digest } = await files.assemble(join(top, 'out'), parts, join(top, 'in'), 'sha384');
    assert.equal(size, expected.length);
    assert.equal(digest.toString('hex'), createHash('sha384').update(expected).digest('hex'));
    assert.equal(readFileSync(join(top, 'out')).compare(expected), 0);
    await rejects(files.assemble(join(top, 'bad'), [{ offset: input.length - 1, length: 2 }], join(top, 'in'), 'sha256'), 'SEAL-DISK-IO');
    assert.equal(existsSync(join(top, 'bad')), false);
  });

  test('a report is written piece by piece; one that breaks off leaves nothing', async (t) => {
    const top = temporaryDirectory(t);
    async function* pieces(broken: boolean): AsyncIterable<Uint8Array> {
      yield Buffer.from('one ');
      await Promise.resolve();
      if (broken) throw new Error('broken off');
      yield Buffer.from('two');
    }
    const { size, digest } = await files.create(join(top, 'report'), pieces(false), 'sha256');
    assert.equal(size, 7);
    assert.equal(digest.toString('hex'), sha256(Buffer.from('one two')));
    await assert.rejects(files.create(join(top, 'broken'), pieces(true), 'sha256'), /broken off/);
    assert.deepEqual(readdirSync(top), ['report']);
  });
});

suite('durable writing', () => {
  test('of many who claim one name exactly one gets it, and its content is whole', async (t) => {
    const top = temporaryDirectory(t);
    const claims = await Promise.all(
      Array.from({ length: 20 }, (_, n) => files.claimDurable(join(top, 'owner'), Buffer.from(`owner ${n}`))),
    );
    assert.equal(claims.filter(Boolean).length, 1);
    assert.equal(readFileSync(join(top, 'owner'), 'utf8'), `owner ${claims.indexOf(true)}`);
    assert.deepEqual(readdirSync(top), ['owner']);
  });

  test('directories are made with their parents; a file in the way is named', async (t) => {
    const top = temporaryDirectory(t);
    await files.makeDirectory(join(top, 'a/b/c/'), 0o700);
    assert.equal(statSync(join(top, 'a/b')).mode & 0o777, 0o700);
    await files.makeDirectory(join(top, 'a/b/c'));
    writeFileSync(join(top, 'file'), '');
    await rejects(files.makeDirectory(join(top, 'file')), 'SEAL-DISK-IO', 'EEXIST');
    await rejects(files.makeDirectory(join(top, 'file/x')), 'SEAL-INPUT-MISSING', 'ENOTDIR');
    symlinkSync(join(top, 'a'), join(top, 'elsewhere'));
    await files.makeDirectory(join(top, 'elsewhere'));
  });

  test('a rename to another file system says EXDEV', sharedMemory, async (t) => {
    const top = temporaryDirectory(t);
    const other = temporaryDirectory(t, '/dev/shm');
    writeFileSync(join(top, 'file'), 'x');
    await rejects(files.rename(join(top, 'file'), join(other, 'file')), 'SEAL-DISK-IO', 'EXDEV');
    await files.rename(join(top, 'file'), join(top, 'renamed'));
    await rejects(files.rename(join(top, 'file'), join(top, 'again')), 'SEAL-INPUT-MISSING', 'ENOENT');
  });

  test('trees of few and of many files are synced; what vanishes meanwhile is told', async (t) => {
    const top = temporaryDirectory(t);
    for (const count of [0, 3, 100]) {
      mkdirSync(join(top, `${count}/deep/er`), { recursive: true });
      for (let n = 0; n < count; n++) writeFileSync(join(top, `${count}/deep/${n}`), 'x');
      symlinkSync('nowhere', join(top, `${count}/link`));
      await files.syncTree(join(top, `${count}`));
    }
    await rejects(files.syncTree(join(top, 'none')), 'SEAL-INPUT-MISSING', 'ENOENT');
  });
});

test('a full disk is told as such, and the half copy is gone', async (t) => {
  const small = smallFileSystem(t, '256k');
  if (small === undefined) {
    skipUnmounted(t);
    return;
  }
  const top = temporaryDirectory(t);
  writeFileSync(join(top, 'large'), Buffer.alloc(1 << 20, 1));
  await rejects(files.copyHashed(join(top, 'large'), join(small, 'copy'), ['sha256']), 'SEAL-DISK-FULL', 'ENOSPC');
  await rejects(files.writeDurable(join(small, 'copy'), Buffer.alloc(1 << 20)), 'SEAL-DISK-FULL', 'ENOSPC');
  await rejects(files.claimDurable(join(small, 'copy'), Buffer.alloc(1 << 20)), 'SEAL-DISK-FULL', 'ENOSPC');
  assert.deepEqual(readdirSync(small), []);
});

test('removing a tree never follows a link out of it', async (t) => {
  const top = temporaryDirectory(t);
  mkdirSync(join(top, 'kept'));
  writeFileSync(join(top, 'kept/file'), 'x');
  mkdirSync(join(top, 'tree/deep'), { recursive: true });
  symlinkSync(join(top, 'kept'), join(top, 'tree/deep/link'));
  linkSync(join(top, 'kept/file'), join(top, 'tree/hard'));
  fifo(join(top, 'tree'));
  for (let n = 0; n < 1500; n++) writeFileSync(join(top, `tree/deep/${n}`), '');
  symlinkSync(join(top, 'kept'), join(top, 'alias'));
  await files.remove(join(top, 'tree'));
  await files.remove(join(top, 'alias'));
  await files.remove(join(top, 'tree'));
  assert.deepEqual(readdirSync(top), ['kept']);
  assert.deepEqual(readdirSync(join(top, 'kept')), ['file']);
});

test('free space is told in bytes and inodes', async (t) => {
  const space = await files.space(temporaryDirectory(t));
  assert.ok(space.freeBytes > 0 && space.freeBytes <= space.totalBytes);
  assert.ok(space.freeInodes > 0);
  await rejects(files.space('/no/such/place'), 'SEAL-INPUT-MISSING', 'ENOENT');
});

suite('spread', () => {
  test('directories below are spread over the disk where it is ext4, and a missing one is no error', async (t) => {
    const top = temporaryDirectory(t);
    await files.spread(top);
    await files.spread(join(top, 'missing'));
    const kind = spawnSync('stat', ['-f', '-c', '%T', top], { encoding: 'utf8' }).stdout.trim();
    if (kind === 'ext2/ext3') assert.match(spawnSync('lsattr', ['-d', top], { encoding: 'utf8' }).stdout.split(' ')[0] ?? '', /T/);
    else t.diagnostic(`nothing to see on ${kind}`);
  });
});
