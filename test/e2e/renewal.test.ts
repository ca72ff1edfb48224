import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { Evaluation, sealtree, until, type House } from './house.ts';
import type { Operations } from '../../src/app/operation-types.ts';

type Renewed = Operations['archive.renew']['result'];
type Checked = Operations['archive.check']['result'];

const names = Array.from({ length: 150 }, (_, n) => `letter ${n}.txt`);
/** ms after which a process is killed: wherever it is then, the next one goes on. */
const moments = [200, 450, 900];

describe('renewal from the command line', () => {
  const evaluation = new Evaluation();
  before(() => evaluation.init());
  after(() => {
    evaluation.remove();
  });

  test('timestamps, then a stronger digest, then timestamps again: dry runs, kills in between, a daemon that does it by itself', async (t) => {
    const house = evaluation.house();
    house.place('files', 'letters', Object.fromEntries(names.map((name) => [name, `to whom ${name} may concern`])));
    assert.equal((await house.run('run', '--once')).status, 0);
    assert.equal((await house.run('archive', 'close')).status, 0);

    await t.test('before the timestamp has its revocation data nothing is renewed, and it is said', async () => {
      const { stdout } = await house.run('archive', 'renew', '--timestamps', '--dry-run');
      assert.match(stdout, /1 tree left for the next renewal/);
      const due = await house.run('archive', 'due');
      assert.match(due.stdout, /✓ timestamps \(sha256\): prove until .*, renew from /);
      frozen(house);
    });

    await t.test('a dry run changes nothing; a renewal that is killed anywhere is made once', async () => {
      const planned = await house.ask<Renewed>('archive', 'renew', '--timestamps', '--dry-run');
      assert.deepEqual(
        planned.renewals.map(({ state, leaves }) => [state, leaves]),
        [['planned', 1]],
      );
      assert.equal((await house.ask<Checked>('archive', 'check')).renewals, 0);
      for (const moment of moments) await killed(house, moment, 'archive', 'renew', '--timestamps');
      frozen(house);
      await renewed(house, '--timestamps');
      assert.equal(await verdict(house, names[7] ?? ''), 0);
      frozen(house);
    });

    await t.test('a stronger digest: documents are found, whatever was killed in between', async () => {
      const places = ['--documents', house.at('files', 'outgoing')];
      const planned = await house.ask<Renewed>('archive', 'renew', '--rehash', 'sha512', ...places, '--dry-run');
      assert.deepEqual([planned.rehash?.incomplete, planned.rehash?.missing, planned.renewals], [0, [], []]);
      for (const moment of moments) await killed(house, moment, 'archive', 'renew', '--rehash', 'sha512', ...places);
      const last = await house.ask<Renewed>('archive', 'renew', '--rehash', 'sha512', ...places);
      assert.deepEqual([last.rehash?.incomplete, last.rehash?.waiting], [0, []]);
      const { findings, sound } = await house.ask<Checked>('archive', 'check');
      assert.ok(sound, JSON.stringify(findings));
      assert.equal(await verdict(house, names[149] ?? ''), 0);
      const rest = await house.ask<Renewed>('archive', 'renew', '--rehash', 'sha512', ...places, '--dry-run');
      assert.equal(rest.rehash?.leaves, 0, 'everything is hashed anew');
    });

    await t.test('a missing document is named with the date its chain stops proving', async () => {
      const gone = house.at('files', 'outgoing', `letters/${names[3] ?? ''}`);
      const { rename } = await import('node:fs/promises');
      await rename(gone, join(house.directory, 'taken away'));
      const run = await house.run('archive', 'renew', '--rehash', 'sha384', '--documents', house.at('files', 'outgoing'), '--dry-run');
      assert.equal(run.status, 3, run.stdout + run.stderr);
      assert.match(run.stdout, /! missing: letter 3\.txt of batch .*; stops proving on \d{4}-\d\d-\d\d unless its timestamps are renewed/);
      await rename(join(house.directory, 'taken away'), gone);
    });

    await t.test('configured to do so, the daemon renews what is due', async (t) => {
      frozen(house);
      const before = await anchored(house);
      house.edit((settings) => {
        settings.setIn(['archive', 'renew'], 'auto');
        settings.setIn(['archive', 'renewBefore'], '36500d');
      });
      const daemon = await house.daemon(t);
      await until('the daemon renews', async () => (await anchored(house)) > before);
      assert.equal(await verdict(house, names[0] ?? ''), 0);
      assert.equal(await daemon.stop(), 0);
    });

    await t.test('a check that was killed goes on, and the archive is sound', async () => {
      for (const moment of moments) await killed(house, moment, 'archive', 'check');
      const { findings, sound } = await house.ask<Checked>('archive', 'check', '--resume');
      assert.ok(sound, JSON.stringify(findings));
    });
  });
});

/** Runs a command and kills it after a while; it may have ended before. */
async function killed(house: House, ms: number, ...args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [...sealtree, ...args, '--config', house.config], { stdio: 'ignore' });
  const ended = once(child, 'close');
  await sleep(ms);
  child.kill('SIGKILL');
  await ended;
}

/** As if the revocation data of the next day had come; no daemon runs. The archive's own tests wait for it, with a clock of their own. */
function frozen(house: House): void {
  const db = new Database(join(house.directory, 'data/sealtree.db'));
  db.exec('UPDATE tree_tokens SET frozen = 1; UPDATE renewal_tokens SET frozen = 1');
  db.close();
}

async function renewed(house: House, ...what: readonly string[]): Promise<void> {
  const { renewals } = await house.ask<Renewed>('archive', 'renew', ...what);
  assert.deepEqual(
    renewals.map(({ state }) => state),
    ['anchored'],
  );
}

/** How many renewals the audit log tells of. */
async function anchored(house: House): Promise<number> {
  const lines = await house.ask<{ readonly action: string }[]>('audit', 'show', '--limit', '1000');
  return lines.filter(({ action }) => action === 'renewal-anchored').length;
}

/** Exit status of verifying a delivered document against its record as it is now. */
async function verdict(house: House, name: string): Promise<number> {
  const document = house.at('files', 'outgoing', `letters/${name}`);
  const out = join(house.directory, 'proof');
  assert.equal((await house.run('archive', 'export', document, '--out', out)).status, 0);
  const { status } = await house.run('verify', document, '--evidence', join(out, `${name}.ers`));
  return status;
}
