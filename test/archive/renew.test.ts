import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEvidenceRecord } from '../../src/formats/ers.ts';
import { checkBasisErs } from '../../src/formats/tsp-basis-ers.ts';
import { documentBytes, documentHash } from '../support/archive.ts';
import { closeTree, day, machinery, recordsOf, renewingArchive, settle, verdict, type RenewingArchive } from '../support/renewing.ts';

async function proves(archive: RenewingArchive, name: string, n = 1): Promise<ReturnType<typeof parseEvidenceRecord>> {
  const record = (await recordsOf(archive, documentHash(name))).find((one) => one.n === n);
  assert.ok(record);
  const report = verdict(archive, record.der, { [name]: documentBytes(name) });
  assert.deepEqual([report.indication, report.warnings], ['PASSED', []], report.errors.join('; '));
  assert.equal(verdict(archive, record.der, { [name]: Buffer.from('changed') }).indication, 'FAILED');
  return parseEvidenceRecord(record.der);
}

void test('one new timestamp renews every tree so far, again and again; later trees join at the next renewal', async (t) => {
  const archive = await renewingArchive(t);
  const { fx, renewing } = archive;
  for (const name of ['a', 'b', 'c']) await closeTree(archive, [name, `${name}2`, `${name}3`]);
  const before = (await fx.store.timestampCounts(0)).reduce((sum, { ok }) => sum + ok, 0);

  const first = await renewing.renewTimestamps('test');
  assert.deepEqual([first.anchored.length, first.late, first.waiting], [1, [], []]);
  await settle(archive);
  await closeTree(archive, ['d']);
  assert.deepEqual(
    (await proves(archive, 'b')).chains.map(({ timestamps }) => timestamps.length),
    [2],
  );
  assert.deepEqual(
    (await proves(archive, 'd')).chains.map(({ timestamps }) => timestamps.length),
    [1],
    'not in the earlier renewal',
  );

  for (let round = 0; round < 3; round++) {
    assert.equal((await renewing.renewTimestamps('test')).anchored.length, 1);
    await settle(archive);
  }
  assert.equal((await fx.store.timestampCounts(0)).reduce((sum, { ok }) => sum + ok, 0) - before, 1 + 1 + 3);
  for (const [name, count] of [
    ['a', 5],
    ['c3', 5],
    ['d', 4],
  ] as const) {
    const { chains } = await proves(archive, name);
    assert.deepEqual(
      chains.map(({ timestamps }) => timestamps.length),
      [count],
    );
    chains[0]?.timestamps.forEach(({ timeStamp, reducedHashtree }, position) => {
      assert.deepEqual(checkBasisErs(timeStamp), []);
      if (position > 0) assert.equal(reducedHashtree?.[0]?.length, position, 'all earlier tokens are one group');
    });
  }
});

void test('a record is renewed before its authority’s certificate ends and proves after it; an unrenewed one does not', async (t) => {
  const archive = await renewingArchive(t);
  const { clock, renewing, fx } = archive;
  await closeTree(archive, ['old']);
  const [unrenewed] = await recordsOf(archive, documentHash('old'));
  assert.ok(unrenewed);
  await clock.advance(4 * 365 * day);
  await renewing.renewTimestamps('test');
  assert.equal((await fx.store.renewals({})).length, 1);
  const [renewed] = await recordsOf(archive, documentHash('old'));
  assert.ok(renewed);
  assert.equal(renewed.genTime, unrenewed.genTime, 'still proven since the first timestamp');
  assert.equal(renewed.final, false);
});

