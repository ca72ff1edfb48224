import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Daemon } from './daemon.ts';
import { Evaluation, numberedPdf, sealtree, until } from './house.ts';
import { readLedger } from './ledger.ts';
import { assertComplete } from './ready.ts';
import { startTsaGate } from './tsa-gate.ts';

describe('signals', () => {
  const evaluation = new Evaluation();
  before(() => evaluation.init());
  after(() => {
    evaluation.remove();
  });

  test('SIGTERM under load: ends with its state written; the next start finishes everything, nothing in doubt', async (t) => {
    const house = evaluation.house();
    // An authority that takes its time: the work is not over before the signal comes.
    const gate = await startTsaGate(house);
    t.after(() => {
      gate.close();
    });
    gate.delay = 300;
    for (let batch = 0; batch < 8; batch++)
      house.place(
        'pdf',
        `batch-${batch}`,
        Object.fromEntries(Array.from({ length: 25 }, (_, n) => [`${n}.pdf`, numberedPdf(100 * batch + n)])),
      );
    const daemon = await house.daemon(t);
    await until('signing has begun', () => readLedger(house.directory).intents.signed > 0);
    daemon.signal('SIGTERM');
    const ended = await Promise.race([daemon.ended(), sleep(60_000, 'still running', { ref: false })]);
    assert.equal(ended, 0, daemon.log.slice(-2000));
    const before = readLedger(house.directory);
    assert.ok(
      before.batches.some(({ state }) => state !== 'delivered'),
      'it stopped amid the work',
    );
    assert.deepEqual([before.intents.open, before.intents.doubt], [0, 0], 'the signatures in progress were finished and written');
    assertComplete(house.directory, 'pdf');

    gate.delay = 0;
    await house.daemon(t);
    await until(
      'all batches are delivered',
      () => readLedger(house.directory).batches.filter(({ state }) => state === 'delivered').length === 8,
    );
    assert.equal(assertComplete(house.directory, 'pdf').length, 8);
    const { intents, signedTwice } = readLedger(house.directory);
    assert.deepEqual([intents.signed, intents.doubt, signedTwice], [200, 0, 0]);
  });

  test('run --once that is interrupted before its batch is done says so: 130; the next one delivers it', async (t) => {
    const house = evaluation.house();
    house.edit((settings) => {
      settings.setIn(['roots', 'files', 'settle'], '60s');
    });
    house.place('files', 'letters', { 'letter.txt': 'Good morning' });
    const once = new Daemon(house.directory, [...sealtree, 'run', '--once', '--json', '--config', house.config]);
    t.after(() => once.kill());
    await until('it watches', () => once.log.includes('"ready"'));
    once.signal('SIGINT');
    assert.equal(await once.ended(), 130, once.log);
    assert.match(once.log, /"interrupted": true/);
    house.edit((settings) => {
      settings.setIn(['roots', 'files', 'settle'], '100ms');
    });
    assert.equal((await house.run('run', '--once')).status, 0);
    assert.ok(existsSync(house.at('files', 'outgoing', 'letters/READY')));
  });

  test('SIGTERM while nothing is to do, and SIGINT, end it too', async (t) => {
    const house = evaluation.house();
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const daemon = await house.daemon(t);
      daemon.signal(signal);
      assert.equal(await daemon.ended(), 0, `${signal}: ${daemon.log}`);
    }
  });

  test('SIGHUP takes over what can be reloaded and names what cannot', async (t) => {
    const house = evaluation.house();
    const daemon = await house.daemon(t);
    house.edit((settings) => {
      settings.set('data', './elsewhere');
      settings.setIn(['log', 'level'], 'debug');
      settings.setIn(['roots', 'files', 'profile'], 'cades-b-b');
    });
    daemon.signal('SIGHUP');
    await until('it says what needs a restart', () => /these changes need a restart: data"/.test(daemon.log));
    house.place('files', 'letters', { 'letter.txt': 'Good morning' });
    await until('it delivers', () => existsSync(house.at('files', 'outgoing', 'letters/READY')));
    assert.match(daemon.log, /"level":"debug"/);
    assert.match(readFileSync(house.at('files', 'outgoing', 'letters/batch-report.json'), 'utf8'), /"profile": ?"cades-b-b"/);
    assert.equal(existsSync(join(house.directory, 'elsewhere')), false);
  });

  test('SIGHUP with a wrong configuration: the old one stays, and the log says what is wrong', async (t) => {
    const house = evaluation.house();
    const daemon = await house.daemon(t);
    house.edit((settings) => {
      settings.setIn(['roots', 'files', 'prfile'], 'cades-b-b');
    });
    daemon.signal('SIGHUP');
    await until('it says what is wrong', () => daemon.log.includes('SEAL-CONFIG-INVALID') && daemon.log.includes('prfile'));
    house.place('files', 'letters', { 'letter.txt': 'Good morning' });
    await until('it works on', () => existsSync(house.at('files', 'outgoing', 'letters/READY')));
  });
});
