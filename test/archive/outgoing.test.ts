import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test, type TestContext } from 'node:test';
import { retireOriginals, stageOutput } from '../../src/archive/outgoing.ts';
import { SealError } from '../../src/errors.ts';
import { joinPath } from '../../src/formats/names.ts';
import { spoolDirectory, spoolFile } from '../../src/formats/places.ts';
import { announced, archivedBatch, deliveryOf, drive } from '../support/delivery.ts';
import { failing, Killed, killedAt, temporaryDirectory } from '../support/files.ts';
import { IntakeHouse } from '../support/intake.ts';
import { sharedMemory } from '../support/tools.ts';

const rest = { onError: 'deliverRest' } as const;

/** What is left in our own directories of a root. */
function leftovers(house: IntakeHouse): string[] {
  const own = [house.root.path, house.root.incoming, house.root.outgoing, house.root.failed, house.root.done].map((place) =>
    join(place, '.sealtree'),
  );
  return own
    .filter((place) => existsSync(place))
    .flatMap((place) => house.tree(place).map((file) => join(place, file)))
    .filter((file) => !/\.sealtree\/((claimed|outgoing|failed|done)\/|retention\/.*|apart-[a-z]+)$/.test(file));
}

suite('delivery', () => {
  test('sub-folders, names and bytes are kept; READY comes with the hash of every file', async (t) => {
    const house = (await IntakeHouse.open(t)).with({ root: { ...rest, htmlReport: true } });
    const batch = await archivedBatch(house, 'day/a', { 'x.txt': 'x', 'd/e/y.pdf': 'y', 'z.bad': 'z', 'Thumbs.db': 'ignored' });
    assert.deepEqual(await drive(house, batch.id), { kind: 'done' });
    const ready = announced(house, 'day/a');
    assert.deepEqual(ready?.files.map(({ name }) => name).sort(), [
      'batch-report.html',
      'batch-report.json',
      'd/e/y.pdf',
      'x.txt',
      'x.txt.p7s',
    ]);
    assert.deepEqual([ready.batch, ready.anchored, ready.counts], [batch.id, false, { documents: 3, delivered: 2, failed: 1 }]);
    assert.equal(readFileSync(join(house.root.outgoing, 'day/a/d/e/y.pdf'), 'utf8'), 'ysignature of 0');
    assert.equal(readFileSync(join(house.root.outgoing, 'day/a/x.txt'), 'utf8'), 'x');
    const report = JSON.parse(readFileSync(join(house.root.outgoing, 'day/a/batch-report.json'), 'utf8')) as {
      documents: { document: string; state: string }[];
    };
    assert.deepEqual(
      report.documents.map(({ document, state }) => `${document} ${state}`),
      ['d/e/y.pdf delivered', 'x.txt delivered', 'z.bad failed'],
    );
    assert.deepEqual(house.tree(join(house.root.failed, 'day/a')), ['FAILED', 'error.json', 'z.bad']);
    assert.equal(readFileSync(join(house.root.failed, 'day/a/z.bad'), 'utf8'), 'z');
    for (const original of ['APPROVED', 'Thumbs.db', 'x.txt', 'd/e/y.pdf'])
      assert.ok(existsSync(join(house.root.done, 'day/a', original)), original);
    assert.equal(existsSync(spoolDirectory(house.config.dataDir, batch.id)), false);
    assert.deepEqual(leftovers(house), []);
  });

  test('error.json tells the producer which document, why, and what to do', async (t) => {
    const house = (await IntakeHouse.open(t)).with({ root: rest });
    const batch = await archivedBatch(house, 'a', { good: 'x', 'one.bad': 'z', 'two.bad': 'z' });
    await drive(house, batch.id);
    const error = JSON.parse(readFileSync(join(house.root.failed, 'a/error.json'), 'utf8')) as Record<string, unknown> & {
      documents: Record<string, unknown>[];
    };
    assert.equal(error['batch'], batch.id);
    for (const field of ['code', 'message', 'remedy', 'retryable']) assert.ok(field in error, field);
    assert.deepEqual(
      error.documents.map(({ document, code, message, remedy, retryable }) => [document, code, message, remedy, retryable]),
      ['one.bad', 'two.bad'].map((name) => [name, 'SEAL-DOC-DAMAGED', 'broken', 'mend it', false]),
    );
  });

  test('names that are no UTF-8, with a newline or a backslash, are delivered byte for byte and can be found from READY', async (t) => {
    const house = await IntakeHouse.open(t);
    const names = ['line\nbreak.txt', 'back\\slash.txt', '\xff\xfe.txt', Buffer.from('ü.txt').toString('latin1')];
    const batch = await archivedBatch(house, 'a', Object.fromEntries(names.map((name) => [name, name])));
    assert.deepEqual(await drive(house, batch.id), { kind: 'done' });
    const ready = JSON.parse(readFileSync(join(house.root.outgoing, 'a/READY'), 'utf8')) as {
      files: { name: string; nameBytes?: string }[];
    };
    for (const { name, nameBytes } of ready.files) {
      const path = joinPath(house.root.outgoing, 'a', nameBytes === undefined ? name : Buffer.from(nameBytes, 'hex'));
      assert.ok(existsSync(path), `${name} ${nameBytes ?? ''}`);
    }
    for (const name of names)
      assert.equal(
        readFileSync(joinPath(house.root.outgoing, 'a', Buffer.from(name, 'latin1'))).toString('latin1'),
        Buffer.from(name).toString('latin1'),
      );
  });

  test('keys: none delivers the documents themselves', async (t) => {
    const house = (await IntakeHouse.open(t)).with({ root: { keys: [] } });
    const batch = await archivedBatch(house, 'a', { x: 'x' });
    assert.deepEqual(await drive(house, batch.id), { kind: 'done' });
    assert.deepEqual(
      announced(house, 'a')
        ?.files.map(({ name }) => name)
        .sort(),
      ['batch-report.json', 'x'],
    );
  });

  test('outgoing is never merged or overwritten, nor are done and failed', async (t) => {
    const house = (await IntakeHouse.open(t)).with({ root: rest });
    const batch = await archivedBatch(house, 'a', { x: 'x', 'y.bad': 'y' });
    for (const tree of [house.root.outgoing, house.root.done, house.root.failed]) {
      mkdirSync(join(tree, 'a'));
      writeFileSync(join(tree, 'a/theirs'), 'theirs');
    }
    const waiting = await drive(house, batch.id);
    assert.equal(waiting.kind, 'wait');
    assert.deepEqual(house.tree(join(house.root.outgoing, 'a')), ['theirs']);
    rmSync(join(house.root.outgoing, 'a'), { recursive: true });
    assert.deepEqual(await drive(house, batch.id), { kind: 'done' });
    assert.ok(announced(house, 'a'));
    assert.deepEqual(house.tree(house.root.done), ['a/', 'a/theirs', 'a~2/', 'a~2/APPROVED', 'a~2/x']);
    assert.deepEqual(house.tree(house.root.failed), ['a/', 'a/theirs', 'a~2/', 'a~2/FAILED', 'a~2/error.json', 'a~2/y.bad']);
  });

  test('somebody wipes our own directory between staging and release: the output is made again', async (t) => {
    const house = await IntakeHouse.open(t);
    const batch = await archivedBatch(house, 'a', { x: 'x' });
    assert.deepEqual(await stageOutput(house.fx, deliveryOf(house), batch), { kind: 'done' });
    await house.fx.store.advance(batch.id, 'archived', 'staged');
    rmSync(join(house.root.path, '.sealtree/outgoing'), { recursive: true });
    assert.deepEqual(await drive(house, batch.id), { kind: 'done' });
    assert.ok(announced(house, 'a'));
    assert.deepEqual(leftovers(house), []);
  });

  test('an empty directory in outgoing is not replaced silently either', async (t) => {
    const house = await IntakeHouse.open(t);
    const batch = await archivedBatch(house, 'a', { x: 'x' });
    mkdirSync(join(house.root.outgoing, 'a'));
    assert.equal((await drive(house, batch.id)).kind, 'wait');
  });

  test('a private copy that changed is not delivered', async (t) => {
    const house = await IntakeHouse.open(t);
    const batch = await archivedBatch(house, 'a', { 'x.pdf': 'x' });
    writeFileSync(spoolFile(house.config.dataDir, batch.id, 0), 'X');
    const result = await drive(house, batch.id);
    assert.equal(result.kind, 'refused');
    assert.equal(existsSync(join(house.root.outgoing, 'a')), false);
  });

  test('names that the file system of outgoing cannot tell apart end in failed/, with the reason', async (t) => {
    const house = await IntakeHouse.open(t);
    const batch = await archivedBatch(house, 'a', { 'x.pdf': 'x', 'X.pdf': 'X' });
    const result = await drive(house, batch.id, failing(house.fx.files, { method: 'assemble', nth: 2, errno: 'EEXIST' }));
    assert.equal(result.kind === 'refused' && result.error.code, 'SEAL-DOC-NAME');
  });

  test('retention removes originals when their time is over, and nothing else', async (t) => {
    const house = (await IntakeHouse.open(t)).with({ root: { retention: 86_400_000 } });
    for (const path of ['a', 'b/c']) await drive(house, (await archivedBatch(house, path, { x: path })).id);
    mkdirSync(join(house.root.done, 'theirs'));
    assert.equal(await retireOriginals(house.fx, deliveryOf(house)), 0);
    await house.clock.advance(86_400_001);
    assert.equal(await retireOriginals(house.fx, deliveryOf(house.with({ root: { retention: 2 * 86_400_000 } }))), 0);
    assert.equal(await retireOriginals(house.fx, deliveryOf(house)), 2);
    assert.deepEqual(
      house.tree(house.root.done).filter((file) => !file.startsWith('b')),
      ['theirs/'],
    );
    assert.equal(existsSync(join(house.root.done, 'b/c')), false);
    assert.equal(await retireOriginals(house.fx, deliveryOf(house)), 0);
  });

  test('originals of a later batch at the same path do not go before their time', async (t) => {
    const house = (await IntakeHouse.open(t)).with({ root: { retention: 86_400_000 } });
    await drive(house, (await archivedBatch(house, 'a', { x: '1' })).id);
    rmSync(join(house.root.done, 'a'), { recursive: true });
    rmSync(join(house.root.outgoing, 'a'), { recursive: true });
    await house.clock.advance(86_000_000);
    await drive(house, (await archivedBatch(house, 'a', { x: '2' })).id);
    await house.clock.advance(500_000);
    await retireOriginals(house.fx, deliveryOf(house));
    assert.ok(existsSync(join(house.root.done, 'a/x')));
  });
});