void test('a renewal waits for revocation data later than the timestamps: what is not frozen is left for the next one', async (t) => {
  const archive = await renewingArchive(t);
  const { fx, renewing, closing } = archive;
  await closeTree(archive, ['a']);
  const { appendDocuments } = await import('../support/archive.ts');
  await appendDocuments(archive, ['b']);
  await closing.close('test');
  const outcome = await renewing.renewTimestamps('test');
  assert.deepEqual(
    outcome.waiting.map(({ start }) => start),
    [{ tree: (await fx.store.trees({ newestFirst: true }))[0]?.id }],
  );
  assert.equal((await proves(archive, 'a')).chains[0]?.timestamps.length, 2);
  assert.equal((await proves(archive, 'b')).chains[0]?.timestamps.length, 1);
  const again = await renewing.renewTimestamps('test');
  assert.deepEqual([again.anchored, again.waiting.length], [[], 2], 'the newest timestamps wait');
});

void test('without an authority the renewal stays sealed, survives a restart, and is anchored once', async (t) => {
  const archive = await renewingArchive(t);
  const { fx, renewing, tsas, clock } = archive;
  await closeTree(archive, ['a', 'b']);
  for (const tsa of tsas) tsa.down = true;
  const outcome = await renewing.renewTimestamps('test');
  assert.deepEqual(
    outcome.late.map(({ renewal, error }) => [renewal.state, error?.code]),
    [['sealed', 'SEAL-TSA-UNAVAILABLE']],
  );
  assert.equal((await proves(archive, 'a')).chains[0]?.timestamps.length, 1, 'records do not know it yet');
  for (const tsa of tsas) tsa.down = false;
  const restarted = machinery(archive);
  await clock.advance(5 * 60_000);
  await restarted.renewing.tick();
  await restarted.renewing.tick();
  assert.deepEqual(
    (await fx.store.renewals({})).map(({ state }) => state),
    ['anchored'],
  );
  assert.equal((await proves(archive, 'b')).chains[0]?.timestamps.length, 2);
});

void test('two independent records are renewed each by itself, from two authorities', async (t) => {
  const archive = await renewingArchive(t, { timestamps: 2 });
  const { fx, renewing } = archive;
  await closeTree(archive, ['a']);
  const { anchored } = await renewing.renewTimestamps('test');
  assert.deepEqual(
    anchored.map(({ tsa }) => tsa),
    ['first', 'second'],
  );
  assert.deepEqual(
    (await fx.store.renewals({})).map(({ n }) => n),
    [1, 2],
  );
  for (const n of [1, 2]) assert.equal((await proves(archive, 'a', n)).chains[0]?.timestamps.length, 2);
});

void test('a timestamp that is not later than those it renews is not taken', async (t) => {
  const archive = await renewingArchive(t, { revocationGrace: 0 });
  const { fx, closing, renewing, clock } = archive;
  const { appendDocuments } = await import('../support/archive.ts');
  await appendDocuments(archive, ['a']);
  await closing.close('test');
  const [tree] = await fx.store.trees({});
  const [token] = await fx.store.tokens(tree?.id ?? '');
  assert.ok(token);
  await fx.store.replaceToken({ ...token, frozen: true });
  const { late } = await renewing.renewTimestamps('test');
  assert.deepEqual(
    late.map(({ error }) => error?.code),
    ['SEAL-TSA-INVALID'],
  );
  await clock.advance(120_000);
  await renewing.tick();
  assert.deepEqual(await renewing.late(), []);
});

void test('each digest in use gets one timestamp of its own', async (t) => {
  const archive = await renewingArchive(t);
  await closeTree(archive, ['a']);
  const other = { ...archive, settings: { ...archive.settings, archive: { ...archive.settings.archive, digest: 'sha512' as const } } };
  await closeTree({ ...other, ...machinery(other) }, ['b']);
  const { anchored } = await archive.renewing.renewTimestamps('test');
  assert.equal(anchored.length, 2);
  assert.deepEqual(
    (await archive.fx.store.renewals({})).map(({ digest }) => digest),
    ['sha256', 'sha512'],
  );
  await proves(archive, 'a');
  const [record] = await recordsOf(archive, documentHash('b', 'sha512'));
  assert.equal(record && verdict(archive, record.der, { b: documentBytes('b') }).indication, 'PASSED');
});
