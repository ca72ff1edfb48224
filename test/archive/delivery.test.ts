import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { suite, test, type TestContext } from 'node:test';
import { failBatch, fileOriginals, releaseOutput, retireOriginals, stageOutput } from '../../src/archive/outgoing.ts';
import { SealError } from '../../src/errors.ts';
import type { Batch } from '../../src/model/batch.ts';
import type { Files } from '../../src/ports/files.ts';
import { retry } from '../../src/watcher/intake.ts';
import { announced, archivedBatch, deliveryOf, drive } from '../support/delivery.ts';
import { temporaryDirectory } from '../support/files.ts';
import { IntakeHouse } from '../support/intake.ts';
import { sharedMemory } from '../support/tools.ts';

const rest = { onError: 'deliverRest' } as const;
const broken = new SealError('SEAL-BATCH-EMPTY', 'nothing in it', { hint: 'put something in' }).toJSON();

/** outgoing, failed and done on another file system. */
async function apart(t: TestContext): Promise<IntakeHouse> {
  const house = await IntakeHouse.open(t);
  const other = temporaryDirectory(t, '/dev/shm');
  const trees = { outgoing: join(other, 'outgoing'), failed: join(other, 'failed'), done: join(other, 'done') };
  for (const tree of Object.values(trees)) mkdirSync(tree);
  return house.with({ root: { ...rest, ...trees } });
}

/** Files for which a tree is a file system of its own. */
function withMount(files: Files, tree: string): Files {
  return {
    ...files,
    stat: async (path) => {
      const info = await files.stat(path);
      return info !== undefined && path.toString() === tree ? { ...info, device: 'other' } : info;
    },
  };
}

async function failing(house: IntakeHouse, path: string, files: Readonly<Record<string, string>>): Promise<Batch> {
  house.place(path, files);
  const { id } = await house.claimed(path);
  await house.fx.store.advance(id, 'claimed', 'failing', { error: broken });
  return await house.batch(id);
}

suite('a file system that is not there', () => {
  test('outgoing left empty by a missing mount: nothing goes to a place that nobody sees', async (t) => {
    const house = await IntakeHouse.open(t);
    const mounted = house.with({ fx: { files: withMount(house.fx.files, house.root.outgoing) } });
    const batch = await archivedBatch(mounted, 'a', { x: 'x' });
    assert.deepEqual(await stageOutput(mounted.fx, deliveryOf(mounted), batch), { kind: 'done' });
    const elsewhere = `${house.root.outgoing}.elsewhere`;
    renameSync(house.root.outgoing, elsewhere);
    mkdirSync(house.root.outgoing);
    for (const step of [stageOutput, releaseOutput])
      await assert.rejects(step(house.fx, deliveryOf(house), batch), (error: SealError) => {
        assert.equal(error.code, 'SEAL-ROOT-UNUSABLE');
        assert.match(error.hint ?? '', /mount it.*remove .*apart-outgoing/);
        return error.retryable;
      });
    assert.deepEqual(house.tree(house.root.outgoing), []);
    rmSync(house.root.outgoing, { recursive: true });
    renameSync(elsewhere, house.root.outgoing);
    assert.deepEqual(await releaseOutput(mounted.fx, deliveryOf(mounted), batch), { kind: 'done' });
    assert.ok(announced(house, 'a'));
  });

  test('that an outgoing shall lie on the root’s file system from now on can be said', async (t) => {
    const house = await IntakeHouse.open(t);
    const mounted = house.with({ fx: { files: withMount(house.fx.files, house.root.outgoing) } });
    const batch = await archivedBatch(mounted, 'a', { x: 'x' });
    await stageOutput(mounted.fx, deliveryOf(mounted), batch);
    await assert.rejects(releaseOutput(house.fx, deliveryOf(house), batch));
    rmSync(join(house.root.path, '.sealtree/apart-outgoing'));
    assert.deepEqual(await releaseOutput(house.fx, deliveryOf(house), batch), { kind: 'done' });
    assert.ok(announced(house, 'a'), 'it is made again');
  });

  test('a root that is gone: its originals are not taken for filed', async (t) => {
    const house = await IntakeHouse.open(t);
    const batch = await archivedBatch(house, 'a', { x: 'x' });
    const failed = await failing(house, 'b', { x: 'x' });
    renameSync(house.root.path, `${house.root.path}.elsewhere`);
    mkdirSync(house.root.path);
    await assert.rejects(fileOriginals(house.fx, deliveryOf(house), batch, 'none'), { code: 'SEAL-ROOT-UNUSABLE' });
    await assert.rejects(failBatch(house.fx, deliveryOf(house), failed), { code: 'SEAL-ROOT-UNUSABLE' });
    assert.deepEqual(house.tree(house.root.path), []);
    rmSync(house.root.path, { recursive: true });
    renameSync(`${house.root.path}.elsewhere`, house.root.path);
    assert.deepEqual(await fileOriginals(house.fx, deliveryOf(house), batch, 'none'), { kind: 'done' });
    assert.deepEqual(await drive(house, failed.id), { kind: 'done' });
    assert.ok(existsSync(join(house.root.done, 'a/x')));
    assert.ok(existsSync(join(house.root.failed, 'b/FAILED')));
  });

  test('retention waits for a done that is not there, and forgets nothing', async (t) => {
    const house = (await IntakeHouse.open(t)).with({ root: { retention: 1_000 } });
    const mounted = house.with({ fx: { files: withMount(house.fx.files, house.root.done) } });
    const batch = await archivedBatch(mounted, 'a', { x: 'x' });
    await drive(mounted, batch.id, mounted.fx.files);
    await house.clock.advance(2_000);
    renameSync(house.root.done, `${house.root.done}.elsewhere`);
    mkdirSync(house.root.done);
    await assert.rejects(retireOriginals(house.fx, deliveryOf(house)), { code: 'SEAL-ROOT-UNUSABLE' });
    rmSync(house.root.done, { recursive: true });
    renameSync(`${house.root.done}.elsewhere`, house.root.done);
    assert.equal(await retireOriginals(mounted.fx, deliveryOf(mounted)), 1);
    assert.equal(existsSync(join(house.root.done, 'a')), false);
  });
});

