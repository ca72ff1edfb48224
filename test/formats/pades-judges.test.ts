import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { pades } from '../../src/formats/pades.ts';
import { testAuthority } from '../support/authority.ts';
import { complaints, dss, pyhanko, qpdfCheck } from '../support/judges.ts';
import { appendObjects, makePdf, onePage } from '../support/pdfs.ts';
import { qpdf, qpdfVariants } from '../support/qpdf.ts';
import { needs, venv } from '../support/tools.ts';
import { signDocument } from './signing.ts';
import type { KeyKind } from '../../src/authority/signing.ts';
import type { DigestAlgorithm, RsaPadding } from '../../src/model/algorithms.ts';

const authority = testAuthority({ name: 'PAdES judges' });
const rsa = authority.issue({ keyType: 'rsa2048', subject: 'First Signer' });
const elliptic = authority.issue({ keyType: 'p256', subject: 'Second Signer' });
const embedded = { format: pades, packaging: 'embedded' } as const;
const tools = needs('qpdf', 'pyhanko');
const password = Buffer.from('user');
let directory: string;
let trust: ReturnType<typeof authority.write>;
let database: string;

const fixture = (name: string): Buffer => readFileSync(new URL(`../../fixtures/documents/${name}`, import.meta.url));
const form = '<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R] /DA (/Helv 0 Tf 0 g) >> >>';
const page = onePage[3] ?? '';
const field = '<< /Type /Annot /Subtype /Widget /T (Betrag) /FT /Tx /V (12,50) /Rect [50 50 99 99] /F 4 /P 3 0 R >>';

/** Documents by name; those with `user` in it open with that password. */
function corpus(): Map<string, Buffer> {
  const documents = new Map<string, Buffer>();
  for (const name of ['libreoffice', 'chromium', 'pdftex', 'ghostscript', 'object-streams', 'factur-x'])
    documents.set(name, fixture(`${name}.pdf`));
  for (const [name, options] of Object.entries(qpdfVariants)) documents.set(`qpdf-${name}`, qpdf(fixture('libreoffice.pdf'), options));
  documents.set('old', makePdf(onePage, { version: '1.3', end: '' }));
  documents.set('new', makePdf(onePage, { version: '2.0', xref: 'stream' }));
  documents.set('revised', appendObjects(makePdf(), { 3: page.replace('/Contents', '/Rotate 90 /Contents') }));
  documents.set('form', makePdf({ ...onePage, 1: form, 3: page.replace('/Contents', '/Annots 7 0 R /Contents'), 6: field, 7: '[6 0 R]' }));
  const reportlab =
    'import sys;from reportlab.pdfgen.canvas import Canvas;c=Canvas(sys.stdout.buffer);c.drawString(72,720,"Lieferschein");c.save()';
  documents.set('reportlab', execFileSync(`${venv}/bin/python`, ['-c', reportlab]));
  return documents;
}

const path = (name: string): string => join(directory, `${name}.pdf`);
const names = { plain: [] as string[], user: [] as string[] };

/** Twice signed: B-B with RSA, then B-T with an elliptic key. */
before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sealtree-pades-'));
  trust = authority.write(directory);
  database = join(directory, 'nss');
  if ('skip' in tools) return;
  for (const [name, document] of corpus()) {
    const first = await signDocument(rsa, document, { ...embedded, password });
    const second = await signDocument(elliptic, first, { ...embedded, password, timestampFrom: authority });
    writeFileSync(path(name), second);
    names[name.endsWith('user') ? 'user' : 'plain'].push(name);
  }
});
after(() => {
  rmSync(directory, { recursive: true });
});

test('qpdf finds nothing to complain about', tools, async () => {
  for (const name of [...names.plain, ...names.user]) {
    const { accepted, output } = await qpdfCheck(path(name), name.endsWith('user') ? 'user' : undefined);
    assert.ok(accepted, `${name}: ${output}`);
  }
});

test('pyHanko accepts both signatures of each document: intact, trusted, not revoked, nothing changed that may not', tools, async () => {
  const question = { anchors: trust.trust, crls: trust.crls };
  // pyHanko does not open revision 5, which Acrobat 9 alone wrote.
  const plain = names.plain.filter((name) => !name.endsWith('r5'));
  const answers = [
    ...(await pyhanko(plain.map(path), question)),
    ...(await pyhanko(names.user.map(path), { ...question, password: 'user' })),
  ];
  for (const { file, error, signatures } of answers) {
    assert.equal(error, undefined, file);
    assert.deepEqual(
      signatures.map(({ bottomLine, coverage, timestamp }) => [bottomLine, coverage, timestamp !== null]),
      [
        [true, 'ENTIRE_REVISION', false],
        [true, 'ENTIRE_FILE', true],
      ],
      `${file}: ${JSON.stringify(signatures)}`,
    );
  }
});

