import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { complaints, dss, runProgram } from '../support/judges.ts';
import { needs } from '../support/tools.ts';
import { deliveries } from './deliveries.ts';
import { House, top } from './house.ts';

describe('bin/demo --cards', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'sealtree-demo-cards-'));
  const directory = join(scratch, 'demo');
  after(() => {
    rmSync(scratch, { recursive: true, force: true });
  });

  test('two tokens sign in parallel, each its part; DSS accepts what they signed', needs('softhsm', 'dss'), async () => {
    const { status, stdout, stderr } = await runProgram(join(top, 'bin/demo'), [directory, '--cards']);
    assert.equal(status, 0, `${stdout.toString()}${stderr}`);
    assert.match(stdout.toString(), /card-1 made [0-9]+ signatures?, card-2 made [0-9]+ signatures?/);
    assert.match(stdout.toString(), /0\.3 s for a signature[^]*(?:Both sign at once|this machine is busy)|without the delay of real cards/);
    const house = new House(directory);
    const keys = await house.ask<{ name: string; signatures: number; inDoubt: number }[]>('key', 'list');
    for (const card of ['card-1', 'card-2']) {
      const key = keys.find(({ name }) => name === card);
      assert.ok(key !== undefined && key.signatures > 0 && key.inDoubt === 0, `${card} signed ${String(key?.signatures)}`);
      assert.equal(statSync(join(directory, 'cards', `${card}.pin`)).mode & 0o077, 0);
    }
    const questions = deliveries(directory, ['pdf', 'files']).map(({ document, signature }) => ({
      file: signature ?? document,
      ...(signature === undefined ? {} : { detached: [document] }),
      trust: [house.trust],
      crls: house.crls,
    }));
    assert.equal(questions.length, 11);
    for (const answer of await dss(questions)) assert.ok(answer.allPassed && answer.signatures.length === 1, complaints(answer));
  });

  test('says what to install when SoftHSM is missing, before it does anything', async () => {
    const absent = join(scratch, 'absent');
    const environment = { SOFTHSM2_MODULE: join(scratch, 'none.so') };
    const { status, stdout, stderr } = await runProgram(join(top, 'bin/demo'), [absent, '--cards'], { environment });
    assert.equal(status, 69, stdout.toString());
    assert.match(stderr, /SoftHSM.*not installed[^]*hint: apt-get install softhsm2/);
    assert.equal(existsSync(absent), false);
  });
});
