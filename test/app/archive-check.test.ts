import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { checkArchive } from '../../src/app/archive-check.ts';
import { CheckWatch, checkSentence, lastCheck } from '../../src/app/check-watch.ts';
import { nodeFiles } from '../../src/effects/files.ts';
import { SealError } from '../../src/errors.ts';
import { closeTree, day, renewingArchive, settle, type RenewingArchive } from '../support/renewing.ts';
import { temporaryDirectory } from '../support/store.ts';
import type { App } from '../../src/app/context.ts';
import type { Store } from '../../src/ports/store.ts';

interface CheckedArchive extends RenewingArchive {
  readonly app: App;
}

/** Four trees, renewed, as the use cases see them; some of what the store answers may be changed. */
async function checkedArchive(t: TestContext, every?: number): Promise<CheckedArchive> {
  const archive = await renewingArchive(t);
  for (const name of ['a', 'b', 'c', 'd']) await closeTree(archive, [name]);
  await archive.renewing.renewTimestamps('test');
  await settle(archive);
  const files = nodeFiles();
  t.after(() => files.close());
  const dataDir = await temporaryDirectory(t);
  const anchor = join(dataDir, 'trust.pem');
  writeFileSync(anchor, archive.authority.root.pem);
  const trust = { anchors: [anchor], certificates: [], crls: [], revocation: 'require', fetch: false, allowHosts: [], maxAge: day };
  const config = { dataDir, trust, archive: every === undefined ? {} : { check: every } };
  return { ...archive, app: { fx: { ...archive.fx, files }, config } as unknown as App };
}

/** Notes which trees are read; stops with an error at one of them. */
function watched(app: App, stopAt?: string): { readonly app: App; readonly read: string[] } {
  const read: string[] = [];
  const leavesPage: Store['leavesPage'] = (id, after, limit) => {
    if (id === stopAt) return Promise.reject(new SealError('SEAL-STORE-BUSY', 'the process ends here'));
    read.push(id);
    return app.fx.store.leavesPage(id, after, limit);
  };
  const store = new Proxy(app.fx.store, {
    get: (target, name) => {
      const own = Reflect.get(target, name) as unknown;
      return name === 'leavesPage' ? leavesPage : typeof own === 'function' ? (own.bind(target) as unknown) : own;
    },
  });
  return { app: { ...app, fx: { ...app.fx, store } }, read };
}

const quiet = { progress: () => undefined, signal: new AbortController().signal };

void test('an interrupted check goes on behind the tree where it stood, and finds what it would have found', async (t) => {
  const { app } = await checkedArchive(t);
  const trees = (await app.fx.store.trees({})).map(({ id }) => id);
  const broken = watched(app, trees[2]);
  await assert.rejects(checkArchive(broken.app, {}, quiet), { code: 'SEAL-STORE-BUSY' });
  assert.deepEqual(broken.read, trees.slice(0, 2));

  const resumed = watched(app);
  const result = await checkArchive(resumed.app, { resume: true }, quiet);
  assert.deepEqual(resumed.read, trees.slice(2));
  assert.deepEqual([result.sound, result.findings, result.resumedBehind], [true, [], trees[1]]);

  const again = watched(app);
  assert.equal((await checkArchive(again.app, { resume: true }, quiet)).resumedBehind, undefined, 'nothing is interrupted any more');
  assert.deepEqual(again.read, trees);
});

void test('what an interrupted check had found is in the result of the one that goes on', async (t) => {
  const { app, file } = await checkedArchive(t);
  const { default: Database } = await import('better-sqlite3');
  const db = new Database(file);
  db.exec('UPDATE trees SET root = zeroblob(32) WHERE seq = 1');
  db.close();
  const trees = (await app.fx.store.trees({})).map(({ id }) => id);
  await assert.rejects(checkArchive(watched(app, trees[3]).app, {}, quiet), { code: 'SEAL-STORE-BUSY' });
  const { findings, sound } = await checkArchive(app, { resume: true }, quiet);
  assert.equal(sound, false);
  assert.deepEqual(findings[0], { severity: 'damage', where: trees[0], what: 'its root is not the one that was stamped' });
});

void test('stopped by its caller it says how to go on; a position that cannot be read makes it begin anew', async (t) => {
  const { app } = await checkedArchive(t);
  const stop = new AbortController();
  const check = checkArchive(
    app,
    {},
    {
      signal: stop.signal,
      progress: () => {
        stop.abort(new Error('SIGINT'));
      },
    },
  );
  await assert.rejects(
    check,
    (thrown) => thrown instanceof SealError && thrown.code === 'SEAL-INTERRUPTED' && /--resume/.test(thrown.hint ?? ''),
  );
  writeFileSync(join(app.config.dataDir, 'archive-check.json'), '{"version":1');
  const { sound, resumedBehind } = await checkArchive(app, { resume: true }, quiet);
  assert.deepEqual([sound, resumedBehind], [true, undefined]);
});

void test('the daemon checks as often as it is configured, goes on after a restart, and status tells of damage', async (t) => {
  const archive = await checkedArchive(t, 30 * day);
  const { app, clock, fx, log } = archive;
  const trees = (await fx.store.trees({})).map(({ id }) => id);
  await assert.rejects(new CheckWatch(watched(app, trees[1]).app).look(quiet.signal), { code: 'SEAL-STORE-BUSY' });
  assert.equal(await lastCheck(fx), undefined);
  const restarted = watched(app);
  const watch = new CheckWatch(restarted.app);
  await watch.look(quiet.signal);
  assert.deepEqual(restarted.read, trees.slice(1));
  assert.deepEqual(await lastCheck(fx), { at: new Date(clock.now()).toISOString().replace('.000Z', 'Z'), sound: true, damages: 0 });

  await clock.advance(29 * day);
  await watch.look(quiet.signal);
  assert.equal(restarted.read.length, 3, 'not due yet');
  const { default: Database } = await import('better-sqlite3');
  const db = new Database(archive.file);
  db.exec('UPDATE trees SET root = zeroblob(32) WHERE seq = 2');
  db.close();
  await clock.advance(day);
  await watch.look(quiet.signal);
  const last = await lastCheck(fx);
  assert.deepEqual(last?.first, { where: trees[1], what: 'its root is not the one that was stamped' });
  assert.match(
    checkSentence(last).join(),
    /^the archive is damaged, as its check of \d{4}-\d\d-\d\d found: .*its root is not the one that was stamped/,
  );
  assert.ok(log.messages('error').some((line) => line.includes('the archive is damaged')));
  assert.equal((await fx.store.auditRows(0, 1000)).filter(({ action }) => action === 'archive-checked').length, 2);
});

void test('without the setting the daemon does not check', async (t) => {
  const { app } = await checkedArchive(t);
  const untouched = watched(app);
  await new CheckWatch(untouched.app).look(quiet.signal);
  assert.deepEqual([untouched.read, await lastCheck(app.fx)], [[], undefined]);
});
