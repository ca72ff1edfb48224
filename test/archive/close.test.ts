import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Closing } from '../../src/archive/closing.ts';
import { rootOf } from '../../src/archive/tree.ts';
import { parseCrl } from '../../src/formats/crl.ts';
import { checkBasisErs } from '../../src/formats/tsp-basis-ers.ts';
import { parseTimestampToken } from '../../src/formats/tsp.ts';
import { appendDocuments, freshCrls, testArchive } from '../support/archive.ts';

const hour = 3_600_000;
const at = (text: string): number => Date.parse(text);
const morning = at('2026-11-22T08:00:00Z');
/** From the start of the test to the closing at 18:00 in Berlin. */
const toClosing = 9 * hour;

void test('at the closing hour the tree is sealed, stamped by the first authority and anchored; the day is recorded', async (t) => {
  const archive = await testArchive(t, {}, morning);
  const { fx, settings, clock } = archive;
  const closing = new Closing(fx, settings);
  await appendDocuments(archive, ['a', 'b', 'c']);
  await closing.tick();
  assert.equal((await fx.store.trees({}))[0]?.state, 'open');
  await clock.advance(toClosing);
  await closing.tick();

  const [tree] = await fx.store.trees({});
  assert.ok(tree?.root);
  assert.deepEqual([tree.id, tree.state, await fx.store.lastDay()], ['2026-11-22.1', 'anchored', '2026-11-22']);
  assert.deepEqual(tree.root, rootOf(await fx.store.leafHashes(tree.id), 'sha256'));
  const [token] = await fx.store.tokens(tree.id);
  assert.ok(token);
  const parsed = parseTimestampToken(token.token);
  assert.deepEqual([token.n, token.tsa, token.frozen, parsed.messageImprint.value], [1, 'first', false, tree.root]);
  assert.equal(parsed.cms.crls.length, 2, 'CRLs of both CAs are in the token');
  assert.deepEqual(checkBasisErs(token.token), []);
  const actions = (await fx.store.auditRows(0, 50)).map(({ action }) => action);
  assert.ok(actions.includes('tree-sealed') && actions.includes('tree-anchored'));
});

void test('a day without documents is recorded and costs no timestamp', async (t) => {
  const archive = await testArchive(t, {}, morning);
  const closing = new Closing(archive.fx, archive.settings);
  await closing.tick();
  await archive.clock.advance(toClosing + 48 * hour);
  await closing.tick();
  assert.equal(await archive.fx.store.lastDay(), '2026-11-24');
  assert.deepEqual(await archive.fx.store.trees({}), []);
  assert.deepEqual(await archive.fx.store.timestampCounts(0), []);
});

void test('when the first authority fails the next one stamps, and both attempts are counted', async (t) => {
  const archive = await testArchive(t, {}, morning);
  const { fx, settings, tsas } = archive;
  const [first] = tsas;
  assert.ok(first);
  first.down = true;
  await appendDocuments(archive, ['a']);
  const { anchored } = await new Closing(fx, settings).close('test');
  assert.deepEqual(
    anchored.map(({ tsa }) => tsa),
    ['second'],
  );
  assert.deepEqual(await fx.store.timestampCounts(0), [
    { tsa: 'first', ok: 0, failed: 1 },
    { tsa: 'second', ok: 1, failed: 0 },
  ]);
});

void test('without any authority the tree stays sealed and loud, later trees wait behind it, and all are anchored in order afterwards', async (t) => {
  const archive = await testArchive(t, {}, morning);
  const { fx, settings, clock, log, tsas } = archive;
  for (const tsa of tsas) tsa.down = true;
  const closing = new Closing(fx, settings);
  await appendDocuments(archive, ['a']);
  await clock.advance(toClosing);
  await closing.tick();
  assert.deepEqual(
    (await closing.late()).map(({ tree, error }) => [tree, error?.code]),
    [['2026-11-22.1', 'SEAL-TSA-UNAVAILABLE']],
  );
  assert.equal(await fx.store.lastDay(), '2026-11-22', 'the day has ended all the same');
  assert.ok(log.messages('error').includes('trees wait for a timestamp'));

  await appendDocuments(archive, ['b']);
  await clock.advance(24 * hour);
  await closing.tick();
  assert.deepEqual(
    (await closing.late()).map(({ tree }) => tree),
    ['2026-11-22.1', '2026-11-22.2'],
  );

  for (const tsa of tsas) tsa.down = false;
  await closing.tick();
  assert.equal((await closing.late()).length, 2, 'it is not asked again before the pause is over');
  await clock.advance(2 * 60_000);
  await closing.tick();
  assert.deepEqual(await closing.late(), []);
  const times = await Promise.all(['2026-11-22.1', '2026-11-22.2'].map(async (id) => (await fx.store.tokens(id))[0]?.genTime ?? 0));
  assert.ok((times[0] ?? 0) <= (times[1] ?? 0));
});

