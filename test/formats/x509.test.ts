import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { SealError } from '../../src/errors.ts';
import { distinguishedName, parseCertificate, summarize } from '../../src/formats/x509.ts';
import { encode, oid, sequence, Tag } from '../../src/formats/der.ts';
import { oids } from '../../src/formats/oids.ts';
import { nameValues, sameName } from '../../src/formats/names-dn.ts';
import { readPem, writePem } from '../../src/formats/pem.ts';
import { verifySignature } from '../../src/formats/algorithms.ts';
import { needs } from '../support/tools.ts';
import { OpensslCa } from '../support/openssl-ca.ts';
import { testAuthority } from '../support/authority.ts';
import type { Certificate } from '../../src/formats/x509.ts';

const rich = [
  'basicConstraints=critical,CA:TRUE,pathlen:3',
  'keyUsage=critical,digitalSignature,nonRepudiation,keyCertSign,cRLSign,decipherOnly',
  'extendedKeyUsage=timeStamping,1.3.6.1.5.5.7.3.36',
  'subjectAltName=DNS:a.example,email:x@a.example,URI:http://a.example/x,IP:10.0.0.1,IP:fe80::1,RID:1.2.3,dirName:other,otherName:1.2.3.4;UTF8:öö',
  'crlDistributionPoints=point,URI:http://a.example/second.crl',
  'authorityInfoAccess=OCSP;URI:http://ocsp.example/,caIssuers;URI:http://ca.example/ca.crt',
  'subjectKeyIdentifier=hash',
  'authorityKeyIdentifier=keyid:always',
  'certificatePolicies=1.2.3.4,2.5.29.32.0',
];
const sections =
  '[other]\nCN=Other\n[point]\nfullname=URI:http://a.example/first.crl\nreasons=keyCompromise,CACompromise\nCRLissuer=dirName:other\n';

test('a certificate says here what openssl put into it and what node reads from it', needs('openssl'), () => {
  using ca = new OpensslCa();
  const der = ca.selfSigned('rich', {
    extensions: rich,
    config: sections,
    subject: 'C=DE\nO=Muster GmbH\n0.OU=Eins\n1.OU=Zwei\nCN=Grüße, \\"x\\" <y>',
  });
  const [ours, theirs] = [parseCertificate(der), new X509Certificate(der)];
  assert.equal(ours.version, 3);
  assert.equal(ours.serialNumber.toString('hex').replace(/^00/, ''), theirs.serialNumber.toLowerCase());
  assert.equal(ours.notBefore, theirs.validFromDate.getTime());
  assert.equal(ours.notAfter, theirs.validToDate.getTime());
  assert.ok(ours.publicKey().equals(theirs.publicKey));
  assert.equal(ours.sha256.toString('hex').toUpperCase(), theirs.fingerprint256.replaceAll(':', ''));
  assert.deepEqual([...(ours.keyUsage ?? [])], ['digitalSignature', 'contentCommitment', 'keyCertSign', 'cRLSign', 'decipherOnly']);
  assert.deepEqual(ours.extendedKeyUsage, theirs.keyUsage);
  assert.deepEqual(ours.basicConstraints, { ca: true, pathLength: 3 });
  assert.deepEqual(ours.keyType(), { type: 'ec', curve: 'prime256v1', bits: 256 });
  assert.deepEqual(ours.ocspUrls, ['http://ocsp.example/']);
  assert.deepEqual(ours.caIssuersUrls, ['http://ca.example/ca.crt']);
  assert.deepEqual(ours.crlUrls, ['http://a.example/first.crl', 'http://a.example/second.crl']);
  const [point] = ours.crlDistributionPoints;
  assert.deepEqual([...(point?.reasons ?? [])], ['keyCompromise', 'cACompromise']);
  assert.equal(point?.crlIssuer?.[0]?.kind, 'directoryName');
  assert.deepEqual(
    ours.subjectAltNames.map(({ kind }) => kind),
    ['dNSName', 'rfc822Name', 'uniformResourceIdentifier', 'iPAddress', 'iPAddress', 'registeredID', 'directoryName', 'otherName'],
  );
  assert.ok(ours.subjectKeyIdentifier?.equals(ours.authorityKeyIdentifier?.keyIdentifier ?? Buffer.alloc(0)));
  assert.equal(ours.selfIssued, true);
  assert.equal(verifySignature(ours.publicKey(), ours.signatureAlgorithm, ours.tbs, ours.signature), true);
  assert.deepEqual(summarize(ours, true), {
    subject: 'CN=Grüße\\, \\"x\\" \\<y\\>,OU=Zwei,OU=Eins,O=Muster GmbH,C=DE',
    issuer: 'CN=Grüße\\, \\"x\\" \\<y\\>,OU=Zwei,OU=Eins,O=Muster GmbH,C=DE',
    serialNumber: ours.serialNumber.toString('hex'),
    sha256: ours.sha256.toString('hex'),
    notBefore: theirs.validFromDate.toISOString(),
    notAfter: theirs.validToDate.toISOString(),
    trustAnchor: true,
  });
});

