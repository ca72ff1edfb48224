import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chownSync,
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { SealError, type ErrorCode } from '../../src/errors.ts';
import { spoolDirectory, spoolFile } from '../../src/formats/places.ts';
import type { Batch, BatchDocument } from '../../src/model/batch.ts';
import type { StepResult } from '../../src/model/step.ts';
import { spool } from '../../src/watcher/intake.ts';
import { failing, gated, Killed, killedAt, smallFileSystem } from '../support/files.ts';
import { IntakeHouse } from '../support/intake.ts';
import { asRoot, skipUnmounted } from '../support/tools.ts';

const sha256 = (bytes: string | Buffer): string => createHash('sha256').update(bytes).digest('hex');
const claimedAt = (house: IntakeHouse, batch: Batch): string => join(house.root.path, '.sealtree/claimed', batch.id);

async function spooled(house: IntakeHouse, batch: Batch): Promise<StepResult> {
  return await spool(house.fx, house.config, house.root, await house.batch(batch.id));
}

function waits(result: StepResult, code: ErrorCode): void {
  assert.equal(result.kind, 'wait', JSON.stringify(result));
  assert.equal(result.reason.code, code, result.reason.message);
  assert.ok(result.reason.hint);
}

function refused(result: StepResult, code: ErrorCode): void {
  assert.equal(result.kind, 'refused', JSON.stringify(result));
  assert.equal(result.error.code, code, result.error.message);
}

const named = (documents: readonly BatchDocument[]): string[] =>
  documents.map(({ relPath, error }) => `${relPath.toString('latin1')}${error === undefined ? '' : ` ${error.code}`}`);

