import assert from 'node:assert/strict';
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Closing } from '../../src/archive/closing.ts';
import { checkArchive } from '../../src/archive/check.ts';
import { leavesOfHash, recordsOfLeaf } from '../../src/archive/evidence.ts';
import type { ProducedRecord } from '../../src/archive/produced-record.ts';
import { recordsOfTree } from '../../src/archive/tree-records.ts';
import { rehashLinks } from '../../src/archive/rehash-own.ts';
import { rehashTrees } from '../../src/archive/rehash.ts';
import { fileTrees } from '../../src/archive/tile-keeping.ts';
import { levelsAbove } from '../../src/archive/tree.ts';
import { sha256 } from '../../src/formats/digests.ts';
import { parseEvidenceRecord } from '../../src/formats/ers.ts';
import { tileChecks } from '../../src/formats/tile-file.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { appendDocuments, documentHash, testArchive, type TestArchive } from '../support/archive.ts';
import { closeTree, recordsOf, renewingArchive, settle, verdict } from '../support/renewing.ts';
import type { Store } from '../../src/ports/store.ts';

const leaves = 5_000;
const names = Array.from({ length: leaves }, (_, n) => `${n}`);
const tree = '2026-11-22.1';

/** A tree that is large enough for files, anchored, its hashes still in rows. */
async function anchored(t: TestContext): Promise<TestArchive> {
  const archive = await testArchive(t, {}, Date.parse('2026-11-22T08:00:00Z'));
  await appendDocuments(archive, names);
  await new Closing(archive.fx, archive.settings).close('test');
  return archive;
}

/** Opened now: as a daemon that is started again. */
async function reader(t: TestContext, { file, clock }: TestArchive): Promise<Store> {
  const store = await openStore({ clock }, { file, readOnly: true });
  t.after(() => store.close());
  return store;
}

/** The reduced hash trees of a record, chain by chain. */
const pathsOf = (record: ProducedRecord | undefined): unknown =>
  parseEvidenceRecord(record?.der ?? Buffer.alloc(0)).chains.map((chain) => chain.timestamps.map(({ reducedHashtree }) => reducedHashtree));

async function record({ fx, settings }: TestArchive, name: string): Promise<Buffer> {
  const [leaf] = await leavesOfHash(fx, documentHash(name));
  assert.ok(leaf);
  const [made] = await recordsOfLeaf(fx, settings.trust, leaf);
  assert.ok(made);
  return made.der;
}

async function findings({ fx, settings }: TestArchive): Promise<string[]> {
  return (await checkArchive(fx, settings.trust)).findings.filter(({ severity }) => severity === 'damage').map(({ what }) => what);
}

void test('hashes of a large closed tree move into tile files: the same records, and anybody can read them', async (t) => {
  const archive = await anchored(t);
  const { fx, settings } = archive;
  const directory = dirname(archive.file);
  const before = await Promise.all(['0', '255', '256', '4999'].map((name) => record(archive, name)));
  const hashes = await fx.store.leafHashes(tree);
  await new Closing(fx, settings).tick();
  assert.deepEqual(await fx.store.treesInRows(9), []);
  assert.deepEqual(
    readdirSync(join(directory, 'tiles', tree)).sort(),
    ['0-0', '16-0', '8-0'].filter((name) => name !== '16-0'),
  );
  assert.ok((await fx.store.leafHashes(tree)).equals(hashes));
  assert.deepEqual(await Promise.all(['0', '255', '256', '4999'].map((name) => record(archive, name))), before);
  let records = 0;
  for await (const { leaf } of recordsOfTree(fx, settings.trust, tree)) assert.equal(leaf.index, records++);
  assert.equal(records, (await fx.store.trees({}))[0]?.leaves);
  assert.deepEqual(await findings(archive), []);

  // Nothing of ours is needed to read a file: hashes, then CRC-32 of each 256 of them.
  const file = readFileSync(join(directory, 'tiles', tree, '0-0'));
  assert.ok(file.subarray(0, hashes.length).equals(hashes));
  assert.ok(file.subarray(hashes.length).equals(tileChecks(hashes, 32)));
  const level8 = readFileSync(join(directory, 'tiles', tree, '8-0'));
  assert.ok(level8.subarray(0, -4).equals(levelsAbove(hashes, 'sha256')[8] ?? Buffer.alloc(0)));
  assert.deepEqual(
    (await fx.store.tileFiles(tree)).map(({ level, first, count, sha256: digest }) => [level, first, count, digest]),
    [
      [0, 0, hashes.length / 32, sha256(file)],
      [8, 0, (level8.length - 4) / 32, sha256(level8)],
    ],
  );
});

void test('a small tree stays in the database', async (t) => {
  const archive = await testArchive(t);
  await appendDocuments(archive, names.slice(0, 100));
  const closing = new Closing(archive.fx, archive.settings);
  await closing.close('test');
  await closing.tick();
  assert.deepEqual(await archive.fx.store.tileFiles(tree), []);
  assert.equal(existsSync(join(dirname(archive.file), 'tiles')), false);
});

