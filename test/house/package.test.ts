import assert from 'node:assert/strict';
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { test } from 'node:test';

const top = new URL('../../', import.meta.url).pathname;

function ran(command: string, args: readonly string[], cwd: string): SpawnSyncReturns<string> {
  const PATH = `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}`;
  const result = spawnSync(command, args, { encoding: 'utf8', cwd, env: { ...process.env, PATH } });
  assert.equal(result.error, undefined);
  return result;
}

/** Compiles and packs a copy of the project, so that nothing is left in the checkout. @returns the tarball */
function packed(place: string): string {
  const copy = join(place, 'project');
  for (const name of readdirSync(top))
    if (!['.git', '.node', '.tools', 'dist', 'node_modules', 'test', 'bench'].includes(name))
      cpSync(join(top, name), join(copy, name), { recursive: true });
  symlinkSync(join(top, 'node_modules'), join(copy, 'node_modules'));
  const tsc = ran(process.execPath, [join(top, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'], copy);
  assert.equal(tsc.status, 0, tsc.stdout);
  const pack = ran('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', place], copy);
  assert.equal(pack.status, 0, pack.stderr);
  const [tarball] = readdirSync(place).filter((name) => name.endsWith('.tgz'));
  return join(place, tarball ?? '');
}

/** Unpacks it as npm does; what it depends on comes from the project, so that no registry is needed. */
function installed(tarball: string, into: string): string {
  const home = join(into, 'node_modules/sealtree');
  mkdirSync(home, { recursive: true });
  assert.equal(ran('tar', ['-xzf', tarball, '--strip-components=1', '-C', home], into).status, 0);
  const { dependencies } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
  for (const name of readdirSync(join(top, 'node_modules')))
    if (name !== '.bin' && name !== 'sealtree') symlinkSync(join(top, 'node_modules', name), join(into, 'node_modules', name));
  for (const name of Object.keys(dependencies)) assert.ok(existsSync(join(into, 'node_modules', name)), name);
  return home;
}

/** Node refuses TypeScript below node_modules: what is published is compiled, and its workers and children must find each other there too. */
test('the packed tarball, installed elsewhere, runs the main job and holds what operators need', { timeout: 540_000 }, (t) => {
  const place = mkdtempSync(join(tmpdir(), 'sealtree-package-'));
  t.after(() => {
    rmSync(place, { recursive: true, force: true });
  });
  const app = join(place, 'app');
  const home = installed(packed(place), app);
  for (const file of ['roots.example.yaml', 'systemd/sealtree.service', 'LICENSE', 'README.md', 'CHANGELOG.md', 'docs/operations.md'])
    assert.ok(existsSync(join(home, file)), file);
  for (const directory of ['src', 'test', 'fixtures', 'demo']) assert.ok(!existsSync(join(home, directory)), directory);

  const manifest = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { version: string; bin: { sealtree: string } };
  // npm makes it executable; the system finds Node by its first line.
  const program = join(home, manifest.bin.sealtree);
  assert.match(readFileSync(program, 'utf8'), /^#!\/usr\/bin\/env node\n/);
  assert.equal(ran('chmod', ['+x', program], place).status, 0);
  const sealtree = (...args: string[]): string => {
    const { status, stdout, stderr } = ran(program, args, app);
    assert.equal(status, 0, `${args.join(' ')}: ${stdout}${stderr}`);
    return stdout;
  };
  assert.equal(sealtree('--version').trim(), manifest.version);
  sealtree('init');
  mkdirSync(join(app, 'roots/files/incoming/first'));
  for (const [name, text] of Object.entries({ 'letter.txt': 'Good morning\n', APPROVED: '' }))
    writeFileSync(join(app, 'roots/files/incoming/first', name), text);
  sealtree('run', '--once');
  sealtree('sign', 'roots.yaml', '--profile', 'cades-b-t', '--out', 'signed');
  sealtree('archive', 'close');
  assert.match(sealtree('verify', 'roots/files/outgoing/first/letter.txt.p7s'), /TOTAL-PASSED/);
  assert.match(sealtree('verify', 'signed/roots.yaml.p7s', '--document', 'roots.yaml'), /TOTAL-PASSED/);
});