suite('the private copy', () => {
  test('every document, byte for byte, whatever it is called; semaphores and ignored files stay out', async (t) => {
    const house = await IntakeHouse.open(t);
    const long = 'x'.repeat(255);
    const contents: Readonly<Record<string, string>> = {
      'a.pdf': 'one',
      'deep/er/b.txt': 'two',
      'line\nbreak': 'three',
      '\xff\xfe.bin': 'four',
      [long]: 'five',
      'Thumbs.db': 'ignored',
      'deep/x.part': 'ignored',
      'deep/APPROVED': 'nested',
    };
    house.place('a', contents);
    const batch = await house.claimed('a');
    assert.deepEqual(await spooled(house, batch), { kind: 'done' });
    const documents = await house.documents(batch.id);
    assert.deepEqual(named(documents), ['a.pdf', 'deep/er/b.txt', 'line\nbreak', long, '\xff\xfe.bin'].sort());
    for (const { relPath, seq, digests } of documents) {
      const content = contents[relPath.toString('latin1')] ?? '';
      assert.equal(readFileSync(spoolFile(house.config.dataDir, batch.id, seq)).toString(), content);
      assert.equal(digests.find(([algorithm]) => algorithm === 'sha256')?.[1].toString('hex'), sha256(content));
    }
    assert.equal((await house.batch(batch.id)).state, 'spooled');
    assert.ok(existsSync(join(claimedAt(house, batch), 'Thumbs.db')), 'ignored files stay with the originals');
  });

  test('links, FIFOs and sockets become failed documents; a FIFO hangs nobody', async (t) => {
    const house = await IntakeHouse.open(t);
    const directory = house.place('a', { 'good.txt': 'x' });
    symlinkSync('/etc/passwd', join(directory, 'link'));
    symlinkSync('/etc', join(directory, 'directory-link'));
    assert.equal(spawnSync('mkfifo', [join(directory, 'fifo')]).status, 0);
    const batch = await house.claimed('a');
    assert.equal((await spooled(house, batch)).kind, 'done');
    assert.deepEqual(named(await house.documents(batch.id)), [
      'directory-link SEAL-DOC-TYPE',
      'fifo SEAL-DOC-TYPE',
      'good.txt',
      'link SEAL-DOC-TYPE',
    ]);
  });

  test('a hard link to somebody else’s file is planted; one to a file of the batch’s owner is not', asRoot, async (t) => {
    const house = await IntakeHouse.open(t);
    const secret = join(house.root.path, 'secret');
    writeFileSync(secret, 'secret');
    const directory = house.place('a', { mine: 'x' });
    linkSync(secret, join(directory, 'planted'));
    linkSync(join(directory, 'mine'), join(directory, 'mine too'));
    chownSync(directory, 12_345, 12_345);
    chownSync(join(directory, 'mine'), 12_345, 12_345);
    const batch = await house.claimed('a');
    assert.equal((await spooled(house, batch)).kind, 'done');
    const documents = await house.documents(batch.id);
    assert.deepEqual(named(documents), ['mine', 'mine too', 'planted SEAL-DOC-TYPE']);
    assert.equal(existsSync(spoolFile(house.config.dataDir, batch.id, 2)), false, 'its bytes do not leave with the others');
  });

  test('the semaphore that was claimed decides, not the one that was read before', async (t) => {
    const house = (await IntakeHouse.open(t)).with({ root: { allowProfiles: ['auto'], keys: ['key', 'other'] } });
    house.place('a', { x: 'x' }, 'profile: auto\nkeys: other\n');
    const batch = await house.claimed('a');
    assert.equal(batch.profile, 'seal');
    assert.equal((await spooled(house, batch)).kind, 'done');
    const { profile, keys, options } = await house.batch(batch.id);
    assert.deepEqual([profile, keys, options], ['auto', ['other'], { profile: 'auto', keys: ['other'] }]);
  });

  test('what cannot be approved is refused with its reason', async (t) => {
    const house = await IntakeHouse.open(t);
    const cases: readonly (readonly [string, Readonly<Record<string, string>>, string, ErrorCode])[] = [
      ['malformed', { x: 'x' }, 'profile: [', 'SEAL-BATCH-SEMAPHORE'],
      ['forbidden', { x: 'x' }, 'profile: secret', 'SEAL-BATCH-NOT-PERMITTED'],
      ['foreign key', { x: 'x' }, 'keys: theirs', 'SEAL-BATCH-NOT-PERMITTED'],
      ['empty', {}, '', 'SEAL-BATCH-EMPTY'],
      ['only ignored', { 'Thumbs.db': 'x' }, '', 'SEAL-BATCH-EMPTY'],
      ['missing', { x: 'x' }, 'files: [x, y]', 'SEAL-DOC-HASH'],
    ];
    for (const [path, files, semaphore, code] of cases) {
      house.place(path, files, semaphore);
      refused(await spooled(house, await house.claimed(path)), code);
    }
    house.place('withdrawn', { x: 'x' });
    const batch = await house.claimed('withdrawn');
    rmSync(join(claimedAt(house, batch), 'APPROVED'));
    refused(await spooled(house, batch), 'SEAL-BATCH-APPROVAL');
  });

  test('the owner that the root demands', async (t) => {
    const house = (await IntakeHouse.open(t)).with({
      root: { approval: { mode: 'semaphore', name: 'APPROVED', quiet: 0, owner: (process.getuid?.() ?? 0) + 1 } },
    });
    house.place('a', { x: 'x' });
    refused(await spooled(house, await house.claimed('a')), 'SEAL-BATCH-APPROVAL');
  });

  test('expected hashes: a document that differs, or is not named, fails', async (t) => {
    const house = await IntakeHouse.open(t);
    house.place('a', { good: 'good', bad: 'bad', more: 'more' }, `files: {good: ${sha256('good')}, bad: ${sha256('worse')}}`);
    const batch = await house.claimed('a');
    assert.equal((await spooled(house, batch)).kind, 'done');
    assert.deepEqual(named(await house.documents(batch.id)), ['bad SEAL-DOC-HASH', 'good', 'more SEAL-DOC-HASH']);
  });

  test('a document that cannot be read fails, the others do not', async (t) => {
    const house = await IntakeHouse.open(t);
    house.place('a', { closed: 'x', good: 'x' });
    const batch = await house.claimed('a');
    const source = join(claimedAt(house, batch), 'closed');
    const files = gated(house.fx.files, ({ method, path }, when) => {
      if (method !== 'copyHashed' || when === 'after' || path.toString() !== source) return;
      const cause = Object.assign(new Error('EACCES'), { code: 'EACCES' });
      throw new SealError('SEAL-DISK-IO', 'cannot open the file: EACCES', { where: source, cause });
    });
    assert.equal((await spool({ ...house.fx, files }, house.config, house.root, batch)).kind, 'done');
    assert.deepEqual(named(await house.documents(batch.id)), ['closed SEAL-INPUT-MISSING', 'good']);
  });
});

