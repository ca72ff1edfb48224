import assert from 'node:assert/strict';
import { test } from 'node:test';
import { archiveDue } from '../../src/app/archive-due.ts';
import { RenewalWatch } from '../../src/app/renewal-watch.ts';
import { closeTree, day, renewingArchive, type RenewingArchive } from '../support/renewing.ts';
import type { App } from '../../src/app/context.ts';

/** The watch over an archive whose certificates last five years. */
function watch(archive: RenewingArchive, renew: 'auto' | 'warn'): RenewalWatch {
  const { fx, settings, renewing } = archive;
  const config = { archive: { ...settings.archive, renew, renewBefore: 180 * day }, trust: {} };
  return new RenewalWatch({ app: { fx, config } as unknown as App, renewing, trust: () => Promise.resolve(settings.trust) });
}

void test('months ahead the daemon warns each day what must be renewed; a person renews', async (t) => {
  const archive = await renewingArchive(t);
  const { clock, log, fx } = archive;
  await closeTree(archive, ['a']);
  const renewals = watch(archive, 'warn');
  const { signal } = new AbortController();
  await renewals.look(signal);
  assert.deepEqual(renewals.due, []);
  await clock.advance(4.7 * 365 * day);
  await renewals.look(signal);
  await renewals.look(signal);
  assert.deepEqual(
    renewals.due.map(({ state, kind }) => [state, kind]),
    [['due', 'timestamps']],
  );
  assert.equal(log.messages('warn').filter((line) => line.includes('must be renewed before')).length, 1, 'once a day');
  assert.deepEqual(await fx.store.renewals({}), []);
});

void test('configured to do so, the daemon renews due timestamps by itself', async (t) => {
  const archive = await renewingArchive(t);
  const { clock, fx, settings } = archive;
  await closeTree(archive, ['a']);
  const renewals = watch(archive, 'auto');
  await clock.advance(4.7 * 365 * day);
  await renewals.look(new AbortController().signal);
  assert.deepEqual(
    (await fx.store.renewals({})).map(({ state }) => state),
    ['anchored'],
  );
  const config = { archive: { ...settings.archive, renewBefore: 180 * day }, trust: {} } as never;
  const { catalogue } = await archiveDue(fx, settings.trust, config);
  assert.match(catalogue.version, /^\d{4}-\d\d$/);
});
