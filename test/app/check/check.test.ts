import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { check, type CheckParts, type Finding } from '../../../src/app/check/check.ts';
import { SealError } from '../../../src/errors.ts';
import { FakeSource } from '../../signer/fake-source.ts';
import { ServiceHouse } from '../../support/service.ts';

const calm = { sign: false, actor: 'karl', signal: new AbortController().signal, progress: () => undefined };

async function said(house: ServiceHouse, parts: Partial<CheckParts> = {}, sign = false): Promise<Finding[]> {
  const service = parts.service ?? (await house.service());
  return await check({ fx: house.fx, config: house.config, database: true, ...parts, service }, { ...calm, sign });
}

const bad = (findings: readonly Finding[]): string[] =>
  findings.flatMap(({ status, what, code = '' }) => (status === 'ok' ? [] : [`${status} ${what} ${code}`.trim()]));

suite('check', () => {
  test('a sound house: everything is tried, nothing is left behind', async (t) => {
    const house = await ServiceHouse.open(t);
    const before = house.files(house.directory);
    const findings = await said(house);
    assert.deepEqual(bad(findings), []);
    assert.deepEqual(house.files(house.directory), before);
    assert.deepEqual(readdirSync(house.root.incoming), []);
  });

  test('one key that fails hides no other; each that signs makes a signature that is verified', async (t) => {
    const made = new Map<string, FakeSource>();
    const house = await ServiceHouse.open(t, {
      config: { keys: { first: keyConfig('first'), second: keyConfig('second') } },
      keys: ({ clock, authority }) =>
        ['first', 'second'].map((name) => {
          const source = new FakeSource(name, clock, { identity: authority.issue(), concurrency: 1, chunk: 1 });
          made.set(name, source);
          return source;
        }),
      roots: { letters: { keys: ['first', 'second'] } },
    });
    const service = await house.service();
    made.get('first')?.pull();
    const findings = await said(house, { service }, true);
    assert.deepEqual(bad(findings), ['error key first SEAL-KEY-ABSENT']);
    assert.ok(findings.some(({ status, what, message }) => status === 'ok' && what === 'key second signature' && /verifies/.test(message)));
    assert.equal(made.get('second')?.signatures, 1);
  });

  test('trees that are missing are named and not made: to come where nobody worked, gone where somebody did or does', async (t) => {
    const house = await ServiceHouse.open(t);
    rmSync(house.root.done, { recursive: true });
    assert.deepEqual(bad(await said(house)), ['warning root letters done']);
    assert.deepEqual(bad(await said(house, { file: house.config })), ['error root letters done SEAL-ROOT-UNUSABLE']);
    mkdirSync(join(house.root.path, '.sealtree'), { recursive: true });
    writeFileSync(join(house.root.path, '.sealtree/owner'), '{"dataDirectory":"x","path":"/elsewhere"}');
    assert.deepEqual(bad(await said(house)), ['error root letters done SEAL-ROOT-UNUSABLE']);
    assert.equal(readdirSync(house.root.path).includes('done'), false);
  });

  test('in the daemon: what the file says otherwise is named', async (t) => {
    const house = await ServiceHouse.open(t);
    const file = { ...house.config, dataDir: '/other', archive: { ...house.config.archive, closeAt: '01:00' } };
    const findings = await said(house, { file });
    const differs = findings.find(({ what, status }) => what === 'daemon' && status === 'warning');
    assert.match(differs?.message ?? '', /data, archive\.closeAt/);
    assert.equal(bad(await said(house, { file: house.config })).length, 0);
  });

  test('without keys and authorities the rest is checked, and it says what was left out and why', async (t) => {
    const house = await ServiceHouse.open(t);
    const busy = await said(house, { service: new SealError('SEAL-DAEMON-RUNNING', 'another Sealtree works on this data directory') });
    assert.deepEqual(bad(busy), ['warning keys, timestamps']);
    assert.match(busy.at(-1)?.message ?? '', /another command/);
    const broken = await said(house, { service: new SealError('SEAL-CONFIG-SECRET', 'key.p12 can be read by others') });
    assert.deepEqual(bad(broken), ['error keys, timestamps SEAL-CONFIG-SECRET']);
  });
});

function keyConfig(name: string): ServiceHouse['config']['keys'][string] {
  return {
    ...{ name, source: 'pkcs12', file: '/k.p12', passphrase: { env: 'X' }, roots: [], minRemaining: 0, chain: [] },
    keyUsage: 'contentCommitment',
  };
}
