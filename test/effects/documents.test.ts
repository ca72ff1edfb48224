import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import assert from 'node:assert/strict';
import { systemClock } from '../../src/effects/clock.ts';
import { documentWorkers } from '../../src/effects/documents.ts';
import { assemble, signDocument, signValue } from '../formats/signing.ts';
import { testAuthority } from '../support/authority.ts';
import { CollectingLog } from '../support/log.ts';
import { needs } from '../support/tools.ts';
import { trusting, words } from '../verify/verifying.ts';
import type { SignParameters } from '../../src/model/signature.ts';
import type { DocumentWork, PrepareJob, VerifyJob, VerifyOptions } from '../../src/ports/documents.ts';
import type { Path } from '../../src/ports/files.ts';

const authority = testAuthority({ name: 'Documents' });
const identity = authority.issue({ keyType: 'p256' });
const fixture = new URL('../../fixtures/documents/pdftex.pdf', import.meta.url).pathname;
const parameters: SignParameters = {
  chain: identity.chain,
  digest: 'sha256',
  padding: 'pkcs1',
  level: 'B-B',
  packaging: 'detached',
  signingTime: authority.now(),
};
const log = new CollectingLog();
let directory: string;
let work: DocumentWork;
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'sealtree-documents-'));
  work = documentWorkers({ clock: systemClock, log });
});
after(async () => {
  await work.close();
  rmSync(directory, { recursive: true });
});

function prepareJob(path: Path, more: Partial<PrepareJob> = {}): PrepareJob {
  return { path, digests: [], format: 'auto', parameters, ...more };
}

test('prepare, sign, finish, verify through the threads: PDF and others, names of any bytes, before the output exists', async () => {
  const odd = Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0x66, 0xff, 0x0a])]);
  writeFileSync(odd, 'content');
  const paths: Path[] = [fixture, odd];
  const prepared = await work.prepare(paths.map((path) => prepareJob(path)));
  assert.deepEqual(
    prepared.map((outcome) => (outcome.ok ? outcome.value.format : outcome.error.code)),
    ['pades', 'cades'],
  );
  const finishJobs = prepared.flatMap((outcome, at) => {
    if (!outcome.ok) return [];
    const { toBeSigned } = outcome.value.signature;
    assert.ok(Buffer.isBuffer(toBeSigned));
    return [
      { path: paths[at] ?? '', prepared: outcome.value, signatureValue: signValue(identity.privateKey, toBeSigned, 'sha256', 'pkcs1') },
    ];
  });
  const finished = await work.finish(finishJobs);
  const jobs = finished.map((outcome, at): VerifyJob => {
    assert.ok(outcome.ok);
    const input = paths[at] ?? '';
    const { parts } = outcome.value;
    return { name: `${at}`, file: { input, parts }, detached: at === 1 ? [input] : [], digests: [], evidence: [], fileDigests: ['sha256'] };
  });
  const verified = await work.verify(jobs, trusting(authority));
  for (const [at, outcome] of verified.entries()) {
    assert.ok(outcome.ok, JSON.stringify(outcome));
    assert.deepEqual(words(outcome.value.report), ['TOTAL-PASSED', 'TOTAL-PASSED'], String(at));
  }
  const [, second] = finished;
  assert.ok(second?.ok && verified[1]?.ok);
  const output = assemble(second.value.parts, Buffer.from('content'));
  assert.deepEqual(verified[1].value.report.digests, [['sha256', createHash('sha256').update(output).digest('hex')]]);
  assert.equal(verified[1].value.report.signatures[0]?.scope, 'f\\xff\\x0a');

  const written = join(directory, 'signed.p7s');
  writeFileSync(written, output);
  const [again] = await work.verify([{ name: 'x', file: written, detached: [odd], digests: [], evidence: [] }], trusting(authority));
  assert.ok(again?.ok);
  assert.equal(again.value.report.indication, 'TOTAL-PASSED');
});

