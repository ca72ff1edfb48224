import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { htmlPieces } from '../../src/archive/batch-report-html.ts';
import { reportBegins, reportPieces, type ReportedDocument } from '../../src/archive/batch-report.ts';
import { readyPieces } from '../../src/archive/ready.ts';
import { SealError } from '../../src/errors.ts';
import type { Batch, BatchDocument } from '../../src/model/batch.ts';
import type { CertificateSummary, FileReport, SignatureReport } from '../../src/model/verification.ts';
import { sha256 } from '../suites/store-samples.ts';

const at = Date.UTC(2026, 10, 22, 6, 21, 29);
const digest = (text: string): [['sha256', Buffer]] => [['sha256', sha256(text)]];

function certificate(subject: string): CertificateSummary {
  return {
    ...{ subject, issuer: 'CN=Sealtree EVALUATION Test Issuing CA,C=DE', serialNumber: '4d2f', sha256: sha256(subject).toString('hex') },
    ...{ notBefore: '2026-01-01T00:00:00Z', notAfter: '2028-01-01T00:00:00Z', trustAnchor: false },
  };
}

/** A report of a signature that passed. Only what the batch report reads is filled in. */
function passed(subject: string, warnings: readonly string[] = [], evaluation = false): FileReport {
  const signer = certificate(subject);
  const signature = {
    signer,
    chain: {
      certificates: [signer, certificate('CN=Issuing')],
      revocation: [
        { certificate: signer.sha256, status: 'good', source: 'crl' },
        { certificate: sha256('CN=Issuing').toString('hex'), status: 'good', source: 'ocsp' },
      ],
      warnings: [],
    },
    timestamps: [{ genTime: '2026-11-22T06:21:30Z', indication: 'PASSED' }],
    warnings,
  } as unknown as SignatureReport;
  return {
    ...{ file: 'x', indication: 'TOTAL-PASSED', evaluation, validationTime: '2026-11-22T06:21:31Z' },
    ...{ signatures: [signature], timestamps: [], evidenceRecords: [], errors: [] },
  };
}

function document(seq: number, name: string | Buffer, changes: Partial<BatchDocument> = {}): BatchDocument {
  return {
    ...{ id: seq + 1, batch: 'b', seq, relPath: Buffer.from(name), size: 11, digests: digest(String(seq)), state: 'verified' },
    leaves: [{ tree: '2026-11-22.1', index: seq, what: 'group' }],
    ...changes,
  };
}

function signed(seq: number, name: string | Buffer, report = passed('CN=Karl Seal,C=DE'), detached = true): BatchDocument {
  const relPath = Buffer.from(name);
  const base = relPath.subarray(relPath.lastIndexOf(0x2f) + 1);
  const mark = Buffer.from('signature');
  return document(seq, relPath, {
    signature: {
      ...{ key: 'card-1', certificate: sha256('c'), format: detached ? 'cades' : 'pades', level: 'B-T', signingTime: at },
      parts: detached ? [mark] : [{ offset: 0, length: 11 }, mark],
      outputName: detached ? Buffer.concat([base, Buffer.from('.p7s')]) : base,
      outputDigest: sha256('output'),
      outputSize: 4711,
      report,
    },
  });
}

const damaged = new SealError('SEAL-DOC-DAMAGED', 'the cross-reference table <b>lies</b>', { hint: 'scan it again & "again"' }).toJSON();
const failed = document(9, 'broken.pdf', { state: 'failed', error: damaged, leaves: [] });

const batch: Batch = {
  ...{ id: '20261122-062129-k3x9q', root: 'letters', relPath: Buffer.from('day/<a>'), outPath: Buffer.from('day/<a>'), state: 'archived' },
  ...{ options: {}, priority: 0, profile: 'seal', keys: ['card-1'], approvedAt: at - 60_000, claimedAt: at - 50_000 },
  ...{ semaphore: Buffer.from('APPROVED'), documents: 3, failed: 1 },
};

async function* pagesOf(...documents: readonly BatchDocument[]): AsyncGenerator<BatchDocument[]> {
  for (const one of documents) yield await Promise.resolve([one]);
}

