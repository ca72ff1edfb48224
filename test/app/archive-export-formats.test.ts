import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { exportRecords, type ExportResult } from '../../src/app/archive-export.ts';
import { appendBatch } from '../../src/archive/append.ts';
import { nodeFiles } from '../../src/effects/files.ts';
import { loadXml } from '../../src/formats/xml.ts';
import { documentBytes, outputBytes, signedBatch } from '../support/archive.ts';
import { dss } from '../support/judges.ts';
import { runProgram } from '../support/judges/program.ts';
import { day, renewingArchive, settle, type RenewingArchive } from '../support/renewing.ts';
import { temporaryDirectory } from '../support/store.ts';
import { needs, venv } from '../support/tools.ts';
import { trusting, verifyBytes, words } from '../verify/verifying.ts';
import type { Config } from '../../src/model/config.ts';

await loadXml();
const start = Math.floor(Date.now() / day) * day - 100 * day;
const documents = [{ name: 'Brief & Anlage.txt' }];
const [letter, signature] = [documentBytes('Brief & Anlage.txt'), outputBytes('Brief & Anlage.txt', documents)];

interface House {
  readonly archive: RenewingArchive;
  readonly home: string;
  readonly outgoing: string;
  readonly run: (format: string) => Promise<ExportResult>;
  readonly out: (suffix: string) => string;
}

/** A delivered batch: one document with its detached signature, archived and closed. */
async function house(t: TestContext, digested: (file: string) => void = () => undefined): Promise<House> {
  const archive = await renewingArchive(t, {}, start);
  const { fx, settings, closing } = archive;
  const home = await temporaryDirectory(t);
  const [outgoing, done] = ['outgoing', 'done'].map((name) => join(home, name)) as [string, string];
  for (const tree of [outgoing, done]) mkdirSync(join(tree, 'batch'), { recursive: true });
  writeFileSync(join(done, 'batch', 'Brief & Anlage.txt'), letter);
  writeFileSync(join(outgoing, 'batch', 'Brief & Anlage.txt.p7s'), signature);
  await signedBatch(archive, 'batch', documents);
  await appendBatch(fx, settings.archive, { id: 'batch' }, { certificates: [], revocation: { crls: [], ocsps: [] }, reports: [] });
  await closing.close('test');
  await settle(archive);
  const files = nodeFiles();
  t.after(() => files.close());
  const digest: typeof files.digest = async (path, digests) => {
    const found = await files.digest(path, digests);
    digested(path.toString());
    return found;
  };
  const context = {
    fx: { ...fx, files: { ...files, digest } },
    config: { dataDir: home, roots: { files: { outgoing, done } } } as unknown as Config,
  };
  return {
    archive,
    home,
    outgoing,
    run: (format) =>
      exportRecords(
        context,
        settings.trust,
        { what: [], batch: 'batch', format, out: join(home, 'proof') },
        { progress: () => undefined, signal: AbortSignal.timeout(60_000) },
      ),
    out: (suffix) => join(home, 'proof', `Brief & Anlage.txt${suffix}`),
  };
}

function verdict({ archive: { authority, clock } }: House, file: Buffer, name: string, beside: Readonly<Record<string, Buffer>>): string[] {
  authority.setTime(Math.floor(clock.now() / 1000) * 1000);
  return [...words(verifyBytes(file, { name, documents: beside }, trusting(authority)).report)];
}

void test(
  'xmlers and asic: exported, proven by us and by EU DSS, replaced after a renewal and kept otherwise',
  needs('dss', 'pyhanko'),
  async (t) => {
    const given = await house(t);
    const { archive, run, out, home } = given;
    const beside = { letter, signature };
    const questions: { file: string; detached?: string[] }[] = [];
    const judge = async (step: string, state: string): Promise<void> => {
      for (const [format, suffix] of [
        ['xmlers', '.ers.xml'],
        ['asic', '.asice'],
      ] as const) {
        const { records, missing } = await run(format);
        assert.deepEqual([records.map((one) => one.state), missing], [[state], []], `${step} ${format}`);
        const bytes = readFileSync(out(suffix));
        // The signature in it is no CMS: the container holds bytes that only look like one to their name.
        assert.deepEqual(verdict(given, bytes, `x${suffix}`, format === 'asic' ? {} : beside), ['TOTAL-PASSED'], `${step} ${format}`);
        const copy = join(home, `${step}${suffix}`);
        writeFileSync(copy, bytes);
        const paths = Object.entries(beside).map(([name, content]) => {
          writeFileSync(join(home, name), content);
          return join(home, name);
        });
        questions.push({ file: copy, ...(format === 'asic' ? {} : { detached: paths }) });
      }
    };
    await judge('first', 'written');
    await judge('again', 'kept');
    assert.equal((await archive.renewing.renewTimestamps('test')).anchored.length, 1);
    await settle(archive);
    await judge('renewed', 'renewed');
    const { authority, clock } = archive;
    authority.setTime(Math.floor(clock.now() / 1000) * 1000);
    const { trust, crls } = authority.write(home);
    const time = new Date(clock.now()).toISOString();
    for (const [n, answer] of (await dss(questions.map((one) => ({ ...one, trust: [trust], crls, time })))).entries()) {
      const [report] = answer.evidenceRecords;
      assert.equal(report?.indication, 'PASSED', `${questions[n]?.file ?? ''}: ${report?.errors.join('; ') ?? answer.error ?? ''}`);
    }

    const program =
      'import sys, zipfile, json; z = zipfile.ZipFile(sys.argv[1]); print(json.dumps([[i.filename, i.compress_type, z.testzip()] for i in z.infolist()]))';
    const { stdout } = await runProgram(`${venv}/bin/python`, ['-c', program, out('.asice')]);
    assert.deepEqual(JSON.parse(stdout.toString()), [
      ['mimetype', 0, null],
      ['META-INF/ASiCEvidenceRecordManifest001.xml', 0, null],
      ['META-INF/evidencerecord001.ers', 0, null],
      ['Brief & Anlage.txt', 0, null],
      ['Brief & Anlage.txt.p7s', 0, null],
    ]);
  },
);

void test('a container needs the document; something else in its place is not overwritten', async (t) => {
  const { run, out, home } = await house(t);
  mkdirSync(join(home, 'proof'));
  for (const suffix of ['.asice', '.ers.xml']) writeFileSync(out(suffix), 'something else');
  for (const format of ['asic', 'xmlers'])
    assert.deepEqual(
      (await run(format)).missing.map(({ error }) => error.code),
      ['SEAL-DOC-NAME'],
    );
  assert.equal(readFileSync(out('.asice'), 'utf8'), 'something else');
  rmSync(out('.asice'));
  rmSync(join(home, 'done'), { recursive: true });
  const { missing } = await run('asic');
  assert.deepEqual(
    missing.map(({ error }) => error.code),
    ['SEAL-INPUT-MISSING'],
  );
});

void test('a document that changes once it was found goes into no container and no bundle', async (t) => {
  for (const [format, suffix] of [
    ['asic', '.asice'],
    ['bundle', '.proof'],
  ] as const) {
    let changes = 1;
    const { run, out } = await house(t, (file) => {
      if (file.endsWith('.txt') && changes-- > 0) appendFileSync(file, ' ');
    });
    const { missing } = await run(format);
    assert.deepEqual([missing.map(({ error }) => error.code), existsSync(out(suffix))], [['SEAL-DOC-HASH'], false], format);
  }
});
