import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../src/effects/clock.ts';
import { documentWorkers, strictLimits } from '../../src/effects/documents.ts';
import { CollectingLog } from '../support/log.ts';
import { authority, hostile } from './hostile/index.ts';
import { trusting } from './verifying.ts';
import type { DocumentWork } from '../../src/ports/documents.ts';

/** What hangs is ended by the limit of the test run; what takes too much memory ends its worker. */
describe('files that ask for more than anybody needs end in a verdict or an error that names the limit', () => {
  let directory = '';
  let strict: DocumentWork;
  /** Without the limit of time: it must not decide what a machine that is slow, or busy otherwise, answers. */
  let patient: DocumentWork;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'sealtree-limits-'));
    writeFileSync(join(directory, 'paper'), 'paper\n');
    const fx = { clock: systemClock, log: new CollectingLog() };
    strict = documentWorkers(fx, { ...strictLimits, threads: 1 });
    patient = documentWorkers(fx, { ...strictLimits, timeLimit: 300_000, threads: 1 });
  });
  after(async () => {
    await Promise.all([strict.close(), patient.close()]);
    rmSync(directory, { recursive: true });
  });

  for (const [name, expected, make] of hostile)
    test(name, async () => {
      const file = join(directory, 'file');
      writeFileSync(file, await make());
      const detached = name.startsWith('evidence') ? [join(directory, 'paper')] : [];
      const work = expected === 'either' ? strict : patient;
      const [outcome] = await work.verify([{ name, file, detached, digests: [], evidence: [] }], trusting(authority));
      assert.ok(outcome);
      if (!outcome.ok) assert.equal(outcome.error.code, 'SEAL-DOC-LIMIT', outcome.error.message);
      if (expected !== 'either') assert.equal(outcome.ok ? 'verdict' : 'limit', expected, JSON.stringify(outcome).slice(0, 400));
    });
});