suite('a whole batch that failed', () => {
  async function failed(house: IntakeHouse, path: string, files: Readonly<Record<string, string>>): Promise<string> {
    house.place(path, files);
    const batch = await house.claimed(path);
    const error = new SealError('SEAL-BATCH-EMPTY', 'nothing in it', { hint: 'put something in' }).toJSON();
    await house.fx.store.advance(batch.id, 'claimed', 'failing', { error });
    return batch.id;
  }

  test('goes to failed/ with all its bytes; documents called like our own files stay beside them', async (t) => {
    const house = await IntakeHouse.open(t);
    const id = await failed(house, 'd/a', { x: 'x', 'error.json': 'theirs', FAILED: 'theirs' });
    symlinkSync('/etc/passwd', join(house.root.path, '.sealtree/claimed', id, 'link'));
    assert.equal(spawnSync('mkfifo', [join(house.root.path, '.sealtree/claimed', id, 'fifo')]).status, 0);
    assert.deepEqual(await drive(house, id), { kind: 'done' });
    const place = join(house.root.failed, 'd/a');
    const contents = house.tree(place);
    for (const name of ['APPROVED', 'x', 'link', 'fifo']) assert.ok(contents.includes(name), name);
    const texts = contents.filter((name) => /error\.json|FAILED/.test(name)).map((name) => readFileSync(join(place, name), 'utf8'));
    assert.equal(texts.filter((text) => text === 'theirs').length, 2);
    assert.equal(texts.filter((text) => text.includes(id)).length, 2);
    assert.deepEqual(leftovers(house), []);
  });

  test('killed at any change: it ends in failed/ once, whole, with its reason', async (t) => {
    const house = await IntakeHouse.open(t);
    for (const when of ['before', 'after'] as const) {
      for (let nth = 1; ; nth++) {
        const path = `${when}-${nth}`;
        const id = await failed(house, path, { x: 'x' });
        const files = killedAt(house.fx.files, nth, when);
        await drive(house, id, files).catch(expectKill);
        await files.idle();
        if (files.changes() < nth) break;
        assert.deepEqual(await drive(house, id), { kind: 'done' });
        assert.deepEqual(house.tree(join(house.root.failed, path)), ['APPROVED', 'FAILED', 'error.json', 'x'], `killed ${when} ${nth}`);
        assert.equal(existsSync(join(house.root.failed, `${path}~2`)), false);
        assert.deepEqual(leftovers(house), []);
        assert.ok(nth < 100);
      }
    }
  });
});

