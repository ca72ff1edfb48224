import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endings } from '../../src/archive/due.ts';
import { catalogueWith } from '../../src/pki/catalogue.ts';
import { closeTree, day, renewingArchive, settle } from '../support/renewing.ts';

void test('what ends first comes first: certificates for every tree, algorithms where a date is known; a renewal moves the end', async (t) => {
  const archive = await renewingArchive(t);
  const { fx, settings, clock, renewing } = archive;
  for (const name of ['a', 'b', 'c']) await closeTree(archive, [name]);
  const [certificates, ...more] = await endings(fx, settings.trust);
  assert.ok(certificates);
  assert.deepEqual([certificates.kind, certificates.digest, certificates.chains, more], ['timestamps', 'sha256', 3, []]);
  assert.match(certificates.reason, /certificates of first end/);
  const trees = (await fx.store.trees({})).map(({ id }) => id);
  assert.deepEqual([certificates.first, certificates.last], [trees[0], trees[2]]);

  const end = new Date(clock.now() + 300 * day).toISOString().slice(0, 10);
  const catalogue = catalogueWith([{ subject: { digest: 'sha256' }, end, source: 'a test' }]);
  const weak = await endings(fx, { ...settings.trust, catalogue });
  assert.deepEqual(
    weak
      .map(({ kind, ends, reason }) => [kind, new Date(ends).toISOString().slice(0, 10), reason])
      .filter(([kind]) => kind === 'hash-tree'),
    [['hash-tree', end, 'SHA-256 ends (a test)']],
  );

  await settle(archive);
  await renewing.renewTimestamps('test');
  const after = await endings(fx, settings.trust);
  assert.deepEqual(
    after.map(({ chains }) => chains),
    [3],
  );
});

void test('the operator’s dates replace all shipped ones about the same subject, and only those', () => {
  const own = catalogueWith([
    { subject: { digest: 'sha1' }, source: 'house' },
    { subject: { digest: 'sha512' }, end: '2040-01-01', source: 'house' },
  ]);
  const about = (digest: string) => own.filter(({ subject }) => 'digest' in subject && subject.digest === digest);
  assert.deepEqual(about('sha1'), [{ subject: { digest: 'sha1' }, source: 'house' }]);
  assert.equal(about('sha512')[0]?.end, '2040-01-01');
  assert.equal(about('md5')[0]?.end, '2004-08-01');
});
