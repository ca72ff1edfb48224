import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import type { ErrorReport } from '../../src/errors.ts';
import { demandDatabase, openDataDirectory } from '../../src/effects/data-directory.ts';

function place(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'sealtree-data-'));
  t.after(() => {
    rmSync(directory, { recursive: true });
  });
  return directory;
}

const nobody = 65_534;

/** Calls a function as a user who may nothing; root may everything. What it throws. */
function asAnybody(module: string, name: string, argument: string): ErrorReport {
  const program = `
    import { ${name} } from ${JSON.stringify(join(import.meta.dirname, '../..', module))};
    if (process.getuid() === 0) { process.setgroups([]); process.setgid(${nobody}); process.setuid(${nobody}); }
    try { ${name}(${JSON.stringify(argument)}); } catch (thrown) { process.stdout.write(JSON.stringify(thrown)); }`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  assert.notEqual(stdout, '', `nothing was thrown. ${stderr}`);
  return JSON.parse(stdout) as ErrorReport;
}

describe('data directory', () => {
  test('is made with what is above it, private; one that others can read is closed to them', (t) => {
    const path = join(place(t), 'var/lib/data');
    openDataDirectory(path);
    assert.equal(statSync(path).mode & 0o777, 0o700);
    chmodSync(path, 0o755);
    openDataDirectory(path);
    assert.equal(statSync(path).mode & 0o777, 0o700);
  });

  test('a file, or something below a file, is a mistake in the configuration or of the mount, never a defect', (t) => {
    const file = join(place(t), 'file');
    writeFileSync(file, '');
    assert.throws(
      () => {
        openDataDirectory(file);
      },
      { code: 'SEAL-CONFIG-INVALID', where: file },
    );
    assert.throws(
      () => {
        openDataDirectory(join(file, 'data'));
      },
      { code: /SEAL-(CONFIG-INVALID|DISK-IO)/ },
    );
  });

  test('where no directory can be made it says so at once', { skip: process.platform === 'linux' ? false : 'no /proc' }, () => {
    assert.throws(
      () => {
        openDataDirectory('/proc/sealtree/data');
      },
      { code: /SEAL-(DISK-IO|NOT-PERMITTED)/, hint: /data:|user/ },
    );
  });

  test('whoever only reads makes nothing: no directory and no database where the disk is not mounted', (t) => {
    const path = join(place(t), 'var/data');
    const read = (): void => {
      demandDatabase(path, join(path, 'sealtree.db'));
    };
    assert.throws(read, { code: 'SEAL-STORE-ABSENT', where: path, message: /does not exist/, hint: /mount/ });
    assert.equal(existsSync(join(path, '..')), false);
    mkdirSync(path, { recursive: true, mode: 0o755 });
    assert.throws(read, { code: 'SEAL-STORE-ABSENT', message: /holds no database/ });
    assert.equal(statSync(path).mode & 0o777, 0o755);
    writeFileSync(join(path, 'sealtree.db'), '');
    read();
  });

  test('another user’s is not permitted', (t) => {
    const top = place(t);
    chmodSync(top, 0o755);
    const path = join(top, 'closed/data');
    mkdirSync(join(path, '..'), { mode: 0o500 });
    const error = asAnybody('src/effects/data-directory.ts', 'openDataDirectory', path);
    assert.equal(error.code, 'SEAL-NOT-PERMITTED');
    assert.match(error.hint ?? '', /user of the daemon/);
  });
});