void test('a token that comes late is linked by the tree that is open then', async (t) => {
  const archive = await testArchive(t, {}, morning);
  const { fx, settings, clock, tsas } = archive;
  for (const tsa of tsas) tsa.down = true;
  const closing = new Closing(fx, settings);
  await appendDocuments(archive, ['a']);
  await clock.advance(toClosing);
  await closing.tick();
  await appendDocuments(archive, ['b']);
  for (const tsa of tsas) tsa.down = false;
  await clock.advance(24 * hour);
  await closing.tick();
  await appendDocuments(archive, ['c']);
  await closing.close('test');
  const kinds = async (id: string): Promise<string[]> => (await fx.store.leavesPage(id, -1, 10)).map(({ kind }) => kind);
  assert.deepEqual(await kinds('2026-11-22.2'), ['document']);
  assert.deepEqual(await kinds('2026-11-23.1'), ['document', 'previous-token', 'previous-token']);
});

void test('two timestamps come from two authorities; the second may be late without holding anything up', async (t) => {
  const archive = await testArchive(t, { timestamps: 2 }, morning);
  const { fx, settings, clock, tsas } = archive;
  const second = tsas[1];
  assert.ok(second);
  second.down = true;
  const closing = new Closing(fx, settings);
  await appendDocuments(archive, ['a']);
  await clock.advance(toClosing);
  await closing.tick();
  assert.equal((await fx.store.trees({}))[0]?.state, 'anchored');
  second.down = false;
  await clock.advance(5 * 60_000);
  await closing.tick();
  const tokens = await fx.store.tokens('2026-11-22.1');
  assert.deepEqual(
    tokens.map(({ n, tsa }) => [n, tsa]),
    [
      [1, 'first'],
      [2, 'second'],
    ],
  );
});

void test('after the grace period revocation data later than genTime replaces the first, and the token never changes again', async (t) => {
  const archive = await testArchive(t, {}, morning);
  const { fx, settings, clock } = archive;
  const closing = new Closing(fx, settings);
  await appendDocuments(archive, ['a']);
  await closing.close('test');
  await clock.advance(23 * hour);
  await closing.tick();
  const read = async () => (await fx.store.tokens('2026-11-22.1'))[0];
  assert.equal((await read())?.frozen, false);
  await clock.advance(2 * hour);
  await closing.tick();
  const frozen = await read();
  assert.ok(frozen?.frozen);
  const { cms, genTime } = parseTimestampToken(frozen.token);
  assert.ok(cms.crls.length === 2 && cms.crls.every((crl) => parseCrl(crl).thisUpdate > genTime));
  assert.deepEqual(checkBasisErs(frozen.token), []);
  await clock.advance(72 * hour);
  await closing.tick();
  assert.deepEqual((await read())?.token, frozen.token);
});

void test('while nobody has newer revocation data the token is not frozen, and the log says what is missing', async (t) => {
  const archive = await testArchive(t, {}, morning);
  const { fx, settings, clock, log, authority } = archive;
  const old = authority.crls();
  const stale = { ...fx, revocation: { find: () => Promise.resolve({ crls: old, ocsps: [], failures: ['the CRL server is down'] }) } };
  const closing = new Closing(stale, settings);
  await clock.advance(hour);
  await appendDocuments(archive, ['a']);
  await closing.close('test');
  await clock.advance(48 * hour);
  await closing.tick();
  assert.equal((await fx.store.tokens('2026-11-22.1'))[0]?.frozen, false);
  const line = log.lines.find(({ message }) => message.includes('not there yet'));
  assert.ok(JSON.stringify(line?.fields).includes('the CRL server is down'));
  // The next day it answers again.
  await clock.advance(24 * hour);
  const mended = new Closing({ ...fx, revocation: freshCrls(authority, clock) }, settings);
  await mended.tick();
  assert.equal((await fx.store.tokens('2026-11-22.1'))[0]?.frozen, true);
});