suite('a batch that changes while it is read', () => {
  test('somebody writes on through an open file: it waits until it stands still, and then the whole of it is copied', async (t) => {
    const house = await IntakeHouse.open(t);
    const directory = house.place('a', { 'x.txt': 'begin ' });
    const open = openSync(join(directory, 'x.txt'), 'a');
    const batch = await house.claimed('a');
    const files = gated(house.fx.files, ({ method }, when) => {
      if (method === 'copyHashed' && when === 'before') writeSync(open, 'more ');
    });
    waits(await spool({ ...house.fx, files }, house.config, house.root, batch), 'SEAL-BATCH-CHANGED');
    assert.deepEqual(house.tree(spoolDirectory(house.config.dataDir, batch.id).toString()), ['settling'], 'no half copy is kept');
    waits(await spooled(house, batch), 'SEAL-BATCH-CHANGED');
    writeSync(open, 'end');
    closeSync(open);
    await house.clock.advance(house.root.settle + 1);
    waits(await spooled(house, batch), 'SEAL-BATCH-CHANGED');
    await house.clock.advance(house.root.settle - 1);
    waits(await spooled(house, batch), 'SEAL-BATCH-CHANGED');
    await house.clock.advance(2);
    assert.equal((await spooled(house, batch)).kind, 'done');
    assert.equal(readFileSync(spoolFile(house.config.dataDir, batch.id, 0)).toString(), 'begin more end');
  });

  test('files that come, go, or are exchanged behind the copy', async (t) => {
    const house = await IntakeHouse.open(t);
    const changes: Readonly<Record<string, (directory: string) => void>> = {
      comes: (directory) => {
        writeFileSync(join(directory, 'z-new'), 'x');
      },
      goes: (directory) => {
        rmSync(join(directory, 'b'));
      },
      'is exchanged': (directory) => {
        writeFileSync(join(directory, 'tmp'), 'y');
        renameSync(join(directory, 'tmp'), join(directory, 'b'));
      },
      'becomes a link': (directory) => {
        rmSync(join(directory, 'b'));
        symlinkSync('/etc/passwd', join(directory, 'b'));
      },
      'becomes a directory': (directory) => {
        rmSync(join(directory, 'b'));
        mkdirSync(join(directory, 'b'));
      },
    };
    for (const [name, change] of Object.entries(changes)) {
      house.place(name, { a: 'x', b: 'x' });
      const batch = await house.claimed(name);
      const files = gated(house.fx.files, ({ method, nth }, when) => {
        if (method === 'copyHashed' && when === 'before' && nth === 1) change(claimedAt(house, batch));
      });
      waits(await spool({ ...house.fx, files }, house.config, house.root, batch), 'SEAL-BATCH-CHANGED');
      await house.clock.advance(house.root.settle + 1);
      assert.equal((await spooled(house, batch)).kind, 'done', name);
    }
  });

  test('a batch that did not look as it had settled when it was claimed is watched a while longer', async (t) => {
    const house = await IntakeHouse.open(t);
    house.place('a', { x: 'x' });
    const batch = await house.claimed('a', { fingerprint: 'another' });
    waits(await spooled(house, batch), 'SEAL-BATCH-CHANGED');
    await house.clock.advance(house.root.settle + 1);
    assert.equal((await spooled(house, batch)).kind, 'done');
  });

  test('renamed away in mid-read: refused when it is gone for good, waiting while its file system is', async (t) => {
    const house = await IntakeHouse.open(t);
    house.place('a', { x: 'x', y: 'y' });
    const batch = await house.claimed('a');
    const files = gated(house.fx.files, ({ method, nth }, when) => {
      if (method === 'copyHashed' && when === 'before' && nth === 1)
        renameSync(claimedAt(house, batch), join(house.root.path, 'elsewhere'));
    });
    waits(await spool({ ...house.fx, files }, house.config, house.root, batch), 'SEAL-BATCH-CHANGED');
    renameSync(house.root.incoming, `${house.root.incoming}.away`);
    waits(await spooled(house, batch), 'SEAL-ROOT-UNUSABLE');
    renameSync(`${house.root.incoming}.away`, house.root.incoming);
    renameSync(join(house.root.path, 'elsewhere'), claimedAt(house, batch));
    await house.clock.advance(house.root.settle + 1);
    waits(await spooled(house, batch), 'SEAL-BATCH-CHANGED');
    renameSync(claimedAt(house, batch), join(house.root.path, 'elsewhere'));
    refused(await spooled(house, batch), 'SEAL-INPUT-MISSING');
  });
});

