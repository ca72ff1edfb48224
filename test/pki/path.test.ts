import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { oids } from '../../src/formats/oids.ts';
import { sequence } from '../../src/formats/der.ts';
import { purposes } from '../../src/pki/purposes.ts';
import { cn, day, extension, generalName, makeCa, makeCertificate, nameOf, noon } from '../support/pki.ts';
import { ask, verdict } from './ask.ts';
import type { CertificateOptions } from '../support/pki.ts';

const root = makeCa({ subject: cn('root') });
const ca = makeCa({ subject: cn('ca'), issuer: root });
const leaf = makeCertificate({ subject: cn('leaf'), issuer: ca });
const known = { anchors: [root], pool: [ca] };
const general = 'CERTIFICATE_CHAIN_GENERAL_FAILURE';

test('a chain to an anchor passes, and the report names it from leaf to anchor', () => {
  const { chain, report } = ask(leaf, known);
  assert.equal(report.indication, 'PASSED');
  assert.deepEqual(
    report.certificates.map(({ subject, trustAnchor }) => [subject, trustAnchor]),
    [
      ['CN=leaf', false],
      ['CN=ca', false],
      ['CN=root', true],
    ],
  );
  assert.deepEqual(chain, [leaf.certificate, ca.certificate, root.certificate]);
  assert.deepEqual(
    report.revocation.map(({ status }) => status),
    ['not-checked', 'not-checked'],
  );
});

test('without a path the report says what is missing', () => {
  const { report } = ask(leaf, { anchors: [root] });
  assert.equal(report.subIndication, 'NO_CERTIFICATE_CHAIN_FOUND');
  assert.deepEqual(report.errors, ['no certificate of the issuer "CN=ca" of "CN=leaf" is known']);
  const other = makeCa({ subject: cn('root') });
  assert.match(
    ask(leaf, { anchors: [other], pool: [ca] }).report.errors.join(),
    /signature of "CN=ca" does not verify with any known certificate of "CN=root"/,
  );
  assert.match(ask(root, { anchors: [ca] }).report.errors.join(), /"CN=root" is its own issuer and no trust anchor/);
});

test('the dates of every certificate but the anchor count, to the second', () => {
  const at = (time: number) => verdict(leaf, { ...known, at: time });
  assert.equal(at(leaf.certificate.notBefore), 'PASSED');
  assert.equal(at(leaf.certificate.notBefore - 1), 'OUT_OF_BOUNDS_NO_POE');
  assert.equal(at(leaf.certificate.notAfter + 999), 'PASSED');
  assert.equal(at(leaf.certificate.notAfter + 1000), 'OUT_OF_BOUNDS_NO_POE');
  const expired = makeCa({ subject: cn('ca'), issuer: root, privateKey: ca.privateKey, notAfter: noon - day });
  assert.equal(verdict(leaf, { anchors: [root], pool: [expired] }), 'OUT_OF_BOUNDS_NO_POE');
  assert.equal(verdict(leaf, { anchors: [root], pool: [expired, ca] }), 'PASSED', 'another certificate of the same CA is tried');
  const old = makeCa({ subject: cn('root'), privateKey: root.privateKey, notAfter: noon - day });
  const { report } = ask(leaf, { anchors: [old], pool: [ca] });
  assert.equal(report.indication, 'PASSED');
  assert.match(report.warnings.join(), /trust anchor "CN=root" is not valid at/);
});

test('nobody but a CA issues certificates', () => {
  const under = (options: CertificateOptions) => {
    const issuer = makeCertificate({ subject: cn('issuer'), issuer: root, ...options });
    return verdict(makeCertificate({ issuer }), { anchors: [root], pool: [issuer] });
  };
  assert.equal(under({ extensions: [extension.basicConstraints(true)] }), 'PASSED');
  assert.equal(under({}), general, 'no basic constraints');
  assert.equal(under({ extensions: [extension.basicConstraints(false)] }), general);
  assert.equal(under({ version: 1 }), general, 'version 1');
  assert.equal(under({ extensions: [extension.basicConstraints(true), extension.keyUsage('cRLSign')] }), general, 'no keyCertSign');
});

test('an anchor that is no CA is trusted itself and issues nothing', () => {
  const self = makeCertificate({ subject: cn('self') });
  assert.equal(verdict(self, { anchors: [self] }), 'PASSED');
  assert.equal(verdict(makeCertificate({ issuer: self }), { anchors: [self] }), general);
  const short = makeCertificate({ subject: cn('short'), notAfter: noon - day });
  assert.equal(verdict(short, { anchors: [short] }), 'OUT_OF_BOUNDS_NO_POE', 'its own dates count when it signs itself');
  const usage = makeCertificate({
    subject: cn('usage'),
    extensions: [extension.basicConstraints(true), extension.keyUsage('digitalSignature')],
  });
  assert.equal(verdict(makeCertificate({ issuer: usage }), { anchors: [usage] }), general);
  const v1 = makeCertificate({ subject: cn('old root'), version: 1 });
  assert.equal(verdict(makeCertificate({ issuer: v1 }), { anchors: [v1] }), 'PASSED', 'roots of version 1 have no extensions to say it');
});