suite('release after a kill', () => {
  test('READY does not go into another batch that took the place of ours', async (t) => {
    const house = await IntakeHouse.open(t);
    const batch = await archivedBatch(house, 'a', { x: 'x' });
    await stageOutput(house.fx, deliveryOf(house), batch);
    // Killed between the two renames; a consumer took the directory; another output came to its place.
    const desk = join(house.root.path, '.sealtree/outgoing', batch.id);
    const target = join(house.root.outgoing, 'a');
    renameSync(join(desk, 'batch'), target);
    rmSync(target, { recursive: true });
    mkdirSync(target);
    writeFileSync(join(target, 'batch-report.json'), '{\n  "batch": "another",\n');
    assert.deepEqual(await releaseOutput(house.fx, deliveryOf(house), batch), { kind: 'done' });
    assert.deepEqual(house.tree(target), ['batch-report.json']);
  });

  test('the name of the output is on disk before READY is, whichever process renamed it', async (t) => {
    const house = await IntakeHouse.open(t);
    const batch = await archivedBatch(house, 'd/a', { x: 'x' });
    await stageOutput(house.fx, deliveryOf(house), batch);
    mkdirSync(join(house.root.outgoing, 'd'));
    renameSync(join(house.root.path, '.sealtree/outgoing', batch.id, 'batch'), join(house.root.outgoing, 'd/a'));
    const order: string[] = [];
    const files: Files = {
      ...house.fx.files,
      syncDirectory: async (path) => {
        order.push(`sync ${path.toString()}`);
        await house.fx.files.syncDirectory(path);
      },
      rename: async (from, to) => {
        order.push(`rename ${to.toString()}`);
        await house.fx.files.rename(from, to);
      },
    };
    await releaseOutput({ ...house.fx, files }, deliveryOf(house), batch);
    assert.deepEqual(order, [`sync ${house.root.outgoing}/d`, `rename ${house.root.outgoing}/d/a/READY`]);
  });

  test('what is not verified, or not signed in a batch with keys, is never delivered', async (t) => {
    const house = await IntakeHouse.open(t);
    const batch = await archivedBatch(house, 'a', { x: 'x' });
    const store = (state: 'signed' | 'verified', signed: boolean) => ({
      ...house.fx.store,
      documents: async (...args: Parameters<typeof house.fx.store.documents>) => {
        const all = await house.fx.store.documents(...args);
        return all.map(({ signature, ...document }) => ({ ...document, state, ...(signed && signature ? { signature } : {}) }));
      },
    });
    for (const faulty of [store('signed', true), store('verified', false)])
      await assert.rejects(stageOutput({ ...house.fx, store: faulty }, deliveryOf(house), batch), { code: 'SEAL-INTERNAL' });
    assert.deepEqual(house.tree(house.root.outgoing), []);
  });
});

suite('across file systems', () => {
  test('rights and links are kept, and links are not followed', sharedMemory, async (t) => {
    const house = await apart(t);
    const secret = join(house.root.path, 'secret');
    writeFileSync(secret, 'not for us');
    house.place('a', { x: 'x', 'd/y': 'y', 'z.bad': 'z' });
    const claimed = join(house.root.incoming, 'a');
    symlinkSync(secret, join(claimed, 'link'));
    symlinkSync('/nowhere', join(claimed, 'd/Thumbs.db'));
    assert.equal(spawnSync('mkfifo', [join(claimed, 'Thumbs.db')]).status, 0);
    chmodSync(join(claimed, 'x'), 0o640);
    chmodSync(join(claimed, 'z.bad'), 0o600);
    chmodSync(join(claimed, 'd'), 0o750);
    const batch = await archivedBatch(house, 'a', {});
    assert.deepEqual(await drive(house, batch.id), { kind: 'done' });
    const [failed, done] = [join(house.root.failed, 'a'), join(house.root.done, 'a')];
    assert.deepEqual(house.tree(failed), ['FAILED', 'error.json', 'link', 'z.bad']);
    assert.equal(readlinkSync(join(failed, 'link')), secret);
    assert.deepEqual(house.tree(done), ['APPROVED', 'd/', 'd/Thumbs.db', 'd/y', 'x']);
    assert.ok(lstatSync(join(done, 'd/Thumbs.db')).isSymbolicLink());
    assert.deepEqual(
      [join(done, 'x'), join(failed, 'z.bad'), join(done, 'd')].map((path) => statSync(path).mode & 0o777),
      [0o640, 0o600, 0o750],
    );
    assert.equal(existsSync(join(house.root.path, '.sealtree/claimed', batch.id)), false);
  });

  test('names of 255 bytes are moved too', sharedMemory, async (t) => {
    const house = await apart(t);
    const name = `${'n'.repeat(251)}.bad`;
    const batch = await archivedBatch(house, 'a', { x: 'x', [name]: 'z' });
    assert.deepEqual(await drive(house, batch.id), { kind: 'done' });
    assert.equal(readFileSync(join(house.root.failed, 'a', name), 'utf8'), 'z');
  });
});