function expectKill(thrown: unknown): void {
  if (!(thrown instanceof Killed) && !String(thrown).includes('killed')) throw thrown;
}

/** Kills the delivery at every change, goes on with a new process, and looks at everything that outsiders see, at the kill and at the end. */
async function killEverywhere(t: TestContext, house: IntakeHouse): Promise<void> {
  for (const when of ['before', 'after'] as const) {
    for (let nth = 1; ; nth++) {
      const path = `${when}-${nth}`;
      const batch = await archivedBatch(house, path, { x: 'x', 'd/y.pdf': 'y', 'z.bad': 'z' });
      const files = killedAt(house.fx.files, nth, when);
      await drive(house, batch.id, files).catch(expectKill);
      await files.idle();
      announced(house, path);
      // A call that failed by itself cannot be killed after it.
      if (files.changes() < nth) {
        t.diagnostic(`${nth - 1} kills ${when} a change`);
        break;
      }
      assert.deepEqual(await drive(house, batch.id), { kind: 'done' }, path);
      assert.ok(announced(house, path), path);
      assert.deepEqual(house.tree(join(house.root.done, path)), ['APPROVED', 'd/', 'd/y.pdf', 'x'], path);
      assert.deepEqual(house.tree(join(house.root.failed, path)), ['FAILED', 'error.json', 'z.bad'], path);
      for (const tree of [house.root.done, house.root.failed])
        assert.equal(existsSync(join(tree, `${path}~2`)), false, `${path}: twice in ${tree}`);
      assert.equal(existsSync(spoolDirectory(house.config.dataDir, batch.id)), false, path);
      assert.deepEqual(leftovers(house), [], path);
      assert.ok(nth < 200);
    }
  }
}