async function text(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all).toString('utf8');
}

const hostile = [
  'plain.txt',
  '<script>alert(1)</script>.txt',
  '"onmouseover="x.txt',
  'd/line\nbreak.txt',
  'back\\slash.txt',
  '\u202egnp.txt',
  Buffer.from('caf\xe9 <b>.txt', 'latin1'),
];
const times = { deliveredAt: at };

suite('batch-report.json', () => {
  test('names are exact, hashes and times are there, and it parses whatever the names are', async () => {
    const all = await text(reportPieces(pagesOf(...hostile.map((name, seq) => signed(seq, name)), failed), batch, times));
    assert.doesNotMatch(all, /[\u007f-\u009f\u202a-\u202e]/, 'it cannot redraw a terminal');
    const report = JSON.parse(all) as Record<string, unknown> & { documents: ReportedDocument[]; counts: unknown };
    assert.deepEqual(report.counts, { documents: 8, delivered: 7, failed: 1 });
    assert.deepEqual(
      [report['batch'], report['path'], report['approvedAt'], report['deliveredAt'], report['evaluation']],
      [batch.id, 'day/<a>', '2026-11-22T06:20:29.000Z', '2026-11-22T06:21:29.000Z', undefined],
    );
    hostile.forEach((name, seq) => {
      const { document: shown, nameBytes, output } = report.documents[seq] ?? {};
      const bytes = nameBytes === undefined ? Buffer.from(shown ?? '') : Buffer.from(nameBytes, 'hex');
      assert.deepEqual(bytes, Buffer.from(name));
      const file = output?.nameBytes === undefined ? Buffer.from(output?.file ?? '') : Buffer.from(output.nameBytes, 'hex');
      assert.deepEqual(file, Buffer.concat([bytes, Buffer.from('.p7s')]));
    });
    const [first] = report.documents;
    assert.deepEqual(first?.input, { size: 11, sha256: sha256('0').toString('hex') });
    assert.deepEqual([first.output?.size, first.output?.sha256], [4711, sha256('output').toString('hex')]);
    assert.deepEqual(first.signature, {
      ...{ format: 'cades', level: 'B-T', key: 'card-1', signingTime: '2026-11-22T06:21:29.000Z' },
      signer: certificate('CN=Karl Seal,C=DE'),
    });
    assert.deepEqual(first.verification?.checked, [
      'signature value and signed bytes',
      'path of 2 certificates to a trust anchor, dates and key usage',
      'CN=Karl Seal,C=DE: good (CRL)',
      'CN=Issuing: good (OCSP)',
      'timestamp 2026-11-22T06:21:30Z: PASSED',
    ]);
    assert.deepEqual(first.archive, [{ tree: '2026-11-22.1', index: 0, what: 'group' }]);
    const last = report.documents.at(-1);
    assert.deepEqual([last?.state, last?.error, last?.output], ['failed', damaged, undefined]);
  });

  test('begins with its batch, and says when certificates prove nothing', async () => {
    const all = await text(reportPieces(pagesOf(signed(0, 'x', passed('CN=Test', [], true))), batch, times));
    assert.ok(Buffer.from(all).subarray(0, reportBegins(batch).length).equals(reportBegins(batch)));
    assert.match((JSON.parse(all) as { evaluation: string }).evaluation, /EVALUATION/);
  });

  test('of a remainder, of unsigned documents, of no document at all', async () => {
    const remainder = { ...batch, partOf: 'before', outPath: Buffer.from('day\xff~2', 'latin1') };
    const report = JSON.parse(await text(reportPieces(pagesOf(document(0, 'x')), remainder, times))) as Record<string, unknown>;
    assert.deepEqual([report['partOf'], report['pathBytes']], ['before', remainder.outPath.toString('hex')]);
    assert.deepEqual((JSON.parse(await text(reportPieces(pagesOf(), batch, times))) as { documents: unknown[] }).documents, []);
  });
});

