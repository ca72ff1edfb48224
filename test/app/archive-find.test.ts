import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { findObjects, type FindArgs, type FoundObject } from '../../src/app/archive-find.ts';
import { appendBatch } from '../../src/archive/append.ts';
import { Closing } from '../../src/archive/closing.ts';
import { nodeFiles } from '../../src/effects/files.ts';
import { writePem } from '../../src/formats/pem.ts';
import { sha256 } from '../../src/formats/digests.ts';
import { documentBytes, documentHash, signedBatch, testArchive, type TestArchive } from '../support/archive.ts';
import { temporaryDirectory } from '../support/store.ts';
import type { Config } from '../../src/model/config.ts';

const day = 86_400_000;
const material = { certificates: [], revocation: { crls: [], ocsps: [] }, reports: [] };

interface Finding {
  readonly archive: TestArchive;
  readonly directory: string;
  readonly batch: (id: string, names: readonly string[]) => Promise<void>;
  readonly close: () => Promise<void>;
  readonly find: (args: Partial<FindArgs>) => Promise<FoundObject[]>;
}

async function finding(t: TestContext): Promise<Finding> {
  const archive = await testArchive(t);
  const { fx, settings } = archive;
  const files = nodeFiles();
  t.after(() => files.close());
  const closing = new Closing(fx, settings);
  const config = { archive: { timezone: 'Europe/Berlin' } } as unknown as Config;
  return {
    archive,
    directory: await temporaryDirectory(t),
    batch: async (id, names) => {
      await signedBatch(
        archive,
        id,
        names.map((name) => ({ name, embedded: name.endsWith('.pdf') })),
      );
      await appendBatch(fx, settings.archive, { id }, material);
    },
    close: async () => {
      await closing.close('test');
    },
    find: async (args) =>
      await findObjects(
        { fx: { ...fx, files }, config },
        settings.trust,
        { what: [], ...args },
        {
          progress: () => undefined,
          signal: AbortSignal.timeout(60_000),
        },
      ),
  };
}

const paths = (found: readonly FoundObject[]): string[] => found.map(({ batch, path }) => `${batch ?? ''} ${path ?? ''}`);

void test('by file: whether it is in the archive, since when and until when it proves; before the closing only that it is', async (t) => {
  const { directory, batch, close, find } = await finding(t);
  await batch('first', ['a.txt']);
  const file = join(directory, 'a.txt');
  writeFileSync(file, documentBytes('a.txt'));
  const [open] = await find({ what: [file] });
  assert.deepEqual([open?.state, open?.genTime, open?.provesUntil], ['open', undefined, undefined]);
  await close();
  const [found, ...others] = await find({ what: [file] });
  assert.equal(others.length, 0);
  assert.deepEqual([found?.what, found?.state, found?.batch, found?.path, found?.key], [file, 'anchored', 'first', 'a.txt', 'seal']);
  assert.ok(found?.genTime !== undefined && found.provesUntil !== undefined && found.genTime < found.provesUntil);
  writeFileSync(file, 'something else');
  assert.deepEqual(await find({ what: [file] }), []);
  assert.equal((await find({ what: [`SHA256:${documentHash('a.txt').toString('hex')}`] })).length, 1);
});

void test('by name: the last name whatever the directory, with a slash the path; * and ? alone are special', async (t) => {
  const { batch, close, find } = await finding(t);
  await batch('first', ['a.txt', 'deep/a.txt', 'a.txt/b.pdf', 'x[1].txt', 'x1.txt']);
  await close();
  assert.deepEqual(paths(await find({ name: 'a.txt' })), ['first a.txt', 'first deep/a.txt']);
  assert.deepEqual(paths(await find({ name: 'deep/*' })), ['first deep/a.txt']);
  assert.deepEqual(paths(await find({ name: 'x[1].txt' })), ['first x[1].txt']);
  assert.deepEqual(paths(await find({ name: '?1.txt' })), ['first x1.txt']);
  const [pdf] = await find({ name: '*.pdf' });
  assert.deepEqual([pdf?.kind, pdf?.format, pdf?.level], ['output', 'pades', 'B-B']);
  assert.deepEqual(await find({ name: 'A.TXT' }), []);
});

void test('by batch, dates, key and certificate, together and a page at a time', async (t) => {
  const { archive, directory, batch, close, find } = await finding(t);
  await batch('first', ['a.txt', 'b.txt', 'c.txt']);
  await archive.clock.advance(3 * day);
  await batch('second', ['a.txt', 'd.txt']);
  await close();
  const later = new Date(archive.clock.now()).toISOString().slice(0, 10);
  assert.deepEqual(paths(await find({ batch: 'second' })), ['second a.txt', 'second d.txt']);
  assert.deepEqual(paths(await find({ from: later, name: 'a.txt' })), ['second a.txt']);
  assert.deepEqual(paths(await find({ to: later, key: 'seal' })).length, 5);
  assert.deepEqual(await find({ key: 'other' }), []);
  const certificate = sha256(Buffer.from('certificate'));
  assert.equal((await find({ certificate: certificate.toString('hex') })).length, 5);
  const file = join(directory, 'tsa.pem');
  writeFileSync(file, writePem(archive.authority.root.certificate));
  assert.deepEqual(await find({ certificate: file }), []);

  const seen: string[] = [];
  for (let after = 0; ;) {
    const page = await find({ to: later, limit: 2, after });
    const cursor = page.at(-1)?.cursor;
    if (cursor === undefined) break;
    seen.push(...paths(page));
    after = cursor;
  }
  assert.deepEqual(seen, ['first a.txt', 'first b.txt', 'first c.txt', 'second a.txt', 'second d.txt']);
});

void test('a search for nothing, and files beside other conditions, are refused', async (t) => {
  const { find } = await finding(t);
  await assert.rejects(find({}), { code: 'SEAL-USAGE' });
  await assert.rejects(find({ what: ['SHA256:00'], name: '*' }), { code: 'SEAL-USAGE' });
});
