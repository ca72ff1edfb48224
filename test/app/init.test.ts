import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { initialize } from '../../src/app/init.ts';
import { loadConfig } from '../../src/config/load.ts';
import { nodeFiles } from '../../src/effects/files.ts';
import { httpServer } from '../../src/effects/http-server.ts';
import { systemRandom } from '../../src/effects/random.ts';
import { formats } from '../../src/formats/index.ts';
import { openPkcs12 } from '../../src/formats/pkcs12.ts';
import { readPem, writePem } from '../../src/formats/pem.ts';
import { openssl } from '../authority/openssl.ts';
import { ManualClock } from '../support/clock.ts';
import { Killed, killedAt, temporaryDirectory } from '../support/files.ts';
import { CollectingLog } from '../support/log.ts';
import { needs } from '../support/tools.ts';
import type { InitResult } from '../../src/app/init.ts';
import type { Files } from '../../src/ports/files.ts';

const files = nodeFiles();
after(() => files.close());
const world = (over: Files = files) => ({
  clock: new ManualClock(Date.now()),
  files: over,
  random: systemRandom,
  log: new CollectingLog(),
  httpServer: httpServer(),
});
const createDatabase = async (dataDir: string): Promise<string> => {
  await writeFile(join(dataDir, 'sealtree.db'), '');
  return join(dataDir, 'sealtree.db');
};
const options = (directory: string) => ({ directory, shownAs: directory, program: 'sealtree', timezone: 'Europe/Berlin', createDatabase });

describe('init', () => {
  const shared = mkdtempSync(join(tmpdir(), 'sealtree-init-'));
  const top = join(shared, "it's here");
  let result: InitResult;
  before(async () => {
    result = await initialize(world(), options(top));
  });
  after(async () => {
    await rm(shared, { recursive: true });
  });

  test('leaves a valid configuration whose files are all there and fit', needs('openssl'), async () => {
    const config = loadConfig(join(top, 'roots.yaml'));
    for (const root of ['pdf', 'files']) {
      for (const tree of ['incoming', 'outgoing', 'done', 'failed']) assert.ok((await stat(join(top, 'roots', root, tree))).isDirectory());
    }
    assert.equal(config.dataDir, join(top, 'data'));
    assert.equal((await stat(config.dataDir)).mode & 0o777, 0o700);
    assert.equal(config.archive.timezone, 'Europe/Berlin');
    assert.equal(readPem(await readFile(config.trust.anchors[0] ?? '')).length, 1);
    for (const key of Object.values(config.keys)) {
      assert.ok(key.source === 'pkcs12' && 'file' in key.passphrase);
      const passphrase = Buffer.from((await readFile(key.passphrase.file, 'utf8')).trimEnd());
      const { keys, certificates } = await openPkcs12(await readFile(key.file), passphrase);
      assert.equal(keys.length, 1);
      await writeFile(join(top, 'chain.pem'), certificates.map(({ der }) => writePem(der)).join(''));
      for (const name of ['root', 'issuing']) {
        await openssl(top, 'crl', '-inform', 'DER', '-in', `crls/evaluation-${name}.crl`, '-out', `${name}.pem`);
      }
      const crls = ['-crl_check_all', '-CRLfile', 'root.pem', '-CRLfile', 'issuing.pem'];
      const { status, output } = await openssl(top, 'verify', '-CAfile', 'trust.pem', '-untrusted', 'chain.pem', ...crls, 'chain.pem');
      assert.equal(status, 0, output);
    }
    assert.deepEqual(result.kept, []);
    assert.equal(result.commands.length, 3);
  });

  test('offers one profile for each format and level that exists', () => {
    const config = loadConfig(join(top, 'roots.yaml'));
    const wanted = formats.flatMap(({ name, levels }) => levels.map((level) => ({ name, level })));
    assert.equal(Object.keys(config.profiles).length, wanted.length);
    for (const { name, level } of wanted) {
      const profile = config.profiles[`${name}-${level.toLowerCase()}`];
      assert.deepEqual([profile?.format, profile?.level], [name, level]);
    }
  });

  test('run again overwrites nothing and names what it kept; what is missing is made', async (t) => {
    const top = temporaryDirectory(t);
    await writeFile(join(top, 'roots.yaml'), 'mine');
    const first = await initialize(world(), options(top));
    assert.deepEqual(first.kept, [join(top, 'roots.yaml')]);
    const second = await initialize(world(), options(top));
    assert.deepEqual(second.created, []);
    assert.equal(await readFile(join(top, 'roots.yaml'), 'utf8'), 'mine');
    for (const name of [
      'roots.yaml',
      'trust.pem',
      'keys/evaluation.pass',
      'keys/evaluation-rsa.p12',
      'crls/evaluation-root.crl',
      'keys/evaluation/authority.json',
    ]) {
      assert.ok(second.kept.includes(join(top, name)), name);
    }
    await files.remove(join(top, 'roots.yaml'));
    await files.remove(join(top, 'keys/evaluation-ec.p12'));
    const third = await initialize(world(), options(top));
    const made = ['keys/evaluation-ec.p12', 'data/sealtree.db', 'roots.yaml'];
    assert.deepEqual(
      third.created,
      made.map((name) => join(top, name)),
    );
    loadConfig(join(top, 'roots.yaml'));
  });

  test('is completed by a second run after it was killed', async (t) => {
    for (const nth of [4, 30]) {
      const top = join(temporaryDirectory(t), 'new');
      await assert.rejects(initialize(world(killedAt(files, nth, 'after')), options(top)), Killed);
      await initialize(world(), options(top));
      assert.equal(Object.keys(loadConfig(join(top, 'roots.yaml')).keys).length, 2);
    }
  });

  test('chooses a port of its own, in certificates and configuration alike; one in use is passed over', async (t) => {
    const fx = world();
    const taken = await fx.httpServer.serve('127.0.0.1', 31_999, () => Promise.reject(new Error('not asked'))).catch(() => undefined);
    t.after(() => taken?.close());
    const drawn = [31_999, 31_998, 31_997, 31_996].map((port) => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(port - 20_000);
      return bytes;
    });
    const bytes = (length: number): Buffer => (length === 4 ? drawn.shift() : undefined) ?? fx.random.bytes(length);
    const top = temporaryDirectory(t);
    await initialize({ ...fx, random: { bytes } }, options(top));
    const { evaluation, tsas, trust } = loadConfig(join(top, 'roots.yaml'));
    assert.ok(evaluation && evaluation.port < 31_999 && evaluation.port >= 20_000);
    assert.equal(tsas['evaluation']?.url, `http://127.0.0.1:${evaluation.port}/tsa`);
    assert.deepEqual(trust.allowHosts, [`127.0.0.1:${evaluation.port}`]);
    assert.match(await readFile(join(evaluation.dir, 'authority.json'), 'utf8'), new RegExp(`http://127.0.0.1:${evaluation.port}"`));
  });

  test('gives commands that a shell takes, also below a directory with blanks and quotes', async () => {
    const { commands } = result;
    await promisify(execFile)('sh', ['-c', commands[0] ?? '']);
    assert.equal(await readFile(join(top, 'roots/files/incoming/first/letter.txt'), 'utf8'), 'Good morning\n');
    assert.ok((await stat(join(top, 'roots/files/incoming/first/APPROVED'))).isFile());
    assert.match(commands[1] ?? '', /^sealtree run --once --config '/);
    assert.match(commands[2] ?? '', /^sealtree verify .*letter\.txt\.p7s' --document '/);
  });
});
