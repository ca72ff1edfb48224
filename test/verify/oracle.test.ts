import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { testAuthority } from '../support/authority.ts';
import { dss } from '../support/judges.ts';
import { needs } from '../support/tools.ts';
import { signDocument, type SigningOptions } from '../formats/signing.ts';
import { trusting, verifyBytes } from './verifying.ts';
import type { KeyKind } from '../../src/authority/signing.ts';

const document = Buffer.from('DSS shall say So too\n');
const cases: readonly (readonly [string, KeyKind, Omit<SigningOptions, 'timestampFrom'>, boolean])[] = [
  ['B-B detached RSA', 'rsa3072', {}, false],
  ['B-B detached PSS SHA-512', 'rsa3072', { padding: 'pss', digest: 'sha512' }, false],
  ['B-B enveloping P-256', 'p256', { packaging: 'enveloping' }, false],
  ['B-B detached P-384 SHA-384', 'p384', { digest: 'sha384' }, false],
  ['B-B detached brainpool', 'brainpoolP256r1', {}, false],
  ['B-B enveloping brainpool SHA-384', 'brainpoolP384r1', { digest: 'sha384', packaging: 'enveloping' }, false],
  ['B-T detached RSA', 'rsa3072', {}, true],
  ['B-T detached P-256', 'p256', {}, true],
  ['B-T enveloping PSS', 'rsa3072', { padding: 'pss', packaging: 'enveloping' }, true],
];

test('EU DSS and we say the same about B-B and B-T, whole and with a flipped bit', needs('dss'), async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sealtree-dss-'));
  t.after(() => {
    rmSync(directory, { recursive: true });
  });
  const authority = testAuthority({ name: 'DSS' });
  const file = (name: string, bytes: Buffer): string => {
    writeFileSync(join(directory, name), bytes);
    return join(directory, name);
  };
  const original = file('document', document);
  const changed = file('changed', Buffer.from('DSS shall say No too\n'));
  const made = await Promise.all(
    cases.map(async ([, keyType, options, stamped], at) => {
      const identity = authority.issue({ keyType, subject: `Signer ${at}` });
      const signed = await signDocument(identity, document, { ...options, ...(stamped ? { timestampFrom: authority } : {}) });
      const detached = options.packaging !== 'enveloping';
      const flipped = Buffer.from(signed);
      if (!detached) flipped.write('No', flipped.indexOf(document) + 'DSS shall say '.length);
      return { signed, flipped, detached };
    }),
  );
  const { crls, trust } = authority.write(directory);
  const common = { trust: [trust], crls };
  const questions = made.flatMap(({ signed, flipped, detached }, at) => [
    { file: file(`${at}.p7`, signed), ...(detached ? { detached: [original] } : {}), ...common },
    { file: file(`${at}.flipped.p7`, flipped), ...(detached ? { detached: [changed] } : {}), ...common },
  ]);
  const answers = await dss(questions);
  made.forEach(({ signed, flipped, detached }, at) => {
    const [name = ''] = cases[at] ?? [];
    const [good] = answers[2 * at]?.signatures ?? [];
    const [bad] = answers[2 * at + 1]?.signatures ?? [];
    assert.ok(good && bad, `${name}: ${JSON.stringify(answers.slice(2 * at, 2 * at + 2))}`);
    assert.equal(good.indication, 'TOTAL_PASSED', `${name}: ${JSON.stringify(good)}`);
    assert.equal(good.format, `CAdES-BASELINE-${name.startsWith('B-T') ? 'T' : 'B'}`, name);
    assert.equal(`${bad.indication} ${bad.subIndication ?? ''}`, 'TOTAL_FAILED HASH_FAILURE', name);
    const options = trusting(authority);
    const ours = (bytes: Buffer, beside: Buffer) => verifyBytes(bytes, detached ? { documents: { beside } } : {}, options).report;
    assert.equal(ours(signed, document).indication, 'TOTAL-PASSED', name);
    const { indication, subIndication } = ours(flipped, Buffer.from('DSS shall say No too\n'));
    assert.deepEqual([indication, subIndication], ['TOTAL-FAILED', 'HASH_FAILURE'], name);
  });
});
