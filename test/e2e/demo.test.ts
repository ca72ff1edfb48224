import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parseSignedData } from '../../src/formats/cms.ts';
import { complaints, dss, opensslCms, pdfsig, pyhanko, qpdfCheck, runProgram } from '../support/judges.ts';
import { needs } from '../support/tools.ts';
import { flipBit } from './damage.ts';
import { deliveries, filesBelow, type Delivery } from './deliveries.ts';
import { command, House, top } from './house.ts';

/** What the demo leaves, judged by programs that know nothing of Sealtree: only documents, signatures, records, anchors and CRLs. */
describe('bin/demo', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'sealtree-demo-test-'));
  const directory = join(scratch, 'demo');
  const house = new House(directory);
  let trust: { anchors: string; crls: string[] };
  let dssTrust: { trust: string[]; crls: string[] };
  const runs: { status: number; told: string }[] = [];
  let firstOutput: Map<string, string>;
  let delivered: readonly Delivery[];
  let pdfs: string[];

  before(async () => {
    runs.push(await demo(directory));
    firstOutput = hashesBelow(join(directory, 'roots'));
    runs.push(await demo(directory));
    trust = { anchors: house.trust, crls: house.crls };
    dssTrust = { trust: [house.trust], crls: house.crls };
    delivered = deliveries(directory, ['pdf', 'files']);
    pdfs = delivered.filter(({ signature }) => signature === undefined).map(({ document }) => document);
  });
  after(() => {
    rmSync(scratch, { recursive: true, force: true });
  });

  test('holds, and a second run continues in the same directory', () => {
    for (const { status, told } of runs) assert.equal(status, 0, told);
    assert.match(runs[0]?.told ?? '', /Open this page: {2,}\S+report\.html/);
    const now = hashesBelow(join(directory, 'roots'));
    for (const [file, hash] of firstOutput)
      if (!file.includes('/.sealtree')) assert.equal(now.get(file), hash, `${file} of the first run was changed`);
    assert.deepEqual(
      new Set(delivered.map(({ root, batch }) => `${root}/${batch}`)),
      new Set(['pdf/letters', 'pdf/letters-2', 'pdf/with-a-broken-one', 'pdf/with-a-broken-one-2', 'files/mixed', 'files/mixed-2']),
    );
  });

  test('leaves the directory as it is described', () => {
    for (const path of ['roots.yaml', 'trust.pem', 'data']) assert.ok(existsSync(join(directory, path)), path);
    for (const root of ['pdf', 'files'])
      for (const tree of ['incoming', 'outgoing', 'failed', 'done'])
        assert.ok(existsSync(join(directory, 'roots', root, tree)), `${root}/${tree}`);
    assert.ok(readdirSync(join(directory, 'crls')).filter((name) => name.endsWith('.crl')).length >= 2);
    assert.ok(readdirSync(join(directory, 'proof')).some((name) => name.endsWith('.ers')));
    assert.equal(pdfs.length, 16, 'eight PDFs a run');
    assert.equal(delivered.length - pdfs.length, 6, 'three other documents a run, each with a detached signature');
    for (const run of ['', '-2']) {
      assert.deepEqual(filesBelow(join(directory, `roots/pdf/incoming/draft${run}`)), ['not-approved.pdf'], 'without semaphore: untouched');
      const failed = join(directory, `roots/pdf/failed/with-a-broken-one${run}`);
      assert.deepEqual(filesBelow(failed), ['FAILED', 'broken.pdf', 'error.json']);
      assert.deepEqual(
        readFileSync(join(failed, 'broken.pdf')),
        readFileSync(join(top, 'fixtures/documents/broken.pdf')),
        'original bytes',
      );
      assert.match(readFileSync(join(failed, 'error.json'), 'utf8'), /SEAL-DOC-DAMAGED/);
    }
  });

  test('the originals lie in done/, and a PDF begins with every byte of its original', () => {
    for (const { root, batch, path, document } of delivered) {
      const original = readFileSync(join(directory, 'roots', root, 'done', batch, path));
      assert.ok(readFileSync(document).subarray(0, original.length).equals(original), document);
    }
  });

  test('READY names every file with its SHA-256', () => {
    for (const { root, batch } of delivered) {
      const output = join(directory, 'roots', root, 'outgoing', batch);
      const ready = readFileSync(join(output, 'READY'), 'utf8');
      for (const [file, hash] of hashesBelow(output))
        if (file !== 'READY') assert.ok(ready.includes(hash), `${batch}: ${file} is not in READY`);
    }
  });

  test('DSS accepts every signature', needs('dss'), async () => {
    const answers = await dss(
      delivered.map(({ document, signature }) => ({
        file: signature ?? document,
        ...(signature === undefined ? {} : { detached: [document] }),
        ...dssTrust,
      })),
    );
    for (const answer of answers) {
      assert.ok(answer.allPassed, complaints(answer));
      assert.deepEqual(
        answer.signatures.map(({ indication, format }) => `${indication} ${format}`),
        [`TOTAL_PASSED ${answer.file.endsWith('.p7s') ? 'CAdES-BASELINE-T' : 'PAdES-BASELINE-T'}`],
        complaints(answer),
      );
    }
  });

  test(
    'DSS accepts every evidence record with the delivered file; groups with document and signature, no record is left over',
    needs('dss'),
    async () => {
      const records = delivered.map((delivery) => ({
        file: recordOf(directory, delivery),
        detached: [delivery.document, ...(delivery.signature === undefined ? [] : [delivery.signature])],
        ...dssTrust,
      }));
      const exported = filesBelow(join(directory, 'proof'))
        .filter((file) => file.endsWith('.ers'))
        .map((file) => join(directory, 'proof', file));
      assert.deepEqual(exported, records.map(({ file }) => file).sort());
      for (const [index, answer] of (await dss(records)).entries()) {
        assert.ok(answer.allPassed, complaints(answer));
        assert.equal(answer.evidenceRecords.length, 1);
        assert.equal(answer.evidenceRecords[0]?.covered.length, records[index]?.detached.length, complaints(answer));
        assert.equal(answer.evidenceRecords[0]?.isDer, true);
      }
    },
  );

  test('openssl accepts each CAdES with every CRL checked', needs('openssl'), async () => {
    for (const { document, signature } of delivered) {
      if (signature === undefined) continue;
      const { accepted, output, content } = await opensslCms(signature, trust, document);
      assert.ok(accepted, `${signature}: ${output}`);
      assert.deepEqual(content, readFileSync(document));
    }
  });

  test('pyHanko accepts each PAdES: whole file covered, trusted, not revoked, timestamp good', needs('pyhanko'), async () => {
    for (const { file, error, signatures } of await pyhanko(pdfs, trust)) {
      assert.equal(signatures.length, 1, `${file}: ${error ?? ''}`);
      const [{ bottomLine, coverage, timestamp, summary }] = signatures as [(typeof signatures)[0]];
      assert.ok(bottomLine && coverage === 'ENTIRE_FILE' && timestamp !== null, `${file}: ${summary}`);
    }
  });

  test('pdfsig accepts each PAdES', needs('pdfsig', 'certutil'), async () => {
    for (const { file, signatures, output } of await pdfsig(pdfs, trust.anchors))
      assert.deepEqual(signatures, [{ signatureValid: true, certificateTrusted: true, wholeDocument: true }], `${file}: ${output}`);
  });

  test('qpdf finds nothing wrong with any PDF', needs('qpdf'), async () => {
    for (const pdf of pdfs) {
      const { accepted, output } = await qpdfCheck(pdf);
      assert.ok(accepted, output);
    }
  });

  describe('one flipped bit', () => {
    const flipped = join(scratch, 'flipped');
    let pdf: Delivery;
    let other: Delivery;
    let changedPdf: string;
    let changedOther: string;
    before(() => {
      mkdirSync(flipped);
      [pdf, other] = ['libreoffice.pdf', 'mail/claim.eml'].map((path) => delivered.find((delivery) => delivery.path === path)) as [
        Delivery,
        Delivery,
      ];
      changedPdf = flipBit(pdf.document, join(flipped, basename(pdf.document)), 0.2);
      changedOther = flipBit(other.document, join(flipped, basename(other.document)), 0.5);
    });

    test('is refused by ours: TOTAL-FAILED, exit 1; so is the record over it', async () => {
      const config = ['--config', join(directory, 'roots.yaml')];
      const questions: string[][] = [
        [changedPdf],
        [changedPdf, '--evidence', recordOf(directory, pdf)],
        [other.signature ?? '', '--document', changedOther],
        [changedValue(other.signature ?? '', join(flipped, 'claim.eml.p7s')), '--document', other.document],
      ];
      for (const question of questions) {
        const { status, stdout, stderr } = await command(['verify', ...question, ...config]);
        assert.equal(status, 1, `${question.join(' ')}: ${stdout}${stderr}`);
      }
      const digest = createHash('sha256').update(readFileSync(changedPdf)).digest('hex');
      const { status } = await command(['verify', '--digest', `SHA256:${digest}`, '--evidence', recordOf(directory, pdf), ...config]);
      assert.equal(status, 1, 'the record alone');
    });

    test('is refused by DSS', needs('dss'), async () => {
      const answers = await dss([
        { file: changedPdf, ...dssTrust },
        { file: other.signature ?? '', detached: [changedOther], ...dssTrust },
        { file: recordOf(directory, pdf), detached: [changedPdf], ...dssTrust },
        { file: recordOf(directory, other), detached: [changedOther], ...dssTrust },
        { file: join(flipped, 'claim.eml.p7s'), detached: [other.document], ...dssTrust },
      ]);
      for (const answer of answers) assert.equal(answer.allPassed, false, complaints(answer));
      for (const { signatures } of [0, 1, 4].flatMap((index) => answers[index] ?? []))
        assert.equal(signatures[0]?.intact && signatures[0].valid, false);
    });

    test('is refused by openssl, pyHanko and pdfsig', needs('openssl', 'pyhanko', 'pdfsig', 'certutil'), async () => {
      assert.equal((await opensslCms(other.signature ?? '', trust, changedOther)).accepted, false);
      assert.equal(
        (await pyhanko([changedPdf], trust))[0]?.signatures.some(({ bottomLine }) => bottomLine),
        false,
      );
      assert.equal(
        (await pdfsig([changedPdf], trust.anchors))[0]?.signatures.some(({ signatureValid }) => signatureValid),
        false,
      );
    });
  });
});