test('path lengths hold, self-issued certificates do not count', () => {
  const top = makeCa({ subject: cn('top'), pathLength: 5 });
  const limited = makeCa({ subject: cn('limited'), issuer: top, pathLength: 0 });
  const sub = makeCa({ subject: cn('sub'), issuer: limited });
  assert.equal(verdict(makeCertificate({ issuer: limited }), { anchors: [top], pool: [limited] }), 'PASSED');
  assert.equal(verdict(makeCertificate({ issuer: sub }), { anchors: [top], pool: [limited, sub] }), general);
  const rolled = makeCa({ subject: cn('limited'), issuer: limited });
  assert.equal(verdict(makeCertificate({ issuer: rolled }), { anchors: [top], pool: [limited, rolled] }), 'PASSED', 'key rollover');
});

test('a critical extension that is not understood spoils the path, one that is not critical does not', () => {
  const unknown = (critical: boolean) => makeCertificate({ issuer: ca, extensions: [{ id: '1.2.3.4', critical, value: sequence() }] });
  assert.equal(verdict(unknown(true), known), general);
  assert.equal(verdict(unknown(false), known), 'PASSED');
});

test('a malformed extension is a finding, not an exception', () => {
  for (const id of [oids.basicConstraints, oids.keyUsage, oids.certificatePolicies, oids.nameConstraints, oids.policyMappings]) {
    const broken = makeCa({ issuer: root, extensions: [] });
    const bad = makeCertificate({
      subject: cn('bad'),
      issuer: root,
      privateKey: broken.privateKey,
      extensions: [{ id, value: Buffer.from([0x30, 0x7f]) }],
    });
    assert.equal(verdict(makeCertificate({ issuer: bad }), { anchors: [root], pool: [bad] }), general, id);
  }
  const twice = makeCertificate({
    issuer: ca,
    extensions: [extension.keyUsage('digitalSignature'), extension.keyUsage('digitalSignature')],
  });
  assert.equal(verdict(twice, known), general);
});

test('certificates for another purpose do not sign documents, timestamps or CRLs', () => {
  const cases = [
    [[], 'documentSignature', 'PASSED'],
    [[extension.keyUsage('contentCommitment')], 'documentSignature', 'PASSED'],
    [[extension.keyUsage('contentCommitment')], 'digitalSignature', 'no'],
    [[extension.keyUsage('keyEncipherment')], 'documentSignature', 'no'],
    [[extension.extendedKeyUsage(false, oids.timeStamping)], 'documentSignature', 'no'],
    [[extension.extendedKeyUsage(false, oids.serverAuth, oids.OCSPSigning)], 'documentSignature', 'no'],
    [[extension.extendedKeyUsage(false, oids.serverAuth, oids.documentSigning)], 'documentSignature', 'PASSED'],
    [[extension.extendedKeyUsage(true, oids.timeStamping)], 'timestamping', 'PASSED'],
    [[extension.extendedKeyUsage(false, oids.timeStamping)], 'timestamping', 'no'],
    [[extension.extendedKeyUsage(true, oids.timeStamping, oids.emailProtection)], 'timestamping', 'no'],
    [[extension.extendedKeyUsage(true, oids.anyExtendedKeyUsage)], 'timestamping', 'no'],
    [[], 'timestamping', 'no'],
    [[extension.keyUsage('digitalSignature')], 'crlSigning', 'no'],
  ] as const;
  for (const [extensions, purpose, expected] of cases) {
    const signer = makeCertificate({ issuer: ca, extensions });
    const word = verdict(signer, { ...known, purpose: purposes[purpose] });
    assert.equal(word, expected === 'PASSED' ? 'PASSED' : 'CHAIN_CONSTRAINTS_FAILURE', `${purpose} ${JSON.stringify(extensions)}`);
  }
});

