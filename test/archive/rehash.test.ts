import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { appendBatch } from '../../src/archive/append.ts';
import { findObjects } from '../../src/archive/rehash-find.ts';
import { rehashLinks } from '../../src/archive/rehash-own.ts';
import { rehashTrees, type IncompleteLeaf, type RehashResult } from '../../src/archive/rehash.ts';
import { nodeFiles } from '../../src/effects/files.ts';
import { parseEvidenceRecord } from '../../src/formats/ers.ts';
import { documentBytes, documentHash, outputBytes, signedBatch } from '../support/archive.ts';
import { temporaryDirectory } from '../support/store.ts';
import { closeTree, recordsOf, renewingArchive, settle, verdict, type RenewingArchive } from '../support/renewing.ts';
import type { DigestAlgorithm } from '../../src/model/algorithms.ts';

const { signal } = new AbortController();
const quiet = { onFile: () => undefined, signal };

interface RehashArchive extends RenewingArchive {
  readonly files: ReturnType<typeof nodeFiles>;
  readonly directory: string;
}

async function rehashArchive(
  t: TestContext,
  ...settings: Parameters<typeof renewingArchive> extends [unknown, ...infer Rest] ? Rest : never
): Promise<RehashArchive> {
  const files = nodeFiles();
  t.after(() => files.close());
  return { ...(await renewingArchive(t, ...settings)), files, directory: await temporaryDirectory(t) };
}

/** Documents under names that have nothing to do with them. */
function keep({ directory }: RehashArchive, objects: readonly Buffer[]): void {
  objects.forEach((bytes, n) => {
    mkdirSync(join(directory, `box ${n % 3}`), { recursive: true });
    writeFileSync(join(directory, `box ${n % 3}`, `${n}.bin`), bytes);
  });
}

async function rehash(
  archive: RehashArchive,
  digest: DigestAlgorithm,
  n = 1,
): Promise<RehashResult & { readonly open: readonly IncompleteLeaf[] }> {
  const { fx, files, settings, renewing, directory } = archive;
  const known = [
    ...new Set([...(await fx.store.trees({})).map((tree) => tree.digest), ...(await fx.store.renewals({})).map((one) => one.digest)]),
  ];
  await findObjects({ files, store: fx.store }, { directories: [directory], digest, known }, quiet);
  await rehashLinks(fx, known, digest);
  const open: IncompleteLeaf[] = [];
  const { result } = await renewing.whileAlone(() =>
    rehashTrees(fx, settings, { digest, n, actor: 'test', onIncomplete: (leaf) => void open.push(leaf) }),
  );
  await settle(archive);
  return { ...result, open };
}

async function proves(
  archive: RenewingArchive,
  objects: Readonly<Record<string, Buffer>>,
  hash: Buffer,
): Promise<[DigestAlgorithm, number][]> {
  const [record] = await recordsOf(archive, hash);
  assert.ok(record);
  const report = verdict(archive, record.der, objects);
  assert.deepEqual([report.indication, report.warnings], ['PASSED', []], report.errors.join('; '));
  const changed = Object.fromEntries(Object.entries(objects).map(([name, bytes]) => [name, Buffer.concat([bytes, Buffer.from('!')])]));
  assert.equal(verdict(archive, record.der, changed).indication, 'FAILED');
  return parseEvidenceRecord(record.der).chains.map(({ timestamps }) => [
    timestamps[0]?.digestAlgorithm as DigestAlgorithm,
    timestamps.length,
  ]);
}

void test('documents found by their hash are renewed with a stronger digest, groups whole, and renewals go on on top of it', async (t) => {
  const archive = await rehashArchive(t);
  const { fx, settings, renewing } = archive;
  const documents = [{ name: 'a.txt' }, { name: 'b.pdf', embedded: true }];
  await signedBatch(archive, 'batch', documents);
  const material = { certificates: [Buffer.from('certificate')], revocation: { crls: [], ocsps: [] }, reports: [] };
  await appendBatch(fx, settings.archive, { id: 'batch' }, material);
  await closeTree(archive, ['single']);
  await closeTree(archive, ['other', 'more']);
  await renewing.renewTimestamps('test');
  await settle(archive);

  keep(archive, [documentBytes('a.txt'), outputBytes('a.txt', documents), documentBytes('b.pdf'), outputBytes('b.pdf', documents)]);
  keep({ ...archive, directory: join(archive.directory, 'deeper') }, ['single', 'other', 'more'].map(documentBytes));
  writeFileSync(join(archive.directory, 'unknown.txt'), 'not archived');
  const result = await rehash(archive, 'sha512');
  assert.deepEqual(
    [result.incomplete, result.waiting, result.renewal?.state],
    [0, [], 'sealed'],
    JSON.stringify(result.open.map(({ leaf }) => leaf.kind)),
  );
  const trees = await fx.store.trees({});
  assert.equal(
    result.leaves,
    trees.reduce((sum, { leaves }) => sum + leaves, 0),
    'links, audit lines and material are renewed as well',
  );

  const group = { document: documentBytes('a.txt'), signature: outputBytes('a.txt', documents) };
  assert.deepEqual(await proves(archive, group, documentHash('a.txt')), [
    ['sha256', 2],
    ['sha512', 1],
  ]);
  assert.deepEqual(await proves(archive, { b: documentBytes('b.pdf') }, documentHash('b.pdf')), [
    ['sha256', 2],
    ['sha512', 1],
  ]);

  const { anchored } = await renewing.renewTimestamps('test');
  assert.equal(anchored.length, 1, 'the old chains have done their work');
  await settle(archive);
  assert.deepEqual(await proves(archive, { more: documentBytes('more') }, documentHash('more')), [
    ['sha256', 2],
    ['sha512', 2],
  ]);
  assert.equal((await rehash(archive, 'sha384')).incomplete, 0);
  await renewing.renewTimestamps('test');
  await settle(archive);
  assert.deepEqual(await proves(archive, group, documentHash('a.txt')), [
    ['sha256', 2],
    ['sha512', 2],
    ['sha384', 2],
  ]);
  assert.deepEqual((await rehash(archive, 'sha384')).leaves, 0, 'nothing is hashed twice');
});

