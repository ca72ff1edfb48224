import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { exportRecords, type ExportArgs, type ExportResult } from '../../src/app/archive-export.ts';
import { appendBatch } from '../../src/archive/append.ts';
import { Closing } from '../../src/archive/closing.ts';
import { nodeFiles } from '../../src/effects/files.ts';
import { parseEvidenceRecord } from '../../src/formats/ers.ts';
import { documentBytes, documentHash, signedBatch, testArchive, type TestArchive } from '../support/archive.ts';
import { temporaryDirectory } from '../support/store.ts';
import type { Config } from '../../src/model/config.ts';

const material = { certificates: [], revocation: { crls: [], ocsps: [] }, reports: [] };

interface Exports {
  readonly archive: TestArchive;
  readonly out: string;
  readonly batch: (id: string, names: readonly string[]) => Promise<void>;
  readonly close: () => Promise<void>;
  readonly run: (args: Partial<ExportArgs>) => Promise<ExportResult>;
}

async function exports(t: TestContext): Promise<Exports> {
  const archive = await testArchive(t);
  const { fx, settings } = archive;
  const files = nodeFiles();
  t.after(() => files.close());
  const out = join(await temporaryDirectory(t), 'proof');
  const closing = new Closing(fx, settings);
  const context = { fx: { ...fx, files }, config: { dataDir: '/nowhere', roots: {} } as unknown as Config };
  return {
    archive,
    out,
    batch: async (id, names) => {
      const documents = names.map((name) => ({ name }));
      await signedBatch(archive, id, documents);
      await appendBatch(fx, settings.archive, { id }, material);
    },
    close: async () => {
      await closing.close('test');
    },
    run: async (args) =>
      await exportRecords(
        context,
        settings.trust,
        { what: [], out, ...args },
        { progress: () => undefined, signal: AbortSignal.timeout(60_000) },
      ),
  };
}

void test('an export of everything keeps paths, states until when it proves, names every file, and changes nothing when repeated', async (t) => {
  const { out, batch, close, run } = await exports(t);
  await batch('first', ['a.txt', 'deep/b.txt']);
  await batch('second', ['c.txt']);
  await close();
  const result = await run({ all: true });
  assert.deepEqual(result.counts, { written: 3, renewed: 0, kept: 0, missing: 0 });
  for (const name of ['files/first/a.txt', 'files/first/deep/b.txt', 'files/second/c.txt'])
    parseEvidenceRecord(readFileSync(join(out, `${name}.ers`)));
  const note = readFileSync(join(out, 'archive.txt'), 'utf8');
  assert.ok(result.provesUntil !== undefined && note.includes(`Proves until: ${result.provesUntil}`), note);
  assert.match(note, /sealtree archive export --all --out /);
  const list = readFileSync(join(out, 'archive.jsonl'), 'utf8').trim().split('\n');
  const [head, ...lines] = list.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.equal(head?.['sealtree'], 'export');
  assert.deepEqual(
    lines.map(({ file }) => file),
    result.records.map(({ file }) => file),
  );
  const before = readdirSync(out, { recursive: true }).map((name) => statSync(join(out, String(name))).ino);
  const again = await run({ all: true });
  assert.deepEqual(again.counts, { written: 0, renewed: 0, kept: 3, missing: 0 });
  assert.deepEqual(
    readdirSync(out, { recursive: true }).map((name) => statSync(join(out, String(name))).ino),
    before,
  );
});

void test('nothing foreign is overwritten, and it keeps no other from its record', async (t) => {
  const { out, batch, close, run } = await exports(t);
  await batch('first', ['a.txt', 'b.txt']);
  await batch('other', ['x.txt']);
  await close();
  await run({ batch: 'other' });
  const foreign = join(out, 'a.txt.ers');
  for (const content of [Buffer.from('my notes'), readFileSync(join(out, 'x.txt.ers'))]) {
    writeFileSync(foreign, content);
    const { missing, records } = await run({ batch: 'first' });
    assert.deepEqual(
      missing.map(({ what, error }) => [what, error.code]),
      [['a.txt', 'SEAL-DOC-NAME']],
    );
    assert.deepEqual(readFileSync(foreign), content);
    assert.equal(records.length, 1);
  }
  writeFileSync(join(out, 'batch-first.txt'), 'my notes');
  await assert.rejects(run({ batch: 'first' }), { code: 'SEAL-DOC-NAME' });
});

