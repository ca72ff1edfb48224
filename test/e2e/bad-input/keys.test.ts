import assert from 'node:assert/strict';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { softHsm, testPin } from '../../support/softhsm.ts';
import { needs } from '../../support/tools.ts';
import { makeSigner, useKeys, writeSoftwareKey } from '../certificates.ts';
import { Evaluation, type House } from '../house.ts';
import { runDelivers, runWaits } from '../refusals.ts';

interface KeyLine {
  readonly name: string;
  readonly signatures: number;
}

describe('keys that cannot sign', () => {
  const evaluation = new Evaluation();
  before(() => evaluation.init());
  after(() => {
    evaluation.remove();
  });

  test('certificates expired, not valid yet, of another key, a wrong passphrase: check names each, batches wait and go on with good ones', async () => {
    const house = evaluation.house();
    const codes = {
      expired: 'SEAL-KEY-CERTIFICATE',
      future: 'SEAL-KEY-CERTIFICATE',
      mismatch: 'SEAL-KEY-MISMATCH',
      passphrase: 'SEAL-KEY-PASSPHRASE',
    };
    const names = Object.keys(codes);
    await useBadKeys(house);
    for (const name of names) house.place('files', name, { 'letter.txt': `Good morning, ${name}` }, `keys: [${name}]`);

    const check = await house.run('check');
    assert.equal(check.status, 77, check.stdout);
    for (const [name, words] of [
      ['expired', /expired|ended/],
      ['future', /not yet valid|not valid/],
      ['mismatch', /belong|fit|match/],
      ['passphrase', /passphrase/],
    ] as const) {
      const [line = '', hint = ''] = check.stdout.slice(check.stdout.indexOf(`✗ key ${name}:`)).split('\n');
      assert.match(line, words, check.stdout);
      assert.match(hint, /^ {4}hint: \S/, check.stdout);
    }

    const reasons = await runWaits(house, names);
    assert.deepEqual(Object.fromEntries([...reasons].map(([path, { code }]) => [path, code])), codes);
    for (const { name, signatures } of await house.ask<KeyLine[]>('key', 'list'))
      if (names.includes(name)) assert.equal(signatures, 0, name);

    for (const name of names) await writeSoftwareKey(house, name, await makeSigner(house));
    cpSync(join(house.directory, 'keys/evaluation.pass'), join(house.directory, 'keys/wrong.pass'));
    await runDelivers(house, names);
  });

  test('a wrong PIN of a card is tried once and never again by the machine; a person enters the right one', needs('softhsm'), async (t) => {
    const house = evaluation.house();
    const hsm = softHsm((remove) => {
      t.after(remove);
    });
    const { privateKey, chain } = await makeSigner(house);
    const [certificate, ...issuers] = chain;
    hsm.importKey(hsm.createToken('seal'), { privateKey, ...(certificate === undefined ? {} : { certificate }), chain: issuers });
    const pin = join(house.directory, 'keys/card.pin');
    writeFileSync(pin, '00000000\n', { mode: 0o600 });
    const card = { source: 'pkcs11', module: hsm.module, token: { label: 'seal' }, key: { id: '01' }, pin: { file: pin } };
    useKeys(house, { card: { ...card, environment: hsm.environment } });
    house.place('files', 'letters', { 'letter.txt': 'Good morning' });

    assert.equal((await runWaits(house, ['letters'])).get('letters')?.code, 'SEAL-KEY-PIN-INCORRECT');
    const again = (await runWaits(house, ['letters'])).get('letters');
    assert.match(again?.message ?? '', /is not tried again/, 'a restart does not try it again');
    assert.match(again?.hint ?? '', /sealtree key activate/);
    assert.doesNotMatch((await house.run('audit', 'export')).stdout, /00000000/);

    writeFileSync(pin, `${testPin}\n`, { mode: 0o600 });
    const activated = await house.run('key', 'activate', 'card', '--pin-file', pin);
    assert.equal(activated.status, 0, `${activated.stdout}${activated.stderr}`);
    await runDelivers(house, ['letters']);
  });
});

async function useBadKeys(house: House): Promise<void> {
  const [one, other] = [await makeSigner(house), await makeSigner(house)];
  writeFileSync(join(house.directory, 'keys/wrong.pass'), 'wrong\n', { mode: 0o600 });
  useKeys(house, {
    expired: await writeSoftwareKey(house, 'expired', await makeSigner(house, { from: -30, to: -1 })),
    future: await writeSoftwareKey(house, 'future', await makeSigner(house, { from: 1, to: 30 })),
    mismatch: await writeSoftwareKey(house, 'mismatch', { privateKey: one.privateKey, chain: other.chain }),
    passphrase: { ...(await writeSoftwareKey(house, 'passphrase', one)), passphrase: { file: './keys/wrong.pass' } },
  });
}
