import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { endInterrupted } from '../../src/app/command-batch.ts';
import type { Call } from '../../src/app/context.ts';
import { testKey } from '../../src/app/key-test.ts';
import type { Service } from '../../src/app/service.ts';
import { signFiles, type SignResult } from '../../src/app/sign.ts';
import { SealError } from '../../src/errors.ts';
import { fixture, ServiceHouse } from '../support/service.ts';

const call: Call = { actor: 'karl', progress: () => undefined, signal: new AbortController().signal };

/** Files in a directory of their own; their paths. */
function files(house: ServiceHouse, contents: Readonly<Record<string, string | Buffer>>): string[] {
  const directory = join(house.directory, 'in');
  mkdirSync(directory, { recursive: true });
  return Object.entries(contents).map(([name, content]) => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  });
}

const out = (house: ServiceHouse): string => join(house.directory, 'out');

async function sign(service: Service, house: ServiceHouse, paths: readonly string[], profile = 'seal'): Promise<SignResult> {
  return await signFiles(service, { files: paths, profile, out: out(house) }, call);
}

/** What is left of a command beside its answer. */
function leftovers(house: ServiceHouse): string[] {
  return [join(house.config.dataDir, 'spool'), house.config.dataDir, out(house)]
    .filter((directory) => existsSync(directory))
    .flatMap((directory) => readdirSync(directory))
    .filter((name) => name.startsWith('.') || name.startsWith('trial-') || /^\d{8}-/.test(name));
}

suite('sign', () => {
  test('a text and a PDF go the way of a batch: signed, verified, archived, delivered', async (t) => {
    const house = await ServiceHouse.open(t);
    const service = await house.service();
    const paths = files(house, { 'x.txt': 'order 4711', 'y.pdf': fixture('libreoffice.pdf') });
    const { batch, evaluation, files: signed } = await sign(service, house, paths);
    assert.deepEqual(
      [signed.map(({ format, level, key }) => [format, level, key]), evaluation],
      [
        [
          ['cades', 'B-B', 'key'],
          ['pades', 'B-B', 'key'],
        ],
        true,
      ],
    );
    assert.deepEqual(readdirSync(out(house)), ['x.txt.p7s', 'y.pdf']);
    assert.equal((await house.batch(batch)).state, 'delivered');
    assert.ok(
      (await house.fx.store.documents(batch)).every(({ leaves }) => (leaves?.length ?? 0) > 0),
      'archived like any other',
    );
    assert.deepEqual(leftovers(house), []);
  });

  test('nothing is overwritten, and that is found out before a signature is spent', async (t) => {
    const house = await ServiceHouse.open(t);
    const service = await house.service();
    const paths = files(house, { 'x.txt': 'x', 'y.pdf': fixture('ghostscript.pdf') });
    await sign(service, house, paths);
    const before = readFileSync(join(out(house), 'x.txt.p7s'));
    await assert.rejects(sign(service, house, paths.slice(0, 1)), (error: SealError) => {
      assert.deepEqual([error.code, error.exit], ['SEAL-DOC-NAME', 65]);
      return error.hint?.includes('--out') === true;
    });
    const [fresh = ''] = files(house, { 'z.txt': 'z' });
    const { files: signed } = await sign(service, house, [...paths, fresh]);
    assert.deepEqual(
      signed.map(({ error }) => error?.code),
      ['SEAL-DOC-NAME', 'SEAL-DOC-NAME', undefined],
    );
    assert.deepEqual(readFileSync(join(out(house), 'x.txt.p7s')), before);
    assert.equal(house.key.signatures, 3);
    // Somebody is faster than we are.
    house.key.before = () => {
      writeFileSync(join(out(house), 'last.txt.p7s'), 'theirs');
    };
    const late = await sign(service, house, files(house, { 'last.txt': 'x' }));
    assert.equal(late.files[0]?.error?.code, 'SEAL-DOC-NAME');
    assert.equal(readFileSync(join(out(house), 'last.txt.p7s'), 'utf8'), 'theirs');
    assert.deepEqual(leftovers(house), []);
  });

  test('a file that cannot be signed is an answer and keeps no other waiting', async (t) => {
    const house = await ServiceHouse.open(t);
    const service = await house.service();
    const paths = files(house, { 'broken.pdf': fixture('broken.pdf'), 'x.txt': 'x' });
    mkdirSync(join(house.directory, 'in/other'));
    writeFileSync(join(house.directory, 'in/other/x.txt'), 'the same name');
    const all = [...paths, join(house.directory, 'in/missing'), join(house.directory, 'in/other/x.txt'), join(house.directory, 'in')];
    const { files: signed } = await sign(service, house, all);
    assert.deepEqual(
      signed.map(({ error }) => error?.code),
      ['SEAL-DOC-DAMAGED', undefined, 'SEAL-INPUT-MISSING', 'SEAL-DOC-NAME', 'SEAL-DOC-TYPE'],
    );
    for (const { error } of signed) if (error !== undefined) assert.ok(error.hint !== undefined, error.code);
    const none = await sign(service, house, paths.slice(0, 1));
    assert.equal(none.files[0]?.error?.code, 'SEAL-DOC-DAMAGED');
    assert.equal((await house.batch(none.batch)).state, 'failed');
  });

  test('no key, no timestamp, no revocation data: not yet, and nothing is kept', async (t) => {
    const house = await ServiceHouse.open(t);
    const service = await house.service();
    const paths = files(house, { 'x.txt': 'x' });
    const notYet = async (code: string, exit: number, profile?: string): Promise<void> => {
      await assert.rejects(sign(service, house, paths, profile), (error: SealError) => {
        assert.deepEqual([error.code, error.exit], [code, exit]);
        return true;
      });
      assert.deepEqual([...leftovers(house), ...(await house.fx.store.unfinished())], []);
    };
    house.key.pull();
    await notYet('SEAL-KEY-ABSENT', 69);
    house.key.insert();
    house.tsa.down = true;
    await notYet('SEAL-TSA-UNAVAILABLE', 75, 'stamped');
    house.tsa.down = false;
    house.offline = true;
    await notYet('SEAL-TRUST-REVOCATION', 75);
    house.offline = false;
    await assert.rejects(sign(service, house, paths, 'nobody'), { code: 'SEAL-USAGE' });
    await assert.rejects(signFiles(service, { files: paths, profile: 'seal', out: out(house), keys: ['nobody'] }, call), {
      code: 'SEAL-KEY-UNKNOWN',
    });
    await assert.rejects(signFiles(service, { files: paths, profile: 'seal', out: out(house), keys: [] }, call), {
      code: 'SEAL-KEY-DENIED',
    });
    const { files: signed } = await sign(service, house, paths, 'stamped');
    assert.equal(signed[0]?.level, 'B-T');
  });

  test('a key that leaves in the middle: what is signed is delivered, the rest is told', async (t) => {
    const house = await ServiceHouse.open(t);
    const service = await house.service();
    const paths = files(house, Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`${n}.txt`, String(n)])));
    house.key.before = () => {
      if (house.key.signatures >= 20) {
        house.key.pull();
        throw new SealError('SEAL-KEY-ABSENT', 'pulled', { hint: 'insert it' });
      }
    };
    const { batch, files: signed } = await sign(service, house, paths);
    const done = signed.filter(({ error }) => error === undefined);
    assert.ok(done.length > 0 && done.length < 40, String(done.length));
    assert.ok(signed.every(({ error }) => error === undefined || error.code.startsWith('SEAL-KEY-')));
    for (const { output = '' } of done) assert.ok(statSync(output).size > 0);
    assert.equal(readdirSync(out(house)).length, done.length);
    assert.equal((await house.batch(batch)).state, 'delivered');
  });

  test('interrupted: nothing is left; killed: the next start ends it', async (t) => {
    const house = await ServiceHouse.open(t);
    const service = await house.service();
    const paths = files(house, { 'x.txt': 'x' });
    const stop = new AbortController();
    house.key.before = () => {
      stop.abort(new SealError('SEAL-INTERRUPTED', 'interrupted'));
    };
    const args = { files: paths, profile: 'seal', out: out(house) };
    await assert.rejects(signFiles(service, args, { ...call, signal: stop.signal }), { code: 'SEAL-INTERRUPTED' });
    assert.deepEqual([...leftovers(house), ...(await house.fx.store.unfinished())], []);
    // Killed: the key never answers, and nobody waits for it.
    house.key.before = () => new Promise(() => undefined);
    void signFiles(service, args, call).catch(() => undefined);
    void testKey(service, { name: 'key' }, call).catch(() => undefined);
    await house.until('signing', () => house.key.running === 2);
    await endInterrupted(service.app);
    const ended = (await house.fx.store.batches({})).map(({ root, state }) => `${root} ${state}`);
    assert.deepEqual(ended.sort(), ['@sign failed', '@sign failed', '@test abandoned']);
  });
});

