import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Evaluation, numberedPdf } from './house.ts';

describe('archive export of a batch', () => {
  const evaluation = new Evaluation();
  before(() => evaluation.init());
  after(() => {
    evaluation.remove();
  });

  test('a name that leaves no room for “.ers” is told with code and remedy; the others are exported, and it is by its digest', async () => {
    const house = evaluation.house();
    const long = `${'x'.repeat(251)}.pdf`;
    house.place('pdf', 'letters', { [long]: numberedPdf(1), 'short.pdf': numberedPdf(2) });
    assert.equal((await house.run('run', '--once')).status, 0);
    assert.equal((await house.run('archive', 'close')).status, 0);
    const [batch] = await house.ask<{ id: string }[]>('batch', 'list');
    const out = join(house.directory, 'proof');
    const exported = await house.run('archive', 'export', '--batch', batch?.id ?? '', '--out', out);
    assert.equal(exported.status, 3, exported.stderr);
    assert.match(exported.stdout, /! x{251}\.pdf: SEAL-DOC-NAME [^]*hint: export it by its digest/);
    assert.ok(existsSync(join(out, 'short.pdf.ers')));
    const digest = createHash('sha256')
      .update(readFileSync(house.at('pdf', 'outgoing', `letters/${long}`)))
      .digest('hex');
    assert.equal((await house.run('archive', 'export', `SHA256:${digest}`, '--out', out)).status, 0);
    const record = join(out, `SHA256-${digest}.ers`);
    const verified = await house.run('verify', '--digest', `SHA256:${digest}`, '--evidence', record);
    assert.equal(verified.status, 0, verified.stdout);
  });
});