test('each question is judged by its own trust and time, whatever was asked before', async (t) => {
  const one = documentWorkers({ clock: systemClock, log }, { threads: 1 });
  t.after(() => one.close());
  const file = join(directory, 'trusted.p7m');
  writeFileSync(file, await signDocument(identity, Buffer.from('content'), { packaging: 'enveloping' }));
  const job: VerifyJob = { name: 'x', file, detached: [], digests: [], evidence: [] };
  const judge = async (options: VerifyOptions): Promise<string> => {
    const [outcome] = await one.verify([job], options);
    assert.ok(outcome?.ok);
    return words(outcome.value.report)[1] ?? '';
  };
  const ours = trusting(authority);
  const strangers = trusting(testAuthority({ name: 'Others' }));
  const early = 'INDETERMINATE OUT_OF_BOUNDS_NOT_REVOKED';
  assert.equal(await judge(ours), 'TOTAL-PASSED');
  assert.equal(await judge({ ...ours, at: authority.now() - 20 * 365 * 86_400_000 }), early);
  assert.equal(await judge({ ...ours }), 'TOTAL-PASSED');
  assert.equal(await judge(strangers), 'INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND');
  assert.equal(await judge({ ...ours, revocation: { crls: [], ocsps: [], failures: [] } }), 'INDETERMINATE TRY_LATER');
  assert.equal(await judge(ours), 'TOTAL-PASSED');
  assert.equal(await judge({ ...ours, structureOnly: true }), 'TOTAL-PASSED');
});

test('a document that cannot be signed is an outcome with code and hint; the others are done, in their order', async () => {
  const broken = new URL('../../fixtures/documents/broken.pdf', import.meta.url).pathname;
  mkdirSync(join(directory, 'sub'));
  symlinkSync(fixture, join(directory, 'link'));
  const jobs = [broken, join(directory, 'missing'), fixture, join(directory, 'sub'), join(directory, 'link')].map((path) =>
    prepareJob(path),
  );
  const wrong = prepareJob(fixture, { format: 'cades', parameters: { ...parameters, packaging: 'embedded' } });
  const outcomes = await work.prepare([...jobs, wrong, prepareJob(fixture, { format: 'xades' })]);
  assert.deepEqual(
    outcomes.map((outcome) => (outcome.ok ? outcome.value.format : outcome.error.code)),
    ['SEAL-DOC-DAMAGED', 'SEAL-INPUT-MISSING', 'pades', 'SEAL-DOC-TYPE', 'SEAL-DOC-TYPE', 'SEAL-DOC-FORMAT', 'SEAL-DOC-FORMAT'],
  );
  for (const outcome of outcomes) assert.ok(outcome.ok || outcome.error.hint !== undefined, JSON.stringify(outcome));
});

test('digests that are known are not computed again', async () => {
  const file = join(directory, 'known');
  writeFileSync(file, 'a');
  const value = createHash('sha256').update('b').digest();
  const [outcome] = await work.prepare([prepareJob(file, { digests: [['sha256', value]] })]);
  assert.ok(outcome?.ok);
  assert.ok(outcome.value.signature.toBeSigned.includes(value));
});

test('what must be unchanged is read once more, whatever the format: another byte, and nothing is prepared', async () => {
  const file = join(directory, 'shown');
  const bytes = readFileSync(fixture);
  const shown = createHash('sha256').update(bytes).digest();
  const jobs = [prepareJob(file, { unchanged: true, digests: [['sha256', shown]] }), prepareJob(file, { unchanged: true })];
  writeFileSync(file, bytes);
  const before = await work.prepare(jobs);
  assert.deepEqual(
    before.map((outcome) => (outcome.ok ? outcome.value.format : outcome.error.code)),
    ['pades', 'SEAL-DISK-IO'],
  );
  writeFileSync(file, Buffer.concat([bytes, Buffer.from('\n')]));
  const [after] = await work.prepare(jobs);
  assert.deepEqual([after?.ok, after?.ok === false && after.error.code], [false, 'SEAL-DISK-IO']);
});

