import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { needs, pkitsData, venv } from '../support/tools.ts';

const harness = new URL('../pkits/', import.meta.url).pathname;

test('all 245 cases of the NIST PKITS suite are judged right, none wrongly accepted', needs('pkits'), () => {
  const args = [`${harness}run.py`, '--pkits', pkitsData() ?? 'missing', '--', process.execPath, `${harness}adaptor.ts`];
  const { status, stderr, stdout } = spawnSync(`${venv}/bin/python3`, args, { encoding: 'utf8' });
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /wrongly accepted 0, wrongly rejected 0, of 245/);
});