/** Where the demo puts the record of a document: below proof/, for a further run below proof/run-N. */
function recordOf(directory: string, { batch, path }: Delivery): string {
  const run = /-(\d+)$/.exec(batch)?.[1];
  return join(directory, 'proof', run === undefined ? '' : `run-${run}`, `${path}.ers`);
}

/** A copy of a CMS with one bit of its signature value turned. */
function changedValue(signature: string, copy: string): string {
  const cms = readFileSync(signature);
  const [value] = parseSignedData(cms).signers.map(({ signatureValue }) => signatureValue);
  assert.ok(value !== undefined);
  const at = cms.indexOf(value) + value.length - 1;
  cms.writeUInt8(cms.readUInt8(at) ^ 1, at);
  writeFileSync(copy, cms);
  return copy;
}

async function demo(...args: readonly string[]): Promise<{ status: number; told: string }> {
  const { status, stdout, stderr } = await runProgram(join(top, 'bin/demo'), args, { environment: { NO_COLOR: '1' } });
  return { status, told: `${stdout.toString()}${stderr}` };
}

function hashesBelow(directory: string): Map<string, string> {
  return new Map(
    filesBelow(directory).map((file) => [
      file,
      createHash('sha256')
        .update(readFileSync(join(directory, file)))
        .digest('hex'),
    ]),
  );
}
