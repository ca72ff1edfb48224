import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { needs } from '../../support/tools.ts';
import { filesBelow } from '../deliveries.ts';
import { documents, Evaluation, type House, type Ran } from '../house.ts';
import { assertComplete } from '../ready.ts';
import { refusedBatch } from '../refusals.ts';

const good = readFileSync(join(documents, 'libreoffice.pdf'));
const truncated = readFileSync(join(documents, 'broken.pdf'));

/** All batches are put down at once and one run takes them: none keeps another from its way. */
describe('bad documents and batches', () => {
  const evaluation = new Evaluation();
  let house: House;
  let run: Ran;

  before(async () => {
    await evaluation.init();
    house = evaluation.house();
    placeDocuments(house);
    placeSemaphores(house);
    placeNames(house);
    placeSpecialFiles(house);
    run = await house.run('run', '--once');
  });
  after(() => {
    evaluation.remove();
  });

  test('the run tells that it was done in part, and good batches came through', () => {
    assert.equal(run.status, 3, `${run.stdout}${run.stderr}`);
    assertComplete(house.directory, 'pdf');
    assertComplete(house.directory, 'files');
    assert.ok(existsSync(house.at('files', 'outgoing', 'good/READY')));
  });

  test('damaged PDFs, and files that are none, go to failed/, each with its reason and every byte; the good one is delivered', () => {
    const { documents: refused } = refusedBatch(house, 'pdf', 'damaged');
    assert.deepEqual(
      refused.map(({ document, code }) => `${document} ${code}`),
      ['empty.pdf SEAL-DOC-FORMAT', 'text.pdf SEAL-DOC-FORMAT', 'truncated.pdf SEAL-DOC-DAMAGED'],
    );
    assert.deepEqual(readFileSync(house.at('pdf', 'failed', 'damaged/truncated.pdf')), truncated);
    assert.ok(
      readFileSync(house.at('pdf', 'outgoing', 'damaged/good.pdf'))
        .subarray(0, good.length)
        .equals(good),
    );
  });

  test('an encrypted PDF without its password is refused and told how to give one', needs('qpdf'), () => {
    const { documents: refused } = refusedBatch(house, 'pdf', 'encrypted');
    assert.deepEqual(
      refused.map(({ document, code }) => `${document} ${code}`),
      ['secret.pdf SEAL-DOC-ENCRYPTED'],
    );
    assert.match(refused[0]?.remedy ?? '', /documentPassword/);
  });

  test('an empty batch, and one with nothing but ignored files', () => {
    for (const path of ['empty', 'ignored']) assert.equal(refusedBatch(house, 'files', path).code, 'SEAL-BATCH-EMPTY');
    assert.ok(existsSync(house.at('files', 'failed', 'ignored/Thumbs.db')));
  });

  test('a malformed semaphore, one with an unknown option, one that asks for what is not permitted', () => {
    assert.equal(refusedBatch(house, 'files', 'malformed').code, 'SEAL-BATCH-SEMAPHORE');
    const unknown = refusedBatch(house, 'files', 'unknown-option');
    assert.equal(unknown.code, 'SEAL-BATCH-SEMAPHORE');
    assert.match(unknown.message, /proflie/);
    const greedy = refusedBatch(house, 'files', 'greedy');
    assert.equal(greedy.code, 'SEAL-BATCH-NOT-PERMITTED');
    assert.match(greedy.remedy, /cades-b-t/);
    for (const path of ['malformed', 'unknown-option', 'greedy'])
      assert.equal(readFileSync(house.at('files', 'failed', `${path}/letter.txt`), 'utf8'), 'Good morning');
  });

  test('a document that is not the one the semaphore names', () => {
    assert.equal(refusedBatch(house, 'files', 'wrong-hash').documents[0]?.code, 'SEAL-DOC-HASH');
  });

  test('a semaphore that is a directory or a link approves nothing; status says why', async () => {
    for (const path of ['directory', 'link'])
      assert.equal(readFileSync(house.at('files', 'incoming', `${path}/letter.txt`), 'utf8'), 'Good morning');
    const { stdout } = await house.run('status');
    assert.match(stdout, /directory: “APPROVED” is a directory; a regular file is expected/);
    assert.match(stdout, /link: “APPROVED” is a symlink; a regular file is expected/);
  });

  test('names with newline, control characters and bytes that are no UTF-8 come out byte for byte, signed', () => {
    const listing = (path: string): string[] =>
      readdirSync(path, { encoding: 'buffer' })
        .map((name) => name.toString('latin1'))
        .sort();
    const names = ['line\nbreak.txt', 'tab\tand\x1b[31mred.txt', 'M\xfcller.txt'];
    const output = listing(house.at('files', 'outgoing', 'names'));
    for (const name of names) for (const file of [name, `${name}.p7s`]) assert.ok(output.includes(file), JSON.stringify(file));
    assert.deepEqual(
      listing(house.at('files', 'done', 'names')).filter((name) => name !== 'APPROVED'),
      names.sort(),
    );
    const report = readFileSync(house.at('files', 'outgoing', 'names/batch-report.json'), 'utf8');
    assert.doesNotMatch(report, /\x1b/, 'control characters are escaped');
  });

  test('a name of 255 bytes leaves no room for .p7s: refused before a signature is spent; a PDF keeps it', () => {
    const { documents: refused } = refusedBatch(house, 'files', 'long');
    assert.equal(refused[0]?.code, 'SEAL-DOC-NAME');
    assert.ok(existsSync(house.at('files', 'failed', `long/${'x'.repeat(255)}`)));
    assert.ok(existsSync(house.at('pdf', 'outgoing', `long/${'x'.repeat(251)}.pdf`)));
  });

  test('links and FIFOs are refused without being followed or opened; nothing of the batch is lost', () => {
    for (const [path, kind] of [
      ['symlink', /link/],
      ['fifo', /fifo/i],
    ] as const) {
      const { documents: refused } = refusedBatch(house, 'files', path);
      assert.equal(refused[0]?.code, 'SEAL-DOC-TYPE');
      assert.match(refused[0].message, kind);
      assert.equal(readFileSync(house.at('files', 'failed', `${path}/letter.txt`), 'utf8'), 'Good morning');
    }
    assert.equal(readlinkSync(house.at('files', 'failed', 'symlink/passwd')), '/etc/passwd');
    assert.ok(lstatSync(house.at('files', 'failed', 'fifo/pipe')).isFIFO());
  });

  test('nothing is left in claim directories or spool', () => {
    assert.deepEqual(filesBelow(join(house.directory, 'data/spool')), []);
    for (const root of ['pdf', 'files']) assert.deepEqual(filesBelow(join(house.directory, 'roots', root, '.sealtree/claimed')), []);
  });
});