suite('faults', () => {
  test('no room: it waits, and what was copied is taken away again', async (t) => {
    const house = await IntakeHouse.open(t);
    house.place('a', { x: 'x', y: 'y' });
    const batch = await house.claimed('a');
    const files = failing(house.fx.files, { method: 'copyHashed', nth: 2, errno: 'ENOSPC' });
    await assert.rejects(spool({ ...house.fx, files }, house.config, house.root, batch), { code: 'SEAL-DISK-FULL' });
    assert.equal(existsSync(spoolDirectory(house.config.dataDir, batch.id)), false);
    waits(await spooled(house.with({ root: { minFree: 2 ** 60 } }), batch), 'SEAL-DISK-FULL');
    assert.equal((await spooled(house, batch)).kind, 'done');
  });

  test('a data directory that is really full', async (t) => {
    const small = smallFileSystem(t, '300k');
    if (small === undefined) {
      skipUnmounted(t);
      return;
    }
    const house = await IntakeHouse.open(t);
    house.place('a', { x: Buffer.alloc(200_000, 1), y: Buffer.alloc(200_000, 2) });
    const batch = await house.claimed('a');
    const config = { ...house.config, dataDir: small };
    await assert.rejects(spool(house.fx, config, house.root, batch), { code: 'SEAL-DISK-FULL' });
    assert.deepEqual(house.tree(small), ['spool/']);
    assert.equal((await house.batch(batch.id)).state, 'claimed');
  });

  test('every call failing once leaves a batch that the next attempt spools', async (t) => {
    const house = await IntakeHouse.open(t);
    for (const method of ['stat', 'list', 'read', 'copyHashed', 'makeDirectory', 'remove', 'syncTree', 'space'] as const) {
      house.place(method, { x: 'x', 'd/y': 'y' });
      const batch = await house.claimed(method);
      for (let nth = 1; nth <= 30; nth++) {
        const files = failing(house.fx.files, { method, nth, errno: 'EIO' });
        const outcome = await spool({ ...house.fx, files }, house.config, house.root, batch).catch((thrown: unknown) => thrown);
        if ((await house.batch(batch.id)).state === 'spooled') break;
        assert.ok(outcome instanceof SealError && outcome.code === 'SEAL-DISK-IO', `${method} ${nth}: ${JSON.stringify(outcome)}`);
        assert.ok(nth < 30);
      }
      if ((await house.batch(batch.id)).state !== 'spooled') assert.equal((await spooled(house, batch)).kind, 'done');
      assert.equal((await house.documents(batch.id)).length, 2);
    }
  });

  test('killed at any change of the file system: the next process spools it, and the originals are untouched', async (t) => {
    const house = await IntakeHouse.open(t);
    for (const when of ['before', 'after'] as const) {
      for (let nth = 1; ; nth++) {
        const name = `${when}-${nth}`;
        house.place(name, { x: 'x', 'd/y': 'y' });
        const batch = await house.claimed(name);
        const files = killedAt(house.fx.files, nth, when);
        const ended = await spool({ ...house.fx, files }, house.config, house.root, batch).catch((thrown: unknown) => thrown);
        await files.idle();
        assert.equal(readFileSync(join(claimedAt(house, batch), 'd/y')).toString(), 'y');
        if (files.changes() < nth) break;
        assert.ok(ended instanceof Killed || (await house.batch(batch.id)).state === 'spooled', String(ended));
        if ((await house.batch(batch.id)).state === 'claimed') assert.equal((await spooled(house, batch)).kind, 'done');
        assert.deepEqual(named(await house.documents(batch.id)), ['d/y', 'x']);
        assert.ok(nth < 50);
      }
    }
  });
});

test('quiet mode: no semaphore is needed', async (t) => {
  const house = (await IntakeHouse.open(t)).with({ root: { approval: { mode: 'quiet', name: 'APPROVED', quiet: 1_000 } } });
  house.place('a', { x: 'x' }, false);
  const batch = await house.claimed('a');
  assert.equal((await spooled(house, batch)).kind, 'done');
});