void test('an interruption at any step costs nothing: the next run ends the work, every hash readable in between', async (t) => {
  const archive = await anchored(t);
  const { fx } = archive;
  const directory = dirname(archive.file);
  const hashes = await fx.store.leafHashes(tree);
  const made = await record(archive, '4711');
  const failing = (method: 'setTiles' | 'dropRows', after: number): typeof fx => {
    let calls = 0;
    const stop = (): never => {
      throw new Error('killed');
    };
    const store = { ...fx.store, [method]: (...args: [never, never]) => (calls++ < after ? fx.store[method](...args) : stop()) };
    return { ...fx, store };
  };
  const whole = async (): Promise<void> => {
    assert.ok((await fx.store.leafHashes(tree)).equals(hashes));
    assert.deepEqual(await record(archive, '4711'), made);
    assert.deepEqual(await findings(archive), []);
  };
  // Files without rows, one of them half-written under its first name, one cut.
  await assert.rejects(fileTrees(failing('setTiles', 0)), /killed/);
  const path = join(directory, 'tiles', tree);
  writeFileSync(join(path, '8-0.tmp'), 'half');
  chmodSync(join(path, '0-0'), 0o600);
  writeFileSync(join(path, '0-0'), hashes.subarray(0, 1000));
  await whole();
  // Rows of `tile_files`, and all rows of hashes beside them.
  await assert.rejects(fileTrees(failing('dropRows', 0)), /killed/);
  assert.deepEqual(readdirSync(path).sort(), ['0-0', '8-0']);
  await whole();
  // Leaf rows are gone, rows of nodes are not.
  await assert.rejects(fileTrees(failing('dropRows', 1)), /killed/);
  await whole();
  await fileTrees(fx);
  await whole();
  assert.deepEqual(await fx.store.treesInRows(9), []);
});

void test('a tile file that is changed, cut or gone is named, with the place in it', async (t) => {
  const archive = await anchored(t);
  const { fx } = archive;
  const directory = dirname(archive.file);
  await fileTrees(fx);
  const path = join(directory, 'tiles', tree, '0-0');
  const good = readFileSync(path);
  const put = (bytes: Buffer): void => {
    rmSync(path, { force: true });
    writeFileSync(path, bytes);
  };
  const flipped = Buffer.from(good);
  flipped.writeUInt8(flipped.readUInt8(300 * 32 + 5) ^ 1, 300 * 32 + 5);
  put(flipped);
  const reopened = await reader(t, archive);
  await assert.rejects(reopened.leafHashes(tree, 300, 1), { code: 'SEAL-STORE-CORRUPT', where: path, message: /from 256 on/ });
  assert.equal((await reopened.leafHashes(tree, 0, 256)).length, 256 * 32, 'the other tiles are good');
  assert.ok((await reopened.integrity()).some((line) => line.includes(path) && line.includes('has changed')));
  put(good.subarray(0, good.length - 1));
  assert.ok((await (await reader(t, archive)).integrity()).some((line) => line.includes('another size')));
  rmSync(path);
  const without = await reader(t, archive);
  await assert.rejects(without.leafHashes(tree), { code: 'SEAL-STORE-CORRUPT', hint: /put back this file/ });
  assert.ok((await without.integrity()).some((line) => line.includes('is missing')));
  put(good);
  assert.deepEqual(await (await reader(t, archive)).integrity(), []);
});

void test('without room the hashes stay in the database, the tree is anchored, and the operator is told', async (t) => {
  const archive = await testArchive(t, {}, Date.parse('2026-11-22T08:00:00Z'));
  const { fx, settings, log, clock } = archive;
  const directory = dirname(archive.file);
  await appendDocuments(archive, names);
  writeFileSync(join(directory, 'tiles'), 'a file stands in the way');
  const closing = new Closing(fx, settings);
  await closing.close('test');
  await closing.tick();
  assert.equal((await fx.store.trees({}))[0]?.state, 'anchored');
  assert.ok(log.messages('error').includes('hashes of a closed tree stay in the database'));
  assert.equal((await fx.store.treesInRows(9)).length, 1);
  rmSync(join(directory, 'tiles'));
  await clock.advance(60_000);
  await closing.tick();
  assert.deepEqual(await fx.store.treesInRows(9), []);
});

void test('hashes of a large renewal move into tile files, too: records and their verdict stay what they are', async (t) => {
  const archive = await renewingArchive(t);
  const { fx, settings } = archive;
  await closeTree(archive, names);
  await rehashLinks(fx, ['sha256'], 'sha512');
  await fx.store.addRehashed(
    'sha512',
    names.map((name) => ({ hash: documentHash(name), rehashed: documentHash(name, 'sha512') })),
  );
  const { renewal } = await rehashTrees(fx, settings, { digest: 'sha512', n: 1, actor: 'test' });
  await archive.renewing.tick();
  assert.ok(renewal);
  const [before] = await recordsOf(archive, documentHash('4711'));
  assert.equal(await fx.store.treesInRows(9).then(([tree]) => tree?.id), renewal.id);
  await settle(archive);
  assert.deepEqual(await fx.store.treesInRows(9), []);
  assert.deepEqual(
    (await fx.store.tileFiles(renewal.id)).map(({ level, count }) => [level, count]),
    [
      [0, renewal.leaves],
      [8, Math.ceil(renewal.leaves / 256)],
    ],
  );
  const [after] = await recordsOf(archive, documentHash('4711', 'sha512'));
  // The paths, not the bytes: newer CRLs have been put into the tokens meanwhile.
  assert.deepEqual(pathsOf(after), pathsOf(before));
  const { indication } = verdict(archive, after?.der ?? Buffer.alloc(0), { '4711': Buffer.from('document 4711') });
  assert.equal(indication, 'PASSED');
  assert.deepEqual(await findings(archive), []);
});