void test('a source of revocation data that breaks down does not cost the timestamp', async (t) => {
  const archive = await testArchive(t, {}, morning);
  const { fx, settings, log } = archive;
  await appendDocuments(archive, ['a']);
  const broken = { ...fx, revocation: { find: () => Promise.reject(new Error('no route to host')) } };
  const { anchored } = await new Closing(broken, settings).close('test');
  assert.equal(anchored.length, 1);
  assert.ok(JSON.stringify(log.lines.filter(({ level }) => level === 'warn')).includes('no route to host'));
});

void test('an authority that stamps something else is refused, and the tree waits', async (t) => {
  const archive = await testArchive(t, {}, morning);
  const { fx, settings, tsas } = archive;
  const [honest] = tsas;
  assert.ok(honest);
  const liar = { name: 'first', timestamp: () => honest.timestamp({ digest: 'sha256' as const, messageImprint: Buffer.alloc(32) }) };
  const only = { ...settings, tsas: settings.tsas.slice(0, 1) };
  await appendDocuments(archive, ['a']);
  const { late } = await new Closing({ ...fx, tsas: new Map([['first', liar]]) }, only).close('test');
  assert.deepEqual(
    late.map(({ error }) => error?.code),
    ['SEAL-TSA-INVALID'],
  );
});

void test('a clock that runs ahead and is set back loses no day and repeats none', async (t) => {
  const archive = await testArchive(t, {}, morning);
  const { fx, settings, clock } = archive;
  const closing = new Closing(fx, settings);
  await closing.tick();
  clock.jump(3 * 24 * hour);
  await appendDocuments(archive, ['a']);
  await closing.tick();
  assert.equal(await fx.store.lastDay(), '2026-11-24');
  clock.jump(-3 * 24 * hour);
  await closing.tick();
  const [wrong] = await fx.store.trees({});
  assert.equal(wrong?.state, 'anchored', 'the tree of the wrong day is closed, not left open for three days');
  await appendDocuments(archive, ['b']);
  await clock.advance(toClosing);
  await closing.tick();
  assert.equal(await fx.store.lastDay(), '2026-11-24');
  const trees = await fx.store.trees({});
  assert.deepEqual(
    trees.map(({ id, state }) => [id, state]),
    [
      ['2026-11-25.1', 'anchored'],
      ['2026-11-22.1', 'anchored'],
    ],
  );
});

void test('rules beside the daily one: after a batch, after a time, after a number of leaves', async (t) => {
  for (const [rule, leaves, ms] of [
    [{ kind: 'batch' }, 1, 0],
    [{ kind: 'every', ms: 900_000 }, 1, 900_000],
    [{ kind: 'leaves', count: 3 }, 3, 0],
  ] as const) {
    const archive = await testArchive(t, { closing: rule }, morning);
    const closing = new Closing(archive.fx, archive.settings);
    await appendDocuments(
      archive,
      Array.from({ length: leaves }, (_, n) => `${n}`),
    );
    await archive.clock.advance(ms);
    await closing.tick();
    assert.equal((await archive.fx.store.trees({}))[0]?.state, 'anchored', rule.kind);
  }
});

void test('closing by hand twice is harmless, and ticks and closings at the same time do not cross', async (t) => {
  const archive = await testArchive(t, {}, morning);
  const closing = new Closing(archive.fx, archive.settings);
  await appendDocuments(archive, ['a']);
  const [one, , other] = await Promise.all([closing.close('x'), closing.tick(), closing.close('y')]);
  assert.deepEqual([one.sealed?.id, one.anchored.length, other.sealed, other.anchored.length], ['2026-11-22.1', 1, undefined, 0]);
});