suite('READY', () => {
  test('names every file as it is, with the hash to check it by', async () => {
    const reports = [{ name: 'batch-report.json', size: 3, digest: sha256('report') }];
    const pages = pagesOf(...hostile.map((name, seq) => signed(seq, name)), signed(7, 'd/y.pdf', undefined, false), failed);
    const ready = JSON.parse(await text(readyPieces(pages, { ...batch, partOf: 'before' }, { reports, evaluation: false }))) as {
      files: { name: string; nameBytes?: string; size: number; sha256: string }[];
    } & Record<string, unknown>;
    const { files, ...head } = ready;
    assert.deepEqual(head, {
      ...{ batch: batch.id, root: 'letters', path: 'day/<a>', partOf: 'before', anchored: false },
      counts: { documents: 9, delivered: 8, failed: 1 },
    });
    const names = files.map(({ name, nameBytes }) => (nameBytes === undefined ? Buffer.from(name) : Buffer.from(nameBytes, 'hex')));
    const expected = [
      ...hostile.flatMap((name) => [Buffer.from(name), Buffer.concat([Buffer.from(name), Buffer.from('.p7s')])]),
      ...['d/y.pdf', 'batch-report.json'].map((name) => Buffer.from(name)),
    ];
    assert.deepEqual(names, expected);
    assert.deepEqual([files.at(-2)?.size, files.at(-2)?.sha256], [4711, sha256('output').toString('hex')]);
    assert.deepEqual([files[0]?.size, files[0]?.sha256], [11, sha256('0').toString('hex')]);
  });
});

suite('batch-report.html', () => {
  const documents = [
    ...hostile.map((name, seq) => signed(seq, name)),
    signed(
      7,
      'warned.pdf',
      passed('CN=<img src=x onerror=alert(1)>', ['the signing time lies <b>before</b> the certificate'], true),
      false,
    ),
    document(8, 'unsigned.txt'),
    failed,
  ];

  test('nothing out of names, subjects and messages becomes markup', async () => {
    const html = await text(htmlPieces(pagesOf(...documents), batch, times));
    const tags = new Set([...html.matchAll(/<\/?([a-z0-9]*)([^>]*)>/g)].map(([, name, attributes]) => `${name ?? ''}${attributes ?? ''}`));
    const known = [
      'html',
      'html lang="en"',
      'head',
      'meta charset="utf-8"',
      'meta name="viewport" content="width=device-width, initial-scale=1"',
      'bdi',
      'p class="counts"',
      'title',
      'style',
      'body',
      'h1',
      'dl',
      'dt',
      'dd',
      'table',
      'thead',
    ];
    known.push('!doctype html', 'tbody', 'tr', 'th', 'td', 'small', 'small class="warn"', 'code', 'p', 'p class="banner"', 'span');
    known.push(
      'span class="good"',
      'span class="bad"',
      `meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"`,
    );
    assert.deepEqual(
      [...tags].filter((tag) => !known.includes(tag)),
      [],
    );
    assert.match(html, /&lt;script&gt;alert\(1\)&lt;\/script&gt;\.txt\.p7s/);
    assert.match(html, /back\\\\slash\.txt\.p7s/, 'a backslash is shown doubled, once');
    assert.match(html, /caf\\xe9 &lt;b&gt;\.txt\.p7s/);
    assert.match(html, /\\u\{202e\}gnp/);
    assert.match(html, /9 delivered.*1 failed/);
    assert.match(html, /SEAL-DOC-DAMAGED.*scan it again &amp; &quot;again&quot;/);
  });

  test('is written as the documents come: a million are never held', async () => {
    let asked = 0;
    async function* endless(): AsyncGenerator<BatchDocument[]> {
      for (;;) yield await Promise.resolve([signed(asked, `${asked++}.txt`)]);
    }
    for (const pieces of [
      htmlPieces(endless(), batch, times),
      reportPieces(endless(), batch, times),
      readyPieces(endless(), batch, { reports: [], evaluation: false }),
    ]) {
      const before = asked;
      let written = 0;
      for await (const piece of pieces) if ((written += piece.length) > 20_000) break;
      assert.ok(asked - before < 200);
    }
  });
});