function placeDocuments(house: House): void {
  house.place('files', 'good', { 'letter.txt': 'Good morning' });
  house.place('pdf', 'damaged', {
    'good.pdf': good,
    'truncated.pdf': truncated,
    'text.pdf': 'this is no PDF\n',
    'empty.pdf': Buffer.alloc(0),
  });
  const encrypted = house.place('pdf', 'encrypted', { 'good.pdf': good }, false);
  if (needs('qpdf').skip === undefined)
    execFileSync('qpdf', [
      '--encrypt',
      'open sesame',
      'owner',
      '256',
      '--',
      join(documents, 'libreoffice.pdf'),
      join(encrypted, 'secret.pdf'),
    ]);
  writeFileSync(join(encrypted, 'APPROVED'), '');
}

function placeSemaphores(house: House): void {
  const letter = { 'letter.txt': 'Good morning' };
  house.place('files', 'empty', {});
  house.place('files', 'ignored', { 'Thumbs.db': 'x' });
  house.place('files', 'malformed', letter, 'profile: [');
  house.place('files', 'unknown-option', letter, 'proflie: cades-b-t');
  house.place('files', 'greedy', letter, 'profile: pades-b-t');
  const other = createHash('sha256').update('Good evening').digest('hex');
  house.place('files', 'wrong-hash', letter, `files: [{ name: letter.txt, sha256: ${other} }]`);
  mkdirSync(join(house.place('files', 'directory', letter, false), 'APPROVED'));
  symlinkSync('/etc/hostname', join(house.place('files', 'link', letter, false), 'APPROVED'));
}

function placeNames(house: House): void {
  const names = house.place('files', 'names', { 'line\nbreak.txt': 'a', 'tab\tand\x1b[31mred.txt': 'b' }, false);
  writeFileSync(Buffer.concat([Buffer.from(`${names}/M`), Buffer.from([0xfc]), Buffer.from('ller.txt')]), 'c');
  writeFileSync(join(names, 'APPROVED'), '');
  house.place('files', 'long', { ['x'.repeat(255)]: 'a' });
  house.place('pdf', 'long', { [`${'x'.repeat(251)}.pdf`]: good });
}

function placeSpecialFiles(house: House): void {
  const symlink = house.place('files', 'symlink', { 'letter.txt': 'Good morning' }, false);
  symlinkSync('/etc/passwd', join(symlink, 'passwd'));
  const fifo = house.place('files', 'fifo', { 'letter.txt': 'Good morning' }, false);
  execFileSync('mkfifo', [join(fifo, 'pipe')]);
  for (const directory of [symlink, fifo]) writeFileSync(join(directory, 'APPROVED'), '');
}
