import { test } from 'node:test';
import assert from 'node:assert/strict';
import { fileVerdict, worstOf } from '../../src/verify/indications.ts';
import { htmlReport } from '../../src/verify/reports/html.ts';
import { jsonReport } from '../../src/verify/reports/json.ts';
import { textReport } from '../../src/verify/reports/text.ts';
import { signDocument } from '../formats/signing.ts';
import { testAuthority } from '../support/authority.ts';
import { trusting, verifyBytes } from './verifying.ts';
import type { FileReport } from '../../src/model/verification.ts';

const authority = testAuthority({ name: 'Reports' });
const hostile = '<img src=x onerror=alert(1)>"\'&\u202e\u001b[31m\nnext';

async function reportOf(subject: string): Promise<FileReport> {
  const identity = authority.issue({ keyType: 'p256', subject });
  const document = Buffer.from('document');
  const signed = await signDocument(identity, document, { timestampFrom: authority });
  return verifyBytes(signed, { name: hostile, documents: { document } }, trusting(authority)).report;
}

test('HTML: complete in itself, EVALUATION said, chain and time line drawn, hostile names harmless', async () => {
  const report = await reportOf('Müller <b>& "Söhne"');
  const page = htmlReport([report]);
  assert.match(page, /^<!doctype html>/);
  assert.match(page, /EVALUATION/);
  assert.match(page, /TOTAL-PASSED/);
  assert.ok(page.includes('<svg') && page.includes('class="chain"'));
  assert.ok(/Müller .?&lt;b.?&gt;&amp;/.test(page));
  assert.ok(!/<img|<script|<b>|\u202e|\u001b/.test(page));
  assert.ok(!/<[^>]*\b(?:src|href)=|url\(|@import/.test(page), 'nothing is fetched');
  // Every element that is opened is closed.
  const open: string[] = [];
  for (const [, slash, name = '', rest = ''] of page.matchAll(/<(\/?)([a-z0-9]+)([^>]*)>/g)) {
    if (['meta', 'rect', 'line', 'circle'].includes(name) || rest.endsWith('/')) continue;
    if (slash === '/') assert.equal(open.pop(), name);
    else open.push(name);
  }
  assert.deepEqual(open, []);
});

test('HTML of a real signature leaves the banner out', async () => {
  const report = { ...(await reportOf('x')), evaluation: false };
  assert.ok(!htmlReport([report]).includes('class="banner"'));
});

test('text: verdict and reason first, facts after it, no control characters', async () => {
  const report = await reportOf('Signer');
  const text = textReport([report]);
  assert.match(text.split('\n')[0] ?? '', /: TOTAL-PASSED$/);
  for (const fact of ['signed by CN=Signer', 'intact: yes  valid: yes  trusted: yes', 'signature timestamp of', 'anchor:', 'good (CRL'])
    assert.ok(text.includes(fact), fact);
  assert.ok(!/[\u0000-\u0009\u000b-\u001f\u202e]/.test(text));
  const failed: FileReport = { ...report, indication: 'TOTAL-FAILED', subIndication: 'HASH_FAILURE' };
  assert.match(textReport([failed]), /TOTAL-FAILED \(HASH_FAILURE\): the document was changed after it was signed/);
});

test('JSON: one array, the names of the contract', async () => {
  const report = await reportOf('Signer');
  const [parsed] = JSON.parse(jsonReport([report])) as Record<string, unknown>[];
  assert.ok(parsed);
  for (const name of ['file', 'indication', 'evaluation', 'validationTime', 'signatures', 'timestamps', 'evidenceRecords', 'errors'])
    assert.ok(name in parsed, name);
  assert.deepEqual(JSON.parse(jsonReport([])), []);
});

test('the worst word counts', () => {
  const failed = { indication: 'TOTAL-FAILED', subIndication: 'HASH_FAILURE' } as const;
  const open = { indication: 'INDETERMINATE', subIndication: 'NO_POE' } as const;
  assert.deepEqual(worstOf([{ indication: 'TOTAL-PASSED' }, open, failed, open]), failed);
  assert.equal(worstOf([]), undefined);
  const none = { signatures: [], timestamps: [], evidenceRecords: [] };
  assert.equal(fileVerdict(none).indication, 'INDETERMINATE');
});
