import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseCertificate } from '../../src/formats/x509.ts';
import { PkiCache } from '../../src/pki/cache.ts';
import { validateChain } from '../../src/pki/chain.ts';
import { purposes } from '../../src/pki/purposes.ts';
import { isEvaluation, openTrust, readCertificates } from '../../src/pki/trust.ts';
import { writePem } from '../../src/formats/pem.ts';
import { testAuthority } from '../support/authority.ts';
import { cn, day, extension, makeCa, makeCertificate, makeCrl, makeOcsp, nameOf, noon } from '../support/pki.ts';
import { ask } from './ask.ts';

const root = makeCa({ subject: cn('root') });
const ca = makeCa({ subject: cn('ca'), issuer: root });
const leaf = makeCertificate({ subject: cn('leaf'), issuer: ca });
const crls = [
  makeCrl({ signer: root }),
  makeCrl({ signer: ca, entries: [{ serialNumber: leaf.certificate.serialNumber, date: noon + day }] }),
];

function trustOf(options: { crls?: readonly Buffer[]; cache?: PkiCache } = {}) {
  const revocation = { crls: options.crls ?? crls, ocsps: [], failures: [] };
  return openTrust(
    { anchors: [root.certificate.der], certificates: [ca.certificate.der], revocation, revocationMode: 'require' },
    options.cache,
  );
}

test('the same question is answered from memory, as long as nothing can have changed', () => {
  const trust = trustOf();
  const pool = { certificates: [] };
  const at = (time: number) => validateChain(leaf.certificate, pool, { trust, at: time, purpose: purposes.documentSignature });
  const first = at(noon);
  assert.equal(first.report.indication, 'PASSED');
  assert.equal(at(noon), first);
  assert.equal(at(noon + 1000), first, 'one answer for every time in which it holds');
  assert.equal(at(noon + day - 1), first);
  assert.equal(first.until, noon + day, 'until the revocation that is already known');
  assert.equal(at(noon + day).report.subIndication, 'REVOKED_NO_POE');
  assert.equal(first.from, leaf.certificate.notBefore);
  assert.equal(at(first.from - 1).report.subIndication, 'OUT_OF_BOUNDS_NOT_REVOKED');
});

/** Revocation data of any age about the leaf, the CA and a separate signer of CRLs. */
const separate = makeCertificate({
  subject: cn('ca'),
  issuer: root,
  extensions: [extension.keyUsage('cRLSign')],
  notBefore: noon - 40 * day,
  notAfter: noon + 40 * day,
});
const randomData = fc.record({
  about: fc.constantFrom(leaf, ca),
  kind: fc.constantFrom('crl', 'ocsp', 'separate'),
  thisUpdate: fc.integer({ min: -110, max: 120 }),
  length: fc.constantFrom(3, 30, 300),
  revoked: fc.option(fc.record({ date: fc.integer({ min: -100, max: 110 }), reason: fc.constantFrom(1, 6) }), { nil: undefined }),
});

function make({ about, kind, length, revoked, thisUpdate }: typeof randomData extends fc.Arbitrary<infer T> ? T : never) {
  const issuer = about === leaf ? ca : root;
  const dates = { thisUpdate: noon + thisUpdate * day, nextUpdate: noon + (thisUpdate + length) * day };
  if (kind === 'ocsp') {
    const status = revoked === undefined ? 'good' : { revokedAt: noon + revoked.date * day, reason: revoked.reason };
    return { crls: [], ocsps: [makeOcsp({ about: about.certificate, issuer, status, ...dates })] };
  }
  const { serialNumber } = about.certificate;
  const entries = revoked === undefined ? [] : [{ serialNumber, date: noon + revoked.date * day, reason: revoked.reason }];
  return { crls: [makeCrl({ signer: kind === 'separate' && about === leaf ? separate : issuer, entries, ...dates })], ocsps: [] };
}

test('an answer from memory is the one that a fresh validation gives, at any time, with any revocation data', () => {
  const days = fc.array(fc.integer({ min: -110, max: 110 }), { minLength: 2, maxLength: 12 });
  const mode = fc.constantFrom('require', 'soft-fail' as const);
  fc.assert(
    fc.property(fc.array(randomData, { maxLength: 6 }), days, mode, (list, offsets, revocationMode) => {
      const data = list.map(make);
      const revocation = { crls: data.flatMap(({ crls }) => crls), ocsps: data.flatMap(({ ocsps }) => ocsps), failures: [] };
      const certificates = [ca.certificate.der, separate.certificate.der];
      const open = () => openTrust({ anchors: [root.certificate.der], certificates, revocation, revocationMode });
      const trust = open();
      for (const offset of offsets) {
        const question = { at: noon + offset * day, purpose: purposes.any };
        const remembered = validateChain(leaf.certificate, { certificates: [] }, { ...question, trust });
        const fresh = validateChain(leaf.certificate, { certificates: [] }, { ...question, trust: open() });
        assert.deepEqual(remembered.report, fresh.report);
      }
    }),
    { numRuns: process.env['SEALTREE_FULL'] === 'true' ? 2000 : 150 },
  );
});

