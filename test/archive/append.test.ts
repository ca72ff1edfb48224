import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appendBatch, materialBlobs, type BatchMaterial } from '../../src/archive/append.ts';
import { auditObject, bareToken } from '../../src/archive/links.ts';
import { Closing } from '../../src/archive/closing.ts';
import { digestOf, sha256 } from '../../src/formats/digests.ts';
import { hashList } from '../../src/formats/ers-hash.ts';
import { parseTimestampToken } from '../../src/formats/tsp.ts';
import { documentHash, outputBytes, signedBatch, testArchive } from '../support/archive.ts';

const material: BatchMaterial = {
  certificates: [Buffer.from('certificate'), Buffer.from('certificate')],
  revocation: { crls: [Buffer.from('crl')], ocsps: [Buffer.from('ocsp')] },
  reports: [],
};
const report = Buffer.from('{"report":true}');

void test('a detached signature makes one group with its document, an embedded one two single leaves', async (t) => {
  const archive = await testArchive(t);
  const { fx, settings } = archive;
  const documents = [{ name: 'a.txt' }, { name: 'b.pdf', embedded: true }];
  await signedBatch(archive, 'one', documents);
  assert.deepEqual(await appendBatch(fx, settings.archive, { id: 'one' }, material), { kind: 'done' });

  const [tree] = await fx.store.trees({ states: ['open'] });
  assert.ok(tree);
  assert.equal(tree.id, '2026-11-22.1');
  const leaves = await fx.store.leavesPage(tree.id, -1, 100);
  const detached = [documentHash('a.txt'), sha256(outputBytes('a.txt', documents))];
  const found = leaves.map(({ kind, hash }) => [kind, hash.toString('hex')]);
  const expected: [string, Buffer][] = [
    ['group', hashList(detached, 'sha256')],
    ['document', documentHash('b.pdf')],
    ['output', sha256(outputBytes('b.pdf', documents))],
  ];
  assert.deepEqual(
    found.filter(([kind]) => kind === 'group' || kind === 'document' || kind === 'output'),
    expected.map(([kind, hash]) => [kind, hash.toString('hex')]),
  );
  assert.deepEqual(leaves.find(({ kind }) => kind === 'group')?.members, detached);
  assert.equal((await fx.store.batch('one'))?.state, 'archived');
});

void test('what was used at release is kept once and hashed as one leaf, each piece a member of it', async (t) => {
  const archive = await testArchive(t);
  const { fx, settings } = archive;
  await signedBatch(archive, 'one', [{ name: 'a.txt' }]);
  await fx.store.putBlobs([{ kind: 'report', sha256: sha256(report), bytes: report }], 'one');
  const reports = [{ sha256: sha256(report), member: sha256(report) }];
  await appendBatch(fx, settings.archive, { id: 'one' }, { ...material, reports });
  const blobs = await fx.store.batchBlobs('one');
  assert.deepEqual(blobs.map(({ kind }) => kind).sort(), ['certificate', 'crl', 'ocsp', 'report']);
  const [leaf] = await fx.store.findLeaves(sha256(Buffer.from('crl')));
  assert.deepEqual([leaf?.kind, leaf?.batch, leaf?.members.length], ['batch-material', 'one', 4]);
  assert.equal(materialBlobs({ ...material, semaphore: Buffer.from('profile: x') }).length, 4);
});

