import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const top = new URL('../../', import.meta.url).pathname;

/** Node refuses TypeScript below node_modules: what is published is compiled, and its workers and children must find each other there too. */
test('the published form runs the main job: compiled, away from the sources', { timeout: 240_000 }, (t) => {
  const place = mkdtempSync(join(tmpdir(), 'sealtree-package-'));
  t.after(() => {
    rmSync(place, { recursive: true, force: true });
  });
  const compiled = spawnSync(
    process.execPath,
    [join(top, 'node_modules/typescript/bin/tsc'), '-p', join(top, 'tsconfig.build.json'), '--outDir', join(place, 'dist')],
    { encoding: 'utf8' },
  );
  assert.equal(compiled.status, 0, compiled.stdout);
  copyFileSync(join(top, 'package.json'), join(place, 'package.json'));
  symlinkSync(join(top, 'node_modules'), join(place, 'node_modules'));
  const sealtree = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, [join(place, 'dist/cli/main.js'), ...args], { encoding: 'utf8', cwd: place });
  const { version } = JSON.parse(readFileSync(join(top, 'package.json'), 'utf8')) as { version: string };
  assert.equal(sealtree('--version').stdout.trim(), version);

  const config = ['--config', join(place, 'try/roots.yaml')];
  const init = sealtree('init', join(place, 'try'));
  assert.equal(init.status, 0, init.stderr);
  const batch = join(place, 'try/roots/files/incoming/first');
  mkdirSync(batch);
  writeFileSync(join(batch, 'letter.txt'), 'Good morning\n');
  writeFileSync(join(batch, 'APPROVED'), '');
  const run = sealtree('run', '--once', ...config);
  assert.equal(run.status, 0, run.stderr);
  const close = sealtree('archive', 'close', ...config);
  assert.equal(close.status, 0, close.stderr);
  const verify = sealtree('verify', join(place, 'try/roots/files/outgoing/first/letter.txt.p7s'), ...config);
  assert.equal(verify.status, 0, verify.stdout);
  assert.match(verify.stdout, /TOTAL-PASSED/);
});