void test('an export that was begun goes on where it was: what is there stays as it is', async (t) => {
  const { out, batch, close, run, archive } = await exports(t);
  await batch('first', ['a.txt', 'b.txt', 'c.txt']);
  await close();
  await run({ what: [`SHA256:${documentHash('a.txt').toString('hex')}`] });
  assert.equal(readdirSync(out).filter((name) => name.endsWith('.ers.txt')).length, 1);
  await run({ batch: 'first' });
  const kept = readFileSync(join(out, 'a.txt.ers'));
  await archive.clock.advance(1000);
  const again = await run({ batch: 'first' });
  assert.equal(again.counts.kept, 3);
  assert.deepEqual(readFileSync(join(out, 'a.txt.ers')), kept);
  assert.ok(!existsSync(join(out, '.sealtree-export')));
});

void test('two batches that went to the same place at different times do not meet: the later one has its number in the path', async (t) => {
  const { out, batch, close, run, archive } = await exports(t);
  await batch('first', ['a.txt']);
  await archive.fx.store.createBatch({
    id: 'later',
    root: 'files',
    relPath: Buffer.from('first'),
    options: {},
    priority: 0,
    profile: 'none',
    keys: [],
    outPath: Buffer.from('first'),
    approvedAt: 1,
    claimedAt: 1,
    semaphore: Buffer.from('APPROVED'),
    state: 'claimed',
  });
  const bytes = documentBytes('other');
  await archive.fx.store.recordSpooled('later', [
    { seq: 0, relPath: Buffer.from('a.txt'), size: bytes.length, digests: [['sha256', documentHash('other')]] },
  ]);
  await archive.fx.store.advance('later', 'spooled', 'admitted');
  const [row] = await archive.fx.store.documents('later');
  assert.ok(row);
  await archive.fx.store.recordVerified([{ document: row.id, outputDigest: documentHash('other'), outputSize: bytes.length, report: {} }]);
  await archive.fx.store.advance('later', 'admitted', 'signed');
  await appendBatch(archive.fx, archive.settings.archive, { id: 'later' }, material);
  await close();
  for (let time = 0; time < 2; time++) assert.deepEqual((await run({ all: true })).missing, []);
  assert.ok(existsSync(join(out, 'files/first/a.txt.ers')));
  assert.ok(existsSync(join(out, 'files/first~later/a.txt.ers')));
});

void test('a tree without timestamp is one line of what is missing, not one for each document', async (t) => {
  const { batch, close, run } = await exports(t);
  await batch('first', ['a.txt']);
  await close();
  await batch('second', ['b.txt', 'c.txt']);
  const { records, missing } = await run({ all: true });
  assert.equal(records.length, 1);
  assert.deepEqual(
    missing.map(({ error }) => error.code),
    ['SEAL-ARCHIVE-OPEN'],
  );
});

void test('an unknown format is refused before anything is written', async (t) => {
  const { out, run } = await exports(t);
  await assert.rejects(run({ all: true, format: 'constructor' }), { code: 'SEAL-USAGE' });
  assert.ok(!existsSync(out));
});

void test('files of one name from two directories never share a place: the second is refused, not mixed with the first', async (t) => {
  const { out, batch, close, run } = await exports(t);
  await batch('first', ['a.txt', 'b.txt']);
  await close();
  const home = await temporaryDirectory(t);
  const [one, other] = ['a', 'b'].map((name) => join(home, name, 'same.txt')) as [string, string];
  for (const [path, name] of [
    [one, 'a.txt'],
    [other, 'b.txt'],
  ] as const) {
    mkdirSync(join(path, '..'));
    writeFileSync(path, documentBytes(name));
  }
  const { records, missing } = await run({ what: [one, other], format: 'bundle', zip: true });
  assert.deepEqual([records.map(({ state }) => state), missing.map(({ error }) => error.code)], [['written'], ['SEAL-DOC-NAME']]);
  const zip = readFileSync(join(out, 'same.txt.proof.zip'));
  assert.ok(zip.includes(documentHash('a.txt').toString('hex')) && !zip.includes(`"object":"${documentHash('b.txt').toString('hex')}`));
});