test('distinguished names read as openssl writes them in RFC 2253 form', needs('openssl'), () => {
  using ca = new OpensslCa();
  const subjects = [
    'CN=plain',
    'CN=a+b\\\\c;d',
    'C=DE\nST=Bayern\nL=München\nO=\\#hash',
    'DC=example\nUID=u1\nCN= lead and trail ',
    'CN=a\n+OU=multi\nserialNumber=17',
  ];
  for (const [index, subject] of subjects.entries()) {
    const der = ca.selfSigned(`n${index}`, { subject });
    const expected = ca.run('x509', '-in', `n${index}.pem`, '-noout', '-subject', '-nameopt', 'RFC2253,-esc_msb').toString();
    assert.equal(`subject=${distinguishedName(parseCertificate(der).subject)}`, expected.trimEnd().replaceAll('\\20', '\\ '), subject);
  }
});

/** A Name of one common name. */
const name = (value: string | Buffer, tag: number = Tag.utf8String) =>
  sequence(encode(Tag.set, sequence(oid(oids.commonName), encode(tag, Buffer.isBuffer(value) ? value : Buffer.from(value)))));

test('names match whatever their case, white space and string type, and no others do', () => {
  assert.equal(sameName(name('Test  CA '), name('test ca', Tag.printableString)), true);
  assert.equal(sameName(name('Ä'), name(Buffer.from([0xc4]), Tag.teletexString)), true);
  assert.equal(sameName(name('Ab'), name(Buffer.from('Ab', 'utf16le').swap16(), Tag.bmpString)), true);
  assert.equal(sameName(name('ﬁn'), name('FIN')), true, 'compatibility forms');
  assert.equal(sameName(name('ab'), name('a b')), false);
  assert.equal(sameName(name('a,b'), name('a\\,b')), false);
  assert.equal(sameName(name('x'), sequence()), false);
  assert.equal(sameName(Buffer.from('3003020101', 'hex'), name('x')), false, 'a malformed name matches nothing else');
});

test('a name cannot redraw a terminal or a page', () => {
  const hostile = distinguishedName(name('a\u001b[2J\u202eb\n\0'));
  assert.match(hostile, /^[\x20-\x7e]*$/);
  assert.deepEqual(nameValues(name('x'), oids.commonName), ['x']);
  assert.equal(distinguishedName(Buffer.from('31ff', 'hex')), '#31ff');
});

test('PEM and DER files are read alike, one certificate or several, with text around them', () => {
  const authority = testAuthority();
  const [a, b] = [authority.root.certificate, authority.issuing.certificate];
  const pem = `subject=one\n${writePem(a)}some text\r\n${writePem(b).replaceAll('\n', '\r\n')}${writePem(Buffer.from([0x30, 0]), 'X509 CRL')}`;
  assert.deepEqual(readPem(pem), [a, b]);
  assert.deepEqual(readPem(Buffer.from(pem)), [a, b]);
  assert.deepEqual(readPem(Buffer.concat([a, b])), [a, b]);
  assert.deepEqual(readPem(pem, 'X509 CRL'), [Buffer.from([0x30, 0])]);
  for (const wrong of ['', 'nothing', '-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----', a.subarray(0, 50)])
    assert.throws(() => readPem(wrong), { code: 'SEAL-INPUT-INVALID' });
});

/** Every accessor: none may throw anything but the typed error. */
function readAll(certificate: Certificate): void {
  const reads: ((certificate: Certificate) => unknown)[] = [
    (c) => c.publicKey(),
    (c) => c.keyType(),
    (c) => c.extensions,
    (c) => c.keyUsage,
    (c) => c.extendedKeyUsage,
    (c) => c.basicConstraints,
    (c) => c.subjectKeyIdentifier,
    (c) => c.authorityKeyIdentifier,
    (c) => c.subjectAltNames,
    (c) => c.crlUrls,
    (c) => c.ocspUrls,
    (c) => c.caIssuersUrls,
    (c) => c.selfIssued,
    (c) => summarize(c),
  ];
  for (const read of reads)
    try {
      read(certificate);
    } catch (error) {
      assert.ok(error instanceof SealError, String(error));
    }
}

test('mutated certificates are refused with a typed error or read as something else, never a crash', () => {
  const { certificate } = testAuthority().issue({ extendedKeyUsage: [oids.timeStamping] });
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(certificate.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 }), (changes) => {
      const mutated = Buffer.from(certificate);
      for (const [at, octet] of changes) mutated[at] = octet;
      try {
        readAll(parseCertificate(mutated));
      } catch (error) {
        assert.ok(error instanceof SealError && error.code === 'SEAL-INPUT-INVALID', String(error));
      }
    }),
    { numRuns: 1500 },
  );
});
