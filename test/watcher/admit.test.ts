import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { SealError, type ErrorCode } from '../../src/errors.ts';
import type { Batch } from '../../src/model/batch.ts';
import type { StepResult } from '../../src/model/step.ts';
import { admit, retry, spool } from '../../src/watcher/intake.ts';
import { IntakeHouse } from '../support/intake.ts';

async function spooled(house: IntakeHouse, path: string): Promise<Batch> {
  const batch = await house.claimed(path);
  const result = await spool(house.fx, house.config, house.root, batch);
  assert.equal(result.kind, 'done', JSON.stringify(result));
  return await house.batch(batch.id);
}

async function admitted(house: IntakeHouse, batch: Batch): Promise<StepResult> {
  return await admit(house.fx, house.config, house.root, await house.batch(batch.id));
}

/** Takes a batch to its end in the database, as the runner does. */
async function deliver(house: IntakeHouse, batch: Batch): Promise<void> {
  const way = ['spooled', 'admitted', 'signed', 'archived', 'staged', 'released', 'delivered'] as const;
  for (const [n, from] of way.entries()) {
    const to = way[n + 1];
    if (to) await house.fx.store.advance(batch.id, from, to);
  }
}

function refused(result: StepResult, code: ErrorCode): string {
  assert.equal(result.kind, 'refused', JSON.stringify(result));
  assert.equal(result.error.code, code);
  return result.error.message;
}

function waits(result: StepResult, code: ErrorCode): void {
  assert.equal(result.kind, 'wait', JSON.stringify(result));
  assert.equal(result.reason.code, code);
}

const failures = async (house: IntakeHouse, batch: Batch): Promise<string[]> =>
  (await house.documents(batch.id)).flatMap(({ relPath, error }) =>
    error === undefined ? [] : [`${relPath.toString('latin1')} ${error.code}`],
  );

suite('names of the output', () => {
  const cases: Readonly<
    Record<
      string,
      { readonly files: readonly string[]; readonly bad: readonly string[]; readonly profile?: string; readonly unsigned?: true }
    >
  > = {
    'ordinary ones': { files: ['a', 'b.pdf', 'd/a'], bad: [] },
    'too long with .p7s': { files: ['x'.repeat(251), 'y'.repeat(252)], bad: ['y'.repeat(252)] },
    'a document and the signature of another': { files: ['a', 'a.p7s'], bad: ['a', 'a.p7s'] },
    'a directory where a signature belongs': { files: ['a', 'a.p7s/b'], bad: ['a', 'a.p7s/b'] },
    'our own files': {
      files: ['batch-report.json', 'd/batch-report.json', 'READY', 'error.json', 'a'],
      bad: ['READY', 'batch-report.json', 'error.json'],
    },
    'auto: a PDF keeps its name, so nothing collides': { files: ['a.pdf', 'a.pdf.p7s'], bad: [], profile: 'auto' },
    'auto: something else gets a signature beside it': { files: ['a.txt', 'a.txt.p7s'], bad: ['a.txt', 'a.txt.p7s'], profile: 'auto' },
    'auto: a long name of a PDF is none too many': {
      files: [`${'x'.repeat(250)}.pdf`, `${'y'.repeat(250)}.txt`],
      bad: [`${'y'.repeat(250)}.txt`],
      profile: 'auto',
    },
    'unsigned documents keep their names': { files: ['a', 'a.p7s', 'x'.repeat(255)], bad: [], unsigned: true },
  };
  for (const [name, { files, bad, profile = 'seal', unsigned }] of Object.entries(cases)) {
    test(name, async (t) => {
      const house = (await IntakeHouse.open(t)).with({ root: { profile, onError: 'deliverRest', ...(unsigned ? { keys: [] } : {}) } });
      house.place('batch', Object.fromEntries(['ok', ...files].map((file) => [file, file.endsWith('.pdf') ? '%PDF-1.7 …' : file])));
      const batch = await spooled(house, 'batch');
      assert.deepEqual(await admitted(house, batch), { kind: 'done' });
      assert.deepEqual(await failures(house, batch), bad.map((file) => `${file} SEAL-DOC-NAME`).sort());
      const again = await admitted(house, batch);
      assert.deepEqual(again, { kind: 'done' }, 'the step may run twice');
    });
  }

  test('failBatch: the batch is refused before a signature is spent, with the first reason', async (t) => {
    const house = await IntakeHouse.open(t);
    house.place('one', { a: 'a', READY: 'x' });
    assert.match(refused(await admitted(house, await spooled(house, 'one')), 'SEAL-DOC-NAME'), /READY/);
    house.place('two', { a: 'a', 'a.p7s': 'x' });
    assert.match(refused(await admitted(house, await spooled(house, 'two')), 'SEAL-DOC-NAME'), /2 of 2/);
  });

  test('deliverRest with nothing left to deliver is refused', async (t) => {
    const house = (await IntakeHouse.open(t)).with({ root: { onError: 'deliverRest' } });
    house.place('one', { READY: 'x' });
    refused(await admitted(house, await spooled(house, 'one')), 'SEAL-DOC-NAME');
  });
});