suite('key test', () => {
  test('makes one signature that counts with its key and nowhere else', async (t) => {
    const house = await ServiceHouse.open(t);
    const service = await house.service();
    const { name, algorithm } = await testKey(service, { name: 'key' }, call);
    assert.deepEqual([name, algorithm], ['key', 'prime256v1, SHA-256']);
    assert.deepEqual(await house.fx.store.signatureCounts('key', 0), { signed: 1, doubt: 0, open: 0, discarded: 0 });
    const { documents } = await house.fx.store.totals();
    assert.deepEqual(documents, { in: 0, delivered: 0, failed: 0, waiting: 0 });
    assert.equal((await house.fx.store.trees({})).length, 0, 'nothing is archived');
    assert.deepEqual(leftovers(house), []);
  });

  test('tells why a key cannot sign', async (t) => {
    const house = await ServiceHouse.open(t);
    const service = await house.service();
    await assert.rejects(testKey(service, { name: 'nobody' }, call), { code: 'SEAL-KEY-UNKNOWN' });
    house.key.pull();
    await assert.rejects(testKey(service, { name: 'key' }, call), { code: 'SEAL-KEY-ABSENT' });
    await house.key.deactivate();
    await assert.rejects(testKey(service, { name: 'key' }, call), { code: 'SEAL-KEY-PIN-NEEDED' });
    house.key.insert();
    house.key.garble = (signature) => Buffer.alloc(signature.length);
    await assert.rejects(testKey(service, { name: 'key' }, call), (error: SealError) => /^SEAL-(SIGN-BAD|VERIFY|KEY)/.test(error.code));
    assert.deepEqual(leftovers(house), []);
  });
});
