import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, test, type TestContext } from 'node:test';
import { Evaluation, numberedPdf, until, type House } from './house.ts';
import { readLedger } from './ledger.ts';
import { assertComplete } from './ready.ts';
import { startTsaGate, type TsaGate } from './tsa-gate.ts';

const count = 40;

/** A batch whose signatures are made and wait: the authority does not answer. */
async function waiting(
  t: TestContext,
  house: House,
): Promise<{ readonly gate: TsaGate; readonly daemon: Awaited<ReturnType<House['daemon']>> }> {
  const gate = await startTsaGate(house);
  t.after(() => {
    gate.close();
  });
  gate.open = false;
  house.place('pdf', 'letters', Object.fromEntries(Array.from({ length: count }, (_, n) => [`${n}.pdf`, numberedPdf(n)])));
  const daemon = await house.daemon(t);
  await until('signatures wait for their timestamp', () => daemon.log.includes('SEAL-TSA-UNAVAILABLE'));
  await untilStill(house);
  return { gate, daemon };
}

/** Until what was begun is signed and recorded, and nothing moves for a second. */
async function untilStill(house: House): Promise<void> {
  let last = 0;
  let since = performance.now();
  await until('no further signature is made', () => {
    const { stamping, intents } = readLedger(house.directory);
    const still = stamping > 0 && stamping === last && stamping === intents.signed && intents.open === 0;
    if (!still) since = performance.now();
    last = stamping;
    return performance.now() - since > 1_000;
  });
}

async function delivered(house: House): Promise<void> {
  await until('the batch is delivered', () => existsSync(house.at('pdf', 'outgoing', 'letters/READY')));
  assertComplete(house.directory, 'pdf');
}

/** Every key call has its intent. */
function assertSignedOnce(house: House): void {
  const { intents, signedTwice, stamping } = readLedger(house.directory);
  assert.deepEqual(intents, { signed: count, spent: 0, unspent: 0, doubt: 0, discarded: 0, open: 0 });
  assert.deepEqual([signedTwice, stamping], [0, 0]);
}

describe('the timestamp authority does not answer, and signatures wait', () => {
  const evaluation = new Evaluation();
  before(() => evaluation.init());
  after(() => {
    evaluation.remove();
  });

  for (const signal of ['SIGKILL', 'SIGTERM'] as const)
    test(`${signal}: after the restart they go on from their values; no key is called twice, nothing is in doubt`, async (t) => {
      const house = evaluation.house();
      const { gate, daemon } = await waiting(t, house);
      daemon.signal(signal);
      assert.equal(await daemon.ended(), signal === 'SIGTERM' ? 0 : signal, daemon.log);
      const { intents, stamping } = readLedger(house.directory);
      assert.deepEqual([intents.open, stamping], [0, intents.signed]);
      // Still down: what waits goes on waiting, and no further signature is spent.
      const second = await house.daemon(t);
      await until('it waits again', () => /SEAL-TSA-UNAVAILABLE/.test(second.log));
      assert.equal(readLedger(house.directory).intents.signed, intents.signed);
      gate.open = true;
      await delivered(house);
      assertSignedOnce(house);
      assert.equal(await second.stop(), 0);
      const verify = await house.run('verify', house.at('pdf', 'outgoing', 'letters/0.pdf'), '--json');
      assert.equal(verify.status, 0, verify.stdout);
      assert.match(verify.stdout, /"level": ?"B-T"/);
    });

  test('batch cancel ends it at once; batch retry takes the signatures over', async (t) => {
    const house = evaluation.house();
    const { gate } = await waiting(t, house);
    const [batch] = await house.ask<{ id: string }[]>('batch', 'list');
    const cancelled = await house.run('batch', 'cancel', batch?.id ?? '');
    assert.equal(cancelled.status, 0, cancelled.stderr);
    await until('it lies in failed/', () => existsSync(house.at('pdf', 'failed', 'letters/FAILED')));
    gate.open = true;
    const retried = await house.run('batch', 'retry', batch?.id ?? '');
    assert.equal(retried.status, 0, retried.stderr);
    await delivered(house);
    assert.equal(readLedger(house.directory).intents.signed, count);
    assert.equal(readLedger(house.directory).intents.spent, 0);
  });

  test('maxWait ends it with the reason; what was signed is kept, and batch retry uses it', async (t) => {
    const house = evaluation.house();
    const { gate, daemon } = await waiting(t, house);
    assert.equal(await daemon.stop(), 0);
    house.edit((settings) => {
      settings.setIn(['roots', 'pdf', 'maxWait'], '2s');
    });
    await house.daemon(t);
    await until('it has failed', () => existsSync(house.at('pdf', 'failed', 'letters/FAILED')));
    const [batch] = await house.ask<{ id: string; error?: { code: string; message: string } }[]>('batch', 'list');
    assert.equal(batch?.error?.code, 'SEAL-BATCH-TIMEOUT');
    const { intents } = readLedger(house.directory);
    assert.deepEqual([intents.open, intents.doubt, intents.spent], [0, 0, 0]);
    gate.open = true;
    const retried = await house.run('batch', 'retry', batch.id);
    assert.equal(retried.status, 0, retried.stderr);
    assert.match(retried.stdout, new RegExp(`${intents.signed} `));
    await delivered(house);
    assert.equal(readLedger(house.directory).intents.signed, count);
  });
});