suite('batches inside of others', () => {
  test('no batch lies in the directory of another one below failed, and each is found for its retry', async (t) => {
    const house = await IntakeHouse.open(t);
    const outer = await failing(house, 'scan', { x: 'x' });
    await drive(house, outer.id);
    const inner = await failing(house, 'scan/day/0001', { y: 'y' });
    await drive(house, inner.id);
    assert.deepEqual(house.tree(join(house.root.failed, 'scan')), ['APPROVED', 'FAILED', 'error.json', 'x']);
    assert.ok(existsSync(join(house.root.failed, 'scan~2/day/0001/y')));
    const [of, at] = [await house.batch(inner.id), await house.batch(outer.id)];
    const inside = join(house.root.path, '.sealtree/claimed', await retry(house.fx, house.root, of, { again: false }));
    assert.deepEqual(house.tree(inside), ['APPROVED', 'y']);
    const outside = join(house.root.path, '.sealtree/claimed', await retry(house.fx, house.root, at, { again: false }));
    assert.deepEqual(house.tree(outside), ['APPROVED', 'x']);
  });

  test('the retention of one batch does not end that of another below it', async (t) => {
    const house = (await IntakeHouse.open(t)).with({ root: { retention: 10_000 } });
    await drive(house, (await archivedBatch(house, 'scan', { x: 'x' })).id);
    rmSync(join(house.root.outgoing, 'scan'), { recursive: true });
    await house.clock.advance(9_000);
    await drive(house, (await archivedBatch(house, 'scan/0001', { y: 'y' })).id);
    await house.clock.advance(2_000);
    assert.equal(await retireOriginals(house.fx, deliveryOf(house)), 1);
    assert.deepEqual(
      house.tree(house.root.done).filter((path) => !path.endsWith('/')),
      ['scan~2/0001/APPROVED', 'scan~2/0001/y'],
    );
  });
});

suite('error.json', () => {
  test('is valid JSON whatever the names are, and leads to the files', async (t) => {
    const house = await IntakeHouse.open(t);
    const names = ['line\nbreak.bad', 'quote".bad', 'back\\slash.bad', '\xff.bad', Buffer.from('\u202egnp.bad').toString('latin1')];
    const outer = Buffer.from('täg\u202e').toString('latin1');
    house.place(Buffer.from(outer, 'latin1').toString(), Object.fromEntries(names.map((name) => [name, 'x'])));
    const batch = await archivedBatch(house.with({ root: rest }), Buffer.from(outer, 'latin1').toString(), { good: 'x' });
    await drive(house.with({ root: rest }), batch.id);
    const place = join(house.root.failed, 'täg\u202e');
    const text = readFileSync(join(place, 'error.json'), 'utf8');
    assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/, 'it cannot redraw a terminal');
    const error = JSON.parse(text) as { path: string; documents: { document: string; nameBytes?: string; remedy: string }[] };
    assert.equal(error.path, 'täg\u202e');
    assert.equal(error.documents.length, names.length);
    for (const { document, nameBytes } of error.documents) {
      const name = nameBytes === undefined ? Buffer.from(document) : Buffer.from(nameBytes, 'hex');
      assert.ok(existsSync(Buffer.concat([Buffer.from(`${place}/`), name])), document);
    }
  });

  test('of several pages of failed documents is one valid file', async (t) => {
    const house = (await IntakeHouse.open(t)).with({ root: rest });
    const files = Object.fromEntries(Array.from({ length: 401 }, (_, n) => [`${n}.bad`, '']));
    const batch = await archivedBatch(house, 'a', { '0.good': 'x', ...files });
    assert.deepEqual(await drive(house, batch.id), { kind: 'done' });
    const place = join(house.root.failed, 'a');
    const error = JSON.parse(readFileSync(join(place, 'error.json'), 'utf8')) as { documents: { document: string }[]; document?: string };
    assert.deepEqual([new Set(error.documents.map(({ document }) => document)).size, error.document], [401, undefined]);
    assert.deepEqual(
      house.tree(place).filter((path) => !path.endsWith('.bad')),
      ['FAILED', 'error.json'],
    );
  });
});