test(
  'a large enclosed content is verified from the file, in one piece and in the thousand pieces of a stream',
  needs('openssl'),
  async () => {
    const content = Buffer.alloc(5_000_003, 'large');
    const signed = await signDocument(identity, content, { packaging: 'enveloping' });
    const input = join(directory, 'large');
    writeFileSync(input, content);
    writeFileSync(`${input}.pem`, identity.pem);
    writeFileSync(`${input}.key`, identity.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const files = ['-in', input, '-out', `${input}.streamed`, '-signer', `${input}.pem`, '-inkey', `${input}.key`];
    const options = ['-nodetach', '-stream', '-binary', '-cades', '-outform', 'DER', '-certfile', `${input}.ca`];
    writeFileSync(`${input}.ca`, authority.issuing.pem);
    assert.equal(spawnSync('openssl', ['cms', '-sign', ...files, ...options]).status, 0);
    writeFileSync(`${input}.p7m`, signed);
    const changed = Buffer.from(signed);
    changed[4_000_000] = 0;
    writeFileSync(`${input}.changed`, changed);
    const jobs = ['p7m', 'streamed', 'changed'].map((suffix) => ({
      name: suffix,
      file: `${input}.${suffix}`,
      detached: [],
      digests: [],
      evidence: [],
    }));
    const outcomes = await work.verify(jobs, trusting(authority));
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.ok ? words(outcome.value.report)[1] : outcome.error.code)),
      ['TOTAL-PASSED', 'TOTAL-PASSED', 'TOTAL-FAILED HASH_FAILURE'],
    );
  },
);

test('many jobs keep their order; the caller’s buffers stay his', async () => {
  const files = Array.from({ length: 50 }, (_nothing, at) => {
    const file = join(directory, `many-${at}`);
    writeFileSync(file, `document ${at}`);
    return file;
  });
  const outcomes = await work.prepare(files.map((file) => prepareJob(file)));
  outcomes.forEach((outcome, at) => {
    assert.ok(outcome.ok);
    assert.ok(outcome.value.signature.toBeSigned.includes(createHash('sha256').update(`document ${at}`).digest()));
  });
  assert.ok(parameters.chain[0]?.equals(identity.certificate));
  assert.deepEqual(await work.prepare([]), []);
});

const faulty = {
  entry: new URL('./documents-faulty.ts', import.meta.url),
  timeLimit: 400,
  memoryLimit: 64,
};

for (const [what, code] of [
  ['hang', 'SEAL-DOC-LIMIT'],
  ['memory', 'SEAL-DOC-LIMIT'],
  ['exit', 'SEAL-INTERNAL'],
] as const)
  test(`a job that ends its worker (${what}) is answered with ${code}, all others are done again`, async (t) => {
    const hostile = documentWorkers({ clock: systemClock, log: new CollectingLog() }, { ...faulty, threads: 1 });
    t.after(() => hostile.close());
    const names = ['first', what, 'third', 'fourth'];
    const outcomes = await hostile.prepare(names.map((name) => prepareJob(name)));
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.ok ? outcome.value.signature.toBeSigned.toString() : outcome.error.code)),
      ['first', code, 'third', 'fourth'],
    );
    const [later] = await hostile.prepare([prepareJob('later')]);
    assert.ok(later?.ok);
  });

const processorTime = 'cpuUsage' in Worker.prototype ? {} : { skip: 'this Node does not tell what a thread uses of the processor' };

test('the limit is the processor’s time: a job that waits for it, or for a slow disk, is not ended', processorTime, async (t) => {
  const slow = documentWorkers({ clock: systemClock, log: new CollectingLog() }, { ...faulty, threads: 1 });
  t.after(() => slow.close());
  const outcomes = await slow.prepare(['first', 'wait', 'third'].map((name) => prepareJob(name)));
  assert.deepEqual(
    outcomes.map((outcome) => (outcome.ok ? outcome.value.signature.toBeSigned.toString() : outcome.error.code)),
    ['first', 'wait', 'third'],
  );
});

test('a worker that cannot start answers every job; closing answers what waits', async (t) => {
  const entry = new URL('./no-such-worker.ts', import.meta.url);
  const absent = documentWorkers({ clock: systemClock, log: new CollectingLog() }, { entry, threads: 1 });
  t.after(() => absent.close());
  const outcomes = await absent.prepare([prepareJob('a'), prepareJob('b')]);
  assert.deepEqual(
    outcomes.map((outcome) => (outcome.ok ? '' : outcome.error.code)),
    ['SEAL-INTERNAL', 'SEAL-INTERNAL'],
  );
  const closing = documentWorkers({ clock: systemClock, log: new CollectingLog() }, { ...faulty, timeLimit: 60_000, threads: 1 });
  const waiting = closing.prepare([prepareJob('hang'), prepareJob('b')]);
  await closing.close();
  assert.deepEqual(
    (await waiting).map((outcome) => (outcome.ok ? '' : outcome.error.code)),
    ['SEAL-INTERRUPTED', 'SEAL-INTERRUPTED'],
  );
});