suite('killed at any change of the file system', () => {
  test('every batch is delivered once, and READY never stands beside half an output', async (t) => {
    await killEverywhere(t, (await IntakeHouse.open(t)).with({ root: rest }));
  });

  test('the same with outgoing, done and failed on another file system', sharedMemory, async (t) => {
    const other = temporaryDirectory(t, '/dev/shm');
    const house = await IntakeHouse.open(t);
    const trees = { outgoing: join(other, 'outgoing'), done: join(other, 'done'), failed: join(other, 'failed') };
    for (const tree of Object.values(trees)) mkdirSync(tree);
    await killEverywhere(t, house.with({ root: { ...rest, ...trees } }));
  });

  test('a consumer that takes the output at once finds nothing made again', async (t) => {
    const house = await IntakeHouse.open(t);
    for (const when of ['before', 'after'] as const) {
      for (let nth = 1; ; nth++) {
        const path = `${when}-${nth}`;
        const batch = await archivedBatch(house, path, { x: 'x' });
        const files = killedAt(house.fx.files, nth, when);
        await drive(house, batch.id, files).catch(expectKill);
        await files.idle();
        if (files.changes() < nth) break;
        const taken = announced(house, path) !== undefined;
        if (taken) rmSync(join(house.root.outgoing, path), { recursive: true });
        assert.deepEqual(await drive(house, batch.id), { kind: 'done' });
        assert.equal(existsSync(join(house.root.outgoing, path)), !taken, path);
      }
    }
  });
});

test('every call failing once: what can be tried again ends in one delivery', async (t) => {
  const house = (await IntakeHouse.open(t)).with({ root: rest });
  for (const errno of ['ENOSPC', 'EIO']) {
    for (const method of [
      'assemble',
      'create',
      'makeDirectory',
      'rename',
      'remove',
      'syncTree',
      'writeDurable',
      'claimDurable',
      'stat',
    ] as const) {
      const path = `${errno}-${method}`;
      const batch = await archivedBatch(house, path, { x: 'x', 'd/y.pdf': 'y', 'z.bad': 'z' });
      for (let nth = 1; nth < 60; nth++) {
        const outcome = await drive(house, batch.id, failing(house.fx.files, { method, nth, errno })).catch((thrown: unknown) => thrown);
        if ((await house.batch(batch.id)).state === 'delivered') break;
        assert.ok(outcome instanceof SealError && outcome.retryable, `${path} ${nth}: ${String(outcome)}`);
        announced(house, path);
      }
      await drive(house, batch.id);
      assert.ok(announced(house, path), path);
      assert.deepEqual(house.tree(join(house.root.done, path)), ['APPROVED', 'd/', 'd/y.pdf', 'x'], path);
      assert.deepEqual(house.tree(join(house.root.failed, path)), ['FAILED', 'error.json', 'z.bad'], path);
    }
  }
});
