import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { bufferSource } from '../../../src/formats/memory-source.ts';
import { rc4 } from '../../../src/formats/pdf/ciphers.ts';
import { PdfDocument } from '../../../src/formats/pdf/document.ts';
import { Reference, StringObject } from '../../../src/formats/pdf/objects.ts';
import { firstPage } from '../../../src/formats/pdf/pages.ts';
import { pades } from '../../../src/formats/pades.ts';
import { testAuthority } from '../../support/authority.ts';
import { makePdf, onePage } from '../../support/pdfs.ts';
import { qpdf, qpdfVariants } from '../../support/qpdf.ts';
import { needs } from '../../support/tools.ts';
import type { SignParameters } from '../../../src/model/signature.ts';

const original = makePdf({ ...onePage, 6: '<< /Title (Rechnung \\(geheim\\)) /Author <feff00e4> >>' }, { trailer: '/Info 6 0 R' });
const encrypted = Object.entries(qpdfVariants).filter(([, options]) => options.includes('--encrypt'));

function title(bytes: Buffer, password: string): string {
  const document = new PdfDocument(bufferSource(bytes), Buffer.from(password));
  document.security();
  const info = document.trailer.get('Info');
  const object = info instanceof Reference ? document.object(info) : undefined;
  assert.ok(object);
  const value = document.dictionary(object.value, 'Info').get('Title');
  assert.ok(value instanceof StringObject);
  return document.text(object, value).toString('latin1');
}

for (const [name, options] of encrypted)
  test(`${name}: strings are read with the user's and the owner's password, and with no other`, needs('qpdf'), () => {
    const bytes = qpdf(original, options);
    const user = name.endsWith('user') ? 'user' : '';
    for (const password of [user, 'owner']) assert.equal(title(bytes, password), 'Rechnung (geheim)', password);
    if (user === '') assert.equal(title(bytes, 'a password of the root that this document does not need'), 'Rechnung (geheim)');
    else
      for (const password of ['', 'User', 'user ']) assert.throws(() => title(bytes, password), { code: 'SEAL-DOC-ENCRYPTED' }, password);
  });

test('RC4 gives the keystream of RFC 6229', () => {
  const zeros = Buffer.alloc(16);
  assert.equal(rc4(Buffer.from('0102030405', 'hex'), zeros).toString('hex'), 'b2396305f03dc027ccc3524a0a1118a8');
  assert.equal(rc4(Buffer.from('0102030405060708090a0b0c0d0e0f10', 'hex'), zeros).toString('hex'), '9ac7cc9a609d1ef7b2932899cde41b97');
});

const identity = testAuthority({ name: 'PDF encryption' }).issue();
const parameters: SignParameters = {
  chain: identity.chain,
  digest: 'sha256',
  padding: 'pkcs1',
  level: 'B-B',
  packaging: 'embedded',
  signingTime: Date.UTC(2026, 0),
};

test('signing: a missing and a wrong password are refused before anything is prepared', needs('qpdf'), () => {
  const source = bufferSource(qpdf(original, qpdfVariants['aes-256-user'] ?? []));
  assert.throws(() => pades.prepare(source, parameters), { code: 'SEAL-DOC-ENCRYPTED', message: /no password/ });
  const wrong = { ...parameters, password: Buffer.from('guess') };
  assert.throws(() => pades.prepare(source, wrong), { code: 'SEAL-DOC-ENCRYPTED', message: /does not open/ });
});

test('signing: a document that permits no changes needs the password of its owner', needs('qpdf'), () => {
  const source = bufferSource(qpdf(original, ['--encrypt', '', 'owner', '256', '--modify=none', '--']));
  assert.throws(() => pades.prepare(source, parameters), { code: 'SEAL-DOC-FORBIDS', hint: /owner/ });
  assert.ok(pades.prepare(source, { ...parameters, password: Buffer.from('owner') }));
});

test('other security handlers are refused', () => {
  const handler = (encrypt: string): Buffer => makePdf(onePage, { trailer: `/Encrypt << ${encrypt} >>` });
  const sign = (bytes: Buffer): unknown => pades.prepare(bufferSource(bytes), parameters);
  assert.throws(() => sign(handler('/Filter /Adobe.PubSec /V 4')), { code: 'SEAL-DOC-ENCRYPTED', message: /certificates/ });
  assert.throws(() => sign(handler('/Filter /Standard /V 3 /R 3')), { code: 'SEAL-DOC-FORMAT' });
  assert.throws(() => sign(handler('/Filter /Standard /V 2 /R 3 /Length 7 /P 0')), { code: 'SEAL-DOC-DAMAGED' });
  assert.throws(() => sign(handler('/Filter /Standard /V 5 /R 6 /P 0 /O (x) /U (y)')), { code: 'SEAL-DOC-DAMAGED' });
});

test('without its password the structure of a document can be read, its texts cannot', needs('qpdf'), () => {
  const real = readFileSync(new URL('../../../fixtures/documents/libreoffice.pdf', import.meta.url));
  const bytes = qpdf(real, qpdfVariants['aes-256-user'] ?? []);
  const document = new PdfDocument(bufferSource(bytes));
  assert.equal(document.readable, false);
  assert.ok(firstPage(document));
  assert.throws(() => document.security(), { code: 'SEAL-DOC-ENCRYPTED' });
  assert.equal(new PdfDocument(bufferSource(bytes), Buffer.from('user')).readable, true);
});