void test('a missing member leaves the whole group with its old chain; what is found later joins by itself', async (t) => {
  const archive = await rehashArchive(t);
  const { fx, settings } = archive;
  const documents = [{ name: 'a.txt' }];
  await signedBatch(archive, 'batch', documents);
  const material = { certificates: [], revocation: { crls: [], ocsps: [] }, reports: [] };
  await appendBatch(fx, settings.archive, { id: 'batch' }, material);
  await closeTree(archive, ['b', 'lost']);
  // The signature is in the database as long as the batch is not delivered.
  keep(archive, [documentBytes('b'), Buffer.concat([documentBytes('a.txt'), Buffer.from('changed')])]);
  const first = await rehash(archive, 'sha512');
  assert.deepEqual(
    first.open.map(({ leaf, missing }) => [leaf.kind, missing]),
    [
      ['group', [0]],
      ['document', [0]],
    ],
  );
  const group = { document: documentBytes('a.txt'), signature: outputBytes('a.txt', documents) };
  assert.deepEqual(await proves(archive, group, documentHash('a.txt')), [['sha256', 1]]);
  assert.deepEqual(await proves(archive, { b: documentBytes('b') }, documentHash('b')), [
    ['sha256', 1],
    ['sha512', 1],
  ]);
  const { anchored } = await archive.renewing.renewTimestamps('test');
  assert.equal(anchored.length, 2, 'the old chain goes on for those that were not found');
  await settle(archive);
  assert.deepEqual(await proves(archive, group, documentHash('a.txt')), [['sha256', 2]]);
  assert.deepEqual(await proves(archive, { b: documentBytes('b') }, documentHash('b')), [
    ['sha256', 1],
    ['sha512', 2],
  ]);

  keep({ ...archive, directory: join(archive.directory, 'found') }, [documentBytes('a.txt')]);
  const second = await rehash(archive, 'sha512');
  assert.deepEqual([second.leaves, second.incomplete], [1, 1]);
  assert.deepEqual(await proves(archive, group, documentHash('a.txt')), [
    ['sha256', 2],
    ['sha512', 1],
  ]);
});

void test('two hash-tree renewals of one tree, each with other leaves: both are renewed by the next timestamp', async (t) => {
  const archive = await rehashArchive(t);
  await closeTree(archive, ['found first', 'found later']);
  keep(archive, [documentBytes('found first')]);
  assert.equal((await rehash(archive, 'sha512')).leaves, 1);
  keep({ ...archive, directory: join(archive.directory, 'later') }, [documentBytes('found later')]);
  assert.equal((await rehash(archive, 'sha512')).leaves, 1);
  await archive.renewing.renewTimestamps('test');
  await settle(archive);
  for (const name of ['found first', 'found later'])
    assert.deepEqual(await proves(archive, { [name]: documentBytes(name) }, documentHash(name)), [
      ['sha256', 1],
      ['sha512', 2],
    ]);
});

void test('an interrupted search goes on where it stood, and building begins anew', async (t) => {
  const archive = await rehashArchive(t);
  const { fx, files, directory } = archive;
  const names = Array.from({ length: 300 }, (_, n) => `${n}`);
  await closeTree(archive, names);
  keep(archive, names.map(documentBytes));
  const stop = new AbortController();
  const search = { directories: [directory], digest: 'sha512', known: ['sha256'] } as const;
  const interrupted = findObjects({ files, store: fx.store }, search, {
    onFile: () => {
      stop.abort(new Error('killed'));
    },
    signal: stop.signal,
  });
  await assert.rejects(interrupted, /killed/);
  const rest = await findObjects({ files, store: fx.store }, search, quiet);
  assert.equal(rest.files, 300 - 128);
  await fx.store.openHashTreeRenewal({ date: '2030-01-01', at: 1, n: 1, digest: 'sha512', layout: 1 });
  const result = await rehash(archive, 'sha512');
  assert.deepEqual([result.leaves, result.incomplete], [300, 0]);
  assert.equal((await fx.store.renewals({})).length, 1, 'what had been begun is gone');
  for (const name of ['0', '255', '299'])
    assert.deepEqual(await proves(archive, { name: documentBytes(name) }, documentHash(name)), [
      ['sha256', 1],
      ['sha512', 1],
    ]);
});