suite('duplicates', () => {
  test('the same path with the same documents names the earlier batch; a retry by an operator goes through', async (t) => {
    const house = await IntakeHouse.open(t);
    house.place('a', { x: 'x', 'd/y': 'y' });
    const first = await spooled(house, 'a');
    await deliver(house, first);
    house.place('a', { x: 'x', 'd/y': 'y' });
    const second = await spooled(house, 'a');
    assert.match(refused(await admitted(house, second), 'SEAL-BATCH-DUPLICATE'), new RegExp(first.id));
    assert.equal((await admit(house.fx, house.config, house.root, { ...(await house.batch(second.id)), partOf: first.id })).kind, 'done');
  });

  test('another path, another name, another content, one document more: no duplicates', async (t) => {
    const house = await IntakeHouse.open(t);
    house.place('a', { x: 'x', y: 'y' });
    await deliver(house, await spooled(house, 'a'));
    const others: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
      ['b', { x: 'x', y: 'y' }],
      ['a', { x: 'x', z: 'y' }],
      ['a', { x: 'x', y: 'Y' }],
      ['a', { x: 'x', y: 'y', z: 'z' }],
      ['a', { x: 'x' }],
    ];
    for (const [path, files] of others) {
      await house.clock.advance(1_000);
      house.place(path, files);
      const batch = await spooled(house, path);
      assert.deepEqual(await admitted(house, batch), { kind: 'done' });
    }
  });
});

suite('the place of the output', () => {
  test('wait: until the earlier output is gone, and until another batch on its way has come and gone', async (t) => {
    const house = await IntakeHouse.open(t);
    mkdirSync(join(house.root.outgoing, 'a'));
    house.place('a', { x: 'x' });
    const first = await spooled(house, 'a');
    waits(await admitted(house, first), 'SEAL-BATCH-STATE');
    renameSync(join(house.root.outgoing, 'a'), join(house.root.outgoing, 'collected'));
    assert.deepEqual(await admitted(house, first), { kind: 'done' });
    await house.fx.store.advance(first.id, 'spooled', 'admitted');
    house.place('a', { x: 'other' });
    waits(await admitted(house, await spooled(house, 'a')), 'SEAL-BATCH-STATE');
  });

  test('number: the next free one, also past batches that are on their way', async (t) => {
    const house = (await IntakeHouse.open(t)).with({ root: { onExisting: 'number' } });
    mkdirSync(join(house.root.outgoing, 'd/a'), { recursive: true });
    const paths: string[] = [];
    for (const content of ['1', '2', '3']) {
      house.place('d/a', { x: content });
      const batch = await spooled(house, 'd/a');
      assert.deepEqual(await admitted(house, batch), { kind: 'done' });
      paths.push((await house.batch(batch.id)).outPath.toString());
      await house.fx.store.advance(batch.id, 'spooled', 'admitted');
    }
    assert.deepEqual(paths, ['d/a~2', 'd/a~3', 'd/a~4']);
  });

  test('never inside the output of another batch, nor above one', async (t) => {
    const house = await IntakeHouse.open(t);
    mkdirSync(join(house.root.outgoing, 'a'));
    writeFileSync(join(house.root.outgoing, 'a/READY'), '{}');
    writeFileSync(join(house.root.outgoing, 'file'), '');
    for (const path of ['a/b', 'file/b']) {
      house.place(path, { x: path });
      waits(await admitted(house, await spooled(house, path)), 'SEAL-BATCH-STATE');
    }
    const numbering = house.with({ root: { onExisting: 'number' } });
    house.place('a/c', { x: 'c' });
    const batch = await spooled(house, 'a/c');
    assert.deepEqual(await admitted(numbering, batch), { kind: 'done' });
    assert.equal((await house.batch(batch.id)).outPath.toString(), 'a~2/c');

    house.place('up/down', { x: 'x' });
    const inner = await spooled(house, 'up/down');
    await house.fx.store.advance(inner.id, 'spooled', 'admitted');
    house.place('up', { x: 'x' });
    waits(await admitted(house, await spooled(house, 'up')), 'SEAL-BATCH-STATE');
  });
});

test('minFree holds on every file system, with the room that the batch needs itself', async (t) => {
  const house = await IntakeHouse.open(t);
  house.place('a', { x: Buffer.alloc(1 << 20) });
  const batch = await spooled(house, 'a');
  const files = { ...house.fx.files, space: () => Promise.resolve({ freeBytes: (2 << 20) + 1000, totalBytes: 1e9, freeInodes: 1e6 }) };
  waits(await admitted(house.with({ fx: { files } }), batch), 'SEAL-DISK-FULL');
  const noInodes = { ...house.fx.files, space: () => Promise.resolve({ freeBytes: 1e12, totalBytes: 1e12, freeInodes: 60 }) };
  waits(await admitted(house.with({ fx: { files: noInodes } }), batch), 'SEAL-DISK-FULL');
  assert.deepEqual(await admitted(house, batch), { kind: 'done' });
});