void test('a tree starts with the head of the audit log, and after the first day with the token of the day before', async (t) => {
  const archive = await testArchive(t);
  const { fx, settings, clock } = archive;
  const closing = new Closing(fx, settings);
  await signedBatch(archive, 'one', [{ name: 'a.txt' }]);
  await appendBatch(fx, settings.archive, { id: 'one' }, material);
  await closing.close('test');
  await clock.advance(60_000);
  await signedBatch(archive, 'two', [{ name: 'b.txt' }]);
  const head = await fx.store.auditHead();
  await appendBatch(fx, settings.archive, { id: 'two' }, material);

  const [first, second] = await fx.store.leavesPage('2026-11-22.2', -1, 2);
  const [token] = await fx.store.tokens('2026-11-22.1');
  assert.ok(token && first && second);
  assert.deepEqual([first.kind, second.kind], ['previous-token', 'audit-head']);
  assert.deepEqual(first.hash, sha256(bareToken(token.token)));
  assert.deepEqual(second.hash, head.hash);
  const [previous, row] = await fx.store.auditRows(head.seq - 2, 2);
  assert.ok(previous && row);
  assert.deepEqual(sha256(auditObject(previous.hash, row)), head.hash);

  await signedBatch(archive, 'three', [{ name: 'c.txt' }]);
  await appendBatch(fx, settings.archive, { id: 'three' }, material);
  const all = await fx.store.leavesPage('2026-11-22.2', -1, 100);
  assert.equal(all.filter(({ kind }) => kind === 'previous-token').length, 1, 'the second batch of a tree adds no link');
});

void test('the bare token is a token still, and the same before and after its revocation data', async (t) => {
  const { authority } = await testArchive(t);
  const token = await authority.timestamp('sha256', sha256(Buffer.from('x')));
  const bare = bareToken(token);
  const parsed = parseTimestampToken(bare);
  assert.deepEqual([parsed.cms.version, parsed.cms.certificates.length, parsed.cms.crls.length], [3, 0, 0]);
  assert.deepEqual(parsed.tstInfo, parseTimestampToken(token).tstInfo);
  assert.deepEqual(bareToken(bare), bare);
});

void test('where no key is allowed the document alone is archived', async (t) => {
  const archive = await testArchive(t);
  const { fx, settings } = archive;
  await signedBatch(archive, 'one', [{ name: 'a.txt', unsigned: true }]);
  await appendBatch(fx, settings.archive, { id: 'one' }, material);
  const [leaf] = await fx.store.findLeaves(documentHash('a.txt'));
  assert.deepEqual([leaf?.kind, leaf?.hash.equals(documentHash('a.txt'))], ['document', true]);
});

void test('a batch of more documents than one transaction holds arrives whole, and twice the same gives the same leaves', async (t) => {
  const archive = await testArchive(t);
  const { fx, settings } = archive;
  const documents = Array.from({ length: 1203 }, (_, n) => ({ name: `${n}.txt` }));
  await signedBatch(archive, 'one', documents);
  await appendBatch(fx, settings.archive, { id: 'one' }, material);
  const [tree] = await fx.store.trees({ states: ['open'] });
  assert.equal(tree?.leaves, 1203 + 2);
  const rows = await fx.store.documents('one', { limit: 2000 });
  assert.ok(rows.every(({ leaves }) => leaves?.length === 1 && leaves[0]?.what === 'group'));
  // As after a crash before the last transaction: the leaves are there already.
  await signedBatch(archive, 'again', documents);
  await appendBatch(fx, settings.archive, { id: 'again' }, material);
  assert.equal((await fx.store.trees({ states: ['open'] }))[0]?.leaves, 1203 + 2);
});

void test('an archive of SHA-512 gets the output’s SHA-512; a batch hashed before that was configured is sent back with a hint', async (t) => {
  const archive = await testArchive(t, { digest: 'sha512' });
  const { fx, settings } = archive;
  const documents = [{ name: 'a.txt' }];
  await signedBatch(archive, 'one', documents);
  await appendBatch(fx, settings.archive, { id: 'one' }, material);
  const hash = digestOf('sha512', outputBytes('a.txt', documents));
  assert.equal((await fx.store.findLeaves(hash)).length, 1);

  await signedBatch(archive, 'two', [{ name: 'b.txt' }]);
  const refused = await appendBatch(fx, { ...settings.archive, digest: 'sha384' }, { id: 'two' }, material);
  assert.ok(refused.kind === 'refused' && refused.error.code === 'SEAL-ARCHIVE-OPEN' && refused.error.hint?.includes('retry'));
  const waiting = await appendBatch(fx, { ...settings.archive, digest: 'sha256' }, { id: 'two' }, material);
  assert.ok(waiting.kind === 'wait', 'the open tree of SHA-512 is closed by the schedule, then it goes on');
});
