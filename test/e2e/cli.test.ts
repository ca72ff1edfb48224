import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { documents, Evaluation } from './house.ts';
import { runScript } from './script.ts';

const scripts = new URL('./scripts/', import.meta.url).pathname;

describe('command line', () => {
  const evaluation = new Evaluation();
  before(async () => {
    await evaluation.init();
    process.env['FIXTURES'] = documents;
  });
  after(() => {
    evaluation.remove();
  });

  for (const name of readdirSync(scripts))
    test(`script ${name}`, async () => {
      await runScript(readFileSync(join(scripts, name), 'utf8'), evaluation.house().directory);
    });

  test('--json prints what programs read: one value on stdout, with the names of EN 319 102-1', async () => {
    const house = evaluation.house();
    house.place('pdf', 'letters', { 'letter.pdf': 'libreoffice.pdf' });
    const outcome = await house.ask<{ delivered: number }>('run', '--once');
    assert.equal(outcome.delivered, 1);

    const [batch] = await house.ask<{ id: string; state: string; path: string }[]>('batch', 'list');
    assert.deepEqual([batch?.state, batch?.path], ['delivered', 'letters']);
    const { contents } = await house.ask<{ contents: { path: string; state: string; leaves: string[]; sha256: string }[] }>(
      'batch',
      'show',
      batch?.id ?? '',
    );
    assert.deepEqual(
      contents.map(({ path, state, leaves }) => [path, state, leaves.length]),
      [['letter.pdf', 'verified', 2]],
    );

    const closed = await house.ask<{ trees: { id: string; state: string; genTime: string }[] }>('archive', 'close');
    assert.equal(closed.trees[0]?.state, 'anchored');
    const proof = join(house.directory, 'proof');
    const { records } = await house.ask<{ records: { file: string; provenSince: string; provesUntil: string }[] }>(
      'archive',
      'export',
      '--batch',
      batch?.id ?? '',
      '--out',
      proof,
    );
    assert.deepEqual(
      records.map(({ file }) => file),
      [join(proof, 'letter.pdf.ers')],
    );

    interface Verdict {
      file: string;
      indication: string;
      evaluation: boolean;
      signatures: { indication: string; format: string }[];
      timestamps: unknown[];
      evidenceRecords: { indication: string }[];
    }
    const pdf = house.at('pdf', 'outgoing', 'letters/letter.pdf');
    const [report, ...more] = await house.ask<Verdict[]>('verify', pdf, '--evidence', records[0]?.file ?? '');
    assert.deepEqual(more, []);
    assert.deepEqual(
      [report?.file, report?.indication, report?.evaluation, report?.signatures[0]?.indication, report?.evidenceRecords[0]?.indication],
      [pdf, 'TOTAL-PASSED', true, 'TOTAL-PASSED', 'PASSED'],
    );

    const status = await house.ask<{ roots: { name: string }[]; archive: { lastAnchored: { id: string } } }>('status');
    assert.deepEqual(
      status.roots.map(({ name }) => name),
      ['pdf', 'files'],
    );
    assert.equal(status.archive.lastAnchored.id, closed.trees[0].id);
    const { documents: counted } = await house.ask<{ documents: object }>('report');
    assert.deepEqual(counted, { in: 1, delivered: 1, failed: 0, waiting: 0 });
    const { ok } = await house.ask<{ ok: boolean }>('audit', 'verify');
    assert.equal(ok, true);
  });
});