suite('retry', () => {
  /** What `fail` leaves: the claimed tree below failed/, with our two files. */
  async function failed(house: IntakeHouse, path: string, target = path): Promise<Batch> {
    const batch = await house.claimed(path);
    const error = new SealError('SEAL-DOC-DAMAGED', 'broken').toJSON();
    await house.fx.store.advance(batch.id, 'claimed', 'failing', { error });
    await house.fx.store.advance(batch.id, 'failing', 'failed');
    const place = join(house.root.failed, target);
    mkdirSync(join(place, '..'), { recursive: true });
    renameSync(join(house.root.path, '.sealtree/claimed', batch.id), place);
    writeFileSync(join(place, 'error.json'), JSON.stringify({ batch: batch.id }));
    writeFileSync(join(place, 'FAILED'), JSON.stringify({ batch: batch.id }));
    return await house.batch(batch.id);
  }

  test('the documents come back under a new id; our two files are no documents', async (t) => {
    const house = await IntakeHouse.open(t);
    house.place('a', { x: 'x', 'error.json': 'theirs' }, 'priority: 3');
    mkdirSync(join(house.root.failed, 'a~2'), { recursive: true });
    mkdirSync(join(house.root.failed, 'a'), { recursive: true });
    const batch = await failed(house, 'a', 'a~3');
    renameSync(join(house.root.failed, 'a~3/error.json'), join(house.root.failed, 'a~3/error.json~2'));
    writeFileSync(join(house.root.failed, 'a~3/error.json'), 'theirs');
    await house.clock.advance(1_000);
    const id = await retry(house.fx, house.root, batch, { again: false });
    const fresh = await house.batch(id);
    assert.deepEqual([fresh.state, fresh.partOf, fresh.outPath.toString()], ['claimed', batch.id, 'a']);
    assert.equal((await spool(house.fx, house.config, house.root, fresh)).kind, 'done');
    assert.deepEqual(
      (await house.documents(id)).map(({ relPath }) => relPath.toString()),
      ['error.json', 'x'],
    );
    assert.deepEqual((await house.batch(id)).options, { priority: 3 });
    assert.equal(existsSync(join(house.root.failed, 'a~3')), false);
  });

  test('a semaphore that was refused is refused again until it is mended', async (t) => {
    const house = await IntakeHouse.open(t);
    house.place('a', { x: 'x' }, 'profile: secret');
    const batch = await failed(house, 'a');
    await house.clock.advance(1_000);
    const id = await retry(house.fx, house.root, batch, { again: false });
    refused(await spool(house.fx, house.config, house.root, await house.batch(id)), 'SEAL-BATCH-NOT-PERMITTED');
    writeFileSync(join(house.root.path, '.sealtree/claimed', id, 'APPROVED'), '');
    assert.equal((await spool(house.fx, house.config, house.root, await house.batch(id))).kind, 'done');
  });

  test('the remainder of a delivered batch gets a number; it needs no semaphore', async (t) => {
    const house = await IntakeHouse.open(t);
    house.place('a', { x: 'x' }, 'files: [x]');
    const batch = await failed(house, 'a');
    const { files } = house.fx;
    await files.remove(join(house.root.failed, 'a/APPROVED'));
    await house.clock.advance(1_000);
    const id = await retry(
      house.fx,
      house.root,
      { ...batch, state: 'delivered', failed: 1, options: { files: [{ name: 'x' }, { name: 'y' }] } },
      { again: false },
    );
    const remainder = await house.batch(id);
    assert.equal(remainder.outPath.toString(), 'a~2');
    assert.equal((await spool(house.fx, house.config, house.root, remainder)).kind, 'done');
  });

  test('nothing to retry, documents taken away, a duplicate without --again', async (t) => {
    const house = await IntakeHouse.open(t);
    house.place('a', { x: 'x' });
    const batch = await failed(house, 'a');
    await assert.rejects(retry(house.fx, house.root, { ...batch, state: 'delivered' }, { again: true }), { code: 'SEAL-BATCH-STATE' });
    const duplicate = { ...batch, error: new SealError('SEAL-BATCH-DUPLICATE', 'delivered as x').toJSON() };
    await assert.rejects(retry(house.fx, house.root, duplicate, { again: false }), { code: 'SEAL-BATCH-STATE' });
    renameSync(join(house.root.failed, 'a'), join(house.root.failed, 'taken'));
    await assert.rejects(retry(house.fx, house.root, batch, { again: true }), { code: 'SEAL-INPUT-MISSING' });
    assert.deepEqual(readdirSync(house.root.failed), ['taken']);
  });
});