/** What pdfsig says; its NSS database holds the anchor, the issuing CA and their CRLs. */
function pdfsig(file: string, ...options: string[]): string {
  return spawnSync('pdfsig', ['-nssdir', `sql:${database}`, '-no-ocsp', ...options, file]).stdout.toString();
}

function makeDatabase(): void {
  if (existsSync(database)) return;
  mkdirSync(database, { recursive: true });
  const run = (command: string, ...options: string[]): unknown =>
    execFileSync(command, [...options, '-d', `sql:${database}`], { stdio: 'pipe' });
  run('certutil', '-N', '--empty-password');
  run('certutil', '-A', '-n', 'root', '-t', 'CT,CT,CT', '-a', '-i', trust.trust);
  run('certutil', '-A', '-n', 'issuing', '-t', ',,', '-a', '-i', trust.intermediates);
  for (const crl of trust.crls) run('crlutil', '-I', '-B', '-i', crl);
}

test(
  'pdfsig accepts both signatures of each document and trusts their certificates',
  needs('qpdf', 'pyhanko', 'pdfsig', 'certutil'),
  () => {
    makeDatabase();
    for (const name of [...names.plain, ...names.user]) {
      const said = pdfsig(path(name), ...(name.endsWith('user') ? ['-upw', 'user'] : []));
      assert.equal(said.match(/Signature is Valid/g)?.length, 2, `${name}: ${said}`);
      assert.equal(said.match(/Certificate is Trusted/g)?.length, 2, `${name}: ${said}`);
      assert.equal(said.match(/- Total document signed/g)?.length, 1, `${name}: ${said}`);
    }
  },
);

const keys: readonly (readonly [KeyKind, DigestAlgorithm, RsaPadding])[] = [
  ['rsa2048', 'sha512', 'pss'],
  ['rsa3072', 'sha256', 'pss'],
  ['p384', 'sha384', 'pkcs1'],
  ['brainpoolP256r1', 'sha256', 'pkcs1'],
];

test('EU DSS accepts each document as PAdES B-B and B-T, with every kind of key', needs('qpdf', 'pyhanko', 'dss'), async () => {
  const more: string[] = [];
  for (const [keyType, digest, padding] of keys) {
    const name = `${keyType}-${digest}-${padding}`;
    const identity = authority.issue({ keyType });
    const first = await signDocument(identity, fixture('chromium.pdf'), { ...embedded, digest, padding });
    writeFileSync(path(name), await signDocument(identity, first, { ...embedded, digest, padding, timestampFrom: authority }));
    more.push(name);
  }
  const answers = await dss([...names.plain, ...more].map((name) => ({ file: path(name), trust: [trust.trust], crls: trust.crls })));
  for (const answer of answers) {
    assert.ok(answer.allPassed, complaints(answer));
    assert.deepEqual(
      answer.signatures.map(({ format }) => format),
      ['PAdES-BASELINE-B', 'PAdES-BASELINE-T'],
      answer.file,
    );
  }
});

test('one flipped bit in what was signed: all of them refuse', needs('qpdf', 'pyhanko', 'pdfsig', 'certutil', 'dss'), async () => {
  const original = fixture('chromium.pdf');
  const signed = await signDocument(rsa, original, embedded);
  // In the text of the page, in the metadata, in the appended field, behind /Contents.
  const positions = [
    original.indexOf('stream') + 20,
    original.indexOf('/Producer') + 12,
    signed.indexOf('/T (Sig', original.length) + 5,
    signed.length - 60,
  ];
  const files = positions.map((at) => {
    const flipped = Buffer.from(signed);
    flipped[at] = (flipped[at] ?? 0) ^ 1;
    const file = path(`flipped-${at}`);
    writeFileSync(file, flipped);
    return file;
  });
  makeDatabase();
  assert.match(pdfsig(path('chromium')), /Signature is Valid/);
  for (const file of files) assert.doesNotMatch(pdfsig(file), /Signature is Valid/, basename(file));
  for (const { file, signatures } of await pyhanko(files, { anchors: trust.trust }))
    assert.ok(
      signatures.every(({ bottomLine }) => !bottomLine),
      basename(file),
    );
  for (const { file, signatures } of await dss(files.map((file) => ({ file, trust: [trust.trust], crls: trust.crls }))))
    assert.ok(
      signatures.every(({ indication }) => indication !== 'TOTAL_PASSED'),
      basename(file),
    );
});