test('name constraints hold for every form of name', () => {
  const { address, directory, dns, mail, other, uri } = generalName;
  const company = nameOf(['countryName', 'DE'], ['organizationName', 'Muster']);
  const person = nameOf(['countryName', 'de'], ['organizationName', 'MUSTER'], ['commonName', 'x']);
  const cases: readonly (readonly [permitted: Buffer[], excluded: Buffer[], subject: Buffer, names: Buffer[], passes: boolean])[] = [
    [[dns('a.example')], [], cn('x'), [dns('b.a.example')], true],
    [[dns('a.example')], [], cn('x'), [dns('A.EXAMPLE')], true],
    [[dns('a.example')], [], cn('x'), [dns('xa.example')], false],
    [[], [dns('a.example')], cn('x'), [dns('b.a.example')], false],
    [[], [dns('a.example')], cn('x'), [dns('b.example')], true],
    [[mail('a.example')], [], cn('x'), [mail('x@A.example')], true],
    [[mail('a.example')], [], cn('x'), [mail('x@b.a.example')], false],
    [[mail('.a.example')], [], cn('x'), [mail('x@b.a.example')], true],
    [[mail('x@a.example')], [], cn('x'), [mail('x@a.example')], true],
    [[mail('x@a.example')], [], cn('x'), [mail('y@a.example')], false],
    [[mail('a.example')], [], nameOf(['emailAddress', 'x@b.example']), [], false],
    [[uri('.a.example')], [], cn('x'), [uri('https://b.a.example:80/x')], true],
    [[uri('.a.example')], [], cn('x'), [uri('https://a.example/x')], false],
    [[uri('a.example')], [], cn('x'), [uri('ldap://me@a.example/x')], true],
    [[uri('a.example')], [], cn('x'), [uri('https://a.example@b.example/')], false],
    [[uri('a.example')], [], cn('x'), [uri('urn:uuid:1')], false],
    [[], [uri('a.example')], cn('x'), [uri('https://10.0.0.1/')], false],
    [[address(10, 0, 0, 0, 255, 0, 0, 0)], [], cn('x'), [address(10, 1, 2, 3)], true],
    [[address(10, 0, 0, 0, 255, 0, 0, 0)], [], cn('x'), [address(11, 1, 2, 3)], false],
    [[address(10, 0, 0, 0, 255, 0, 0, 0)], [], cn('x'), [address(...Array<number>(16).fill(0))], false],
    [[], [address(10, 0, 0, 0, 255, 0, 0, 0)], cn('x'), [address(10, 1, 2, 3)], false],
    [[directory(company)], [], person, [], true],
    [[directory(company)], [], cn('x'), [], false],
    [[], [directory(company)], person, [], false],
    [[directory(company)], [], person, [directory(cn('y'))], false],
    [[], [directory(company)], cn('x'), [directory(person)], false],
    [[other('1.2.3', sequence())], [], cn('x'), [other('1.2.3', sequence())], false],
    [[other('1.2.3', sequence())], [], cn('x'), [], true],
  ];
  for (const [index, [permitted, excluded, subject, names, passes]] of cases.entries()) {
    const issuer = makeCa({ subject: cn('constrained'), issuer: root, extensions: [extension.nameConstraints(permitted, excluded)] });
    const signer = makeCertificate({ issuer, subject, extensions: names.length === 0 ? [] : [extension.subjectAltName(...names)] });
    assert.equal(verdict(signer, { anchors: [root], pool: [issuer] }), passes ? 'PASSED' : general, `case ${index}`);
  }
});

test('constraints of several CAs all hold', () => {
  const outer = makeCa({
    subject: cn('outer'),
    issuer: root,
    extensions: [extension.nameConstraints([generalName.dns('a.example'), generalName.dns('b.example')])],
  });
  const inner = makeCa({
    subject: cn('inner'),
    issuer: outer,
    extensions: [extension.nameConstraints([generalName.dns('b.example'), generalName.dns('c.example')])],
  });
  const named = (host: string) =>
    verdict(makeCertificate({ issuer: inner, extensions: [extension.subjectAltName(generalName.dns(host))] }), {
      anchors: [root],
      pool: [outer, inner],
    });
  assert.deepEqual([named('a.example'), named('b.example'), named('c.example')], [general, 'PASSED', general]);
});

test('weak algorithms count from their end on, and not on the anchor itself', () => {
  const weak = makeCertificate({ issuer: ca, digest: 'sha1' });
  assert.equal(verdict(weak, known), 'CRYPTO_CONSTRAINTS_FAILURE_NO_POE');
  assert.equal(verdict(weak, { ...known, options: { catalogue: [] } }), 'PASSED', 'unless the operator says otherwise');
  const oldRoot = makeCa({ subject: cn('sha1 root'), digest: 'sha1' });
  assert.equal(verdict(makeCertificate({ issuer: oldRoot }), { anchors: [oldRoot] }), 'PASSED');
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const small = makeCa({ subject: cn('small'), issuer: root, privateKey });
  assert.equal(verdict(makeCertificate({ issuer: small }), { anchors: [root], pool: [small] }), 'CRYPTO_CONSTRAINTS_FAILURE_NO_POE');
});

test('loops, crowds and very long chains end', () => {
  const a = makeCa({ subject: cn('a') });
  const b = makeCa({ subject: cn('b'), issuer: a });
  const aByB = makeCa({ subject: cn('a'), issuer: b, privateKey: a.privateKey });
  assert.equal(verdict(makeCertificate({ issuer: b }), { anchors: [root], pool: [a, b, aByB] }), 'NO_CERTIFICATE_CHAIN_FOUND');
  const crowd = Array.from({ length: 300 }, () =>
    makeCa({ subject: cn('ca'), issuer: root, privateKey: leaf.privateKey, notAfter: noon + 200 * day }),
  );
  assert.match(verdict(leaf, { anchors: [root], pool: crowd }), /NO_CERTIFICATE_CHAIN_FOUND/);
  let last = root;
  const chain = Array.from({ length: 20 }, (_, at) => (last = makeCa({ subject: cn(`level ${at}`), issuer: last })));
  assert.match(
    ask(makeCertificate({ issuer: last }), { anchors: [root], pool: chain }).report.errors.join(),
    /longer than 16 certificates/,
  );
});
