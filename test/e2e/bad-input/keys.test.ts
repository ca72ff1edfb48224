import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { softHsm, testPin } from '../../support/softhsm.ts';
import { needs } from '../../support/tools.ts';
import { makeSigner, useKey, useSoftwareKey } from '../certificates.ts';
import { Evaluation, type House } from '../house.ts';
import { assertComplete } from '../ready.ts';
import type { Waiting } from '../refusals.ts';

interface KeyLine {
  readonly name: string;
  readonly state: string;
  readonly reason?: string;
  readonly signatures: number;
}

/** The batch waits for its key, with code and remedy; nothing was signed, nothing is lost. */
async function waits(house: House, path: string): Promise<NonNullable<Waiting['waiting']>> {
  const { status, stdout, stderr } = await house.run('run', '--once');
  assert.equal(status, 75, `${stdout}${stderr}`);
  const batches = await house.ask<Waiting[]>('batch', 'list');
  const batch = batches.find((one) => one.path === path);
  assert.ok(batch?.waiting !== undefined, JSON.stringify(batches));
  assert.match(batch.waiting.hint ?? '', /\S/, 'a remedy');
  assert.equal(existsSync(house.at('files', 'outgoing', path)), false);
  return batch.waiting;
}

async function delivers(house: House, path: string): Promise<void> {
  const { status, stdout, stderr } = await house.run('run', '--once');
  assert.equal(status, 0, `${stdout}${stderr}`);
  assert.deepEqual(assertComplete(house.directory, 'files'), [path]);
}

describe('keys that cannot sign', () => {
  const evaluation = new Evaluation();
  before(() => evaluation.init());
  after(() => {
    evaluation.remove();
  });

  for (const [what, validity, words] of [
    ['an expired certificate', { from: -30, to: -1 }, /expired|ended/],
    ['a certificate that is not valid yet', { from: 1, to: 30 }, /not yet valid|not valid/],
  ] as const)
    test(`${what}: check says so, the batch waits, and goes on with a good one`, async () => {
      const house = evaluation.house();
      await useSoftwareKey(house, await makeSigner(house, validity));
      const check = await house.run('check');
      assert.equal(check.status, 69, check.stdout);
      assert.match(check.stdout, words);
      house.place('files', 'letters', { 'letter.txt': 'Good morning' });
      const reason = await waits(house, 'letters');
      assert.equal(reason.code, 'SEAL-KEY-CERTIFICATE');
      const [key] = (await house.ask<KeyLine[]>('key', 'list')).filter(({ name }) => name === 'test');
      assert.equal(key?.signatures, 0);

      await useSoftwareKey(house, await makeSigner(house));
      await delivers(house, 'letters');
    });

  test('a key that does not fit its certificate never signs', async () => {
    const house = evaluation.house();
    const [one, other] = [await makeSigner(house), await makeSigner(house)];
    await useSoftwareKey(house, { privateKey: one.privateKey, chain: other.chain });
    const check = await house.run('check');
    assert.equal(check.status, 69, check.stdout);
    assert.match(check.stdout, /✗ key test: .*\n {4}hint: /);
    house.place('files', 'letters', { 'letter.txt': 'Good morning' });
    assert.equal((await waits(house, 'letters')).code, 'SEAL-KEY-MISMATCH');
    await useSoftwareKey(house, one);
    await delivers(house, 'letters');
  });

  test('a wrong passphrase of a software certificate', async () => {
    const house = evaluation.house();
    writeFileSync(join(house.directory, 'keys/wrong.pass'), 'wrong\n', { mode: 0o600 });
    useKey(house, { source: 'pkcs12', file: './keys/evaluation-ec.p12', passphrase: { file: './keys/wrong.pass' } });
    house.place('files', 'letters', { 'letter.txt': 'Good morning' });
    assert.equal((await waits(house, 'letters')).code, 'SEAL-KEY-PASSPHRASE');
    useKey(house, { source: 'pkcs12', file: './keys/evaluation-ec.p12', passphrase: { file: './keys/evaluation.pass' } });
    await delivers(house, 'letters');
  });

  test(
    'a wrong PIN of a card is tried once and never again by the machine; the batch waits for the right one',
    needs('softhsm'),
    async (t) => {
      const house = evaluation.house();
      const hsm = softHsm((remove) => {
        t.after(remove);
      });
      const { privateKey, chain } = await makeSigner(house);
      const [certificate, ...issuers] = chain;
      hsm.importKey(hsm.createToken('seal'), { privateKey, ...(certificate === undefined ? {} : { certificate }), chain: issuers });
      writeFileSync(join(house.directory, 'keys/card.pin'), '00000000\n', { mode: 0o600 });
      const card = { source: 'pkcs11', module: hsm.module, token: { label: 'seal' }, key: { id: '01' }, pin: { file: './keys/card.pin' } };
      useKey(house, { ...card, environment: hsm.environment });
      house.place('files', 'letters', { 'letter.txt': 'Good morning' });
      assert.match((await waits(house, 'letters')).code, /^SEAL-KEY-PIN-(INCORRECT|NEEDED)$/);
      const tried = (await house.run('audit', 'export')).stdout;
      await waits(house, 'letters');
      const again = (await house.run('audit', 'export')).stdout;
      const wrong = (log: string): number => log.split('\n').filter((line) => /pin/i.test(line) && /incorrect|wrong/i.test(line)).length;
      assert.equal(wrong(again), wrong(tried), 'a restart does not try the same PIN again');
      assert.doesNotMatch(again, /00000000/);

      writeFileSync(join(house.directory, 'keys/card.pin'), `${testPin}\n`, { mode: 0o600 });
      await delivers(house, 'letters');
    },
  );
});