test('another purpose, pool or freshness is another question', () => {
  const trust = trustOf();
  const question = { trust, at: noon, purpose: purposes.any };
  const plain = validateChain(leaf.certificate, { certificates: [] }, question);
  assert.notEqual(validateChain(leaf.certificate, { certificates: [] }, { ...question, purpose: purposes.timestamping }), plain);
  assert.equal(validateChain(leaf.certificate, { certificates: [] }, { ...question, freshAfter: noon }).report.subIndication, 'TRY_LATER');
  const revoked = makeCrl({
    signer: ca,
    thisUpdate: noon - 1000,
    entries: [{ serialNumber: leaf.certificate.serialNumber, date: noon - 2000 }],
  });
  assert.equal(validateChain(leaf.certificate, { certificates: [], crls: [revoked] }, question).report.subIndication, 'REVOKED_NO_POE');
});

test('equal certificates are parsed once, whatever buffer they come in, and large documents are not kept alive', () => {
  const cache = new PkiCache();
  const large = Buffer.concat([Buffer.alloc(1 << 20), leaf.certificate.der]);
  const first = cache.certificate(large.subarray(1 << 20));
  assert.equal(cache.certificate(Buffer.from(leaf.certificate.der)), first);
  assert.ok(first.der.buffer.byteLength < 1 << 20);
  assert.throws(() => cache.certificate(Buffer.from('junk')), { code: 'SEAL-INPUT-INVALID' });
});

test('hostile certificates in the pool never end in an exception', () => {
  const { der } = ca.certificate;
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(der.length - 1), fc.nat(255)), { minLength: 1, maxLength: 2 }),
      fc.boolean(),
      (changes, asLeaf) => {
        const mutated = Buffer.from(der);
        for (const [at, octet] of changes) mutated[at] = octet;
        let certificate;
        try {
          certificate = parseCertificate(mutated);
        } catch {
          return;
        }
        const entity = { certificate, privateKey: ca.privateKey };
        const { report } = ask(asLeaf ? entity : leaf, { anchors: [root], pool: [entity], crls });
        if (!mutated.equals(der) && asLeaf) assert.notEqual(report.indication, 'PASSED');
      },
    ),
    { numRuns: 600 },
  );
});

test('certificates of an evaluation authority are known, and every chain of theirs says so', () => {
  const authority = testAuthority();
  assert.equal(isEvaluation(parseCertificate(authority.root.certificate)), true);
  const signer = authority.issue();
  const trust = openTrust({
    anchors: [authority.root.certificate],
    certificates: signer.chain.slice(1),
    revocation: { crls: authority.crls(), ocsps: [], failures: [] },
    revocationMode: 'require',
  });
  const result = validateChain(
    parseCertificate(signer.certificate),
    { certificates: [] },
    { trust, at: authority.now(), purpose: purposes.documentSignature },
  );
  assert.deepEqual(result.report.errors, []);
  assert.equal(result.evaluation, true);
  assert.equal(ask(leaf, { anchors: [root], pool: [ca] }).evaluation, false);
  const lookalike = makeCertificate({ subject: nameOf(['organizationName', 'REEVALUATION Ltd']) });
  assert.equal(isEvaluation(lookalike.certificate), false);
});

test('trust files hold PEM or DER, and say where they are wrong', () => {
  const { der } = root.certificate;
  const pem = writePem(der) + writePem(ca.certificate.der);
  assert.equal(readCertificates(Buffer.from(pem), 'trust.pem').length, 2);
  assert.equal(readCertificates(der, 'root.der').length, 1);
  for (const wrong of ['', 'hello', writePem(Buffer.from([0x30, 0]), 'CERTIFICATE'), writePem(der, 'X509 CRL')])
    assert.throws(() => readCertificates(Buffer.from(wrong), 'trust.pem'), { code: 'SEAL-INPUT-INVALID', where: 'trust.pem' });
  assert.throws(
    () =>
      openTrust({
        anchors: [Buffer.from('junk')],
        certificates: [],
        revocation: { crls: [], ocsps: [], failures: [] },
        revocationMode: 'none',
      }),
    { code: 'SEAL-INPUT-INVALID' },
  );
});
