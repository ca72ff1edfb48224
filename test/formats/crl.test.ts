import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SealError } from '../../src/errors.ts';
import { context, encode, sequence } from '../../src/formats/der.ts';
import { parseCrl } from '../../src/formats/crl.ts';
import { oids } from '../../src/formats/oids.ts';
import { parseCertificate } from '../../src/formats/x509.ts';
import { verifySignature } from '../../src/formats/algorithms.ts';
import { needs } from '../support/tools.ts';
import { OpensslCa } from '../support/openssl-ca.ts';
import { cn, day, extension, generalName, makeCa, makeCrl, noon, pointName, reasonFlags } from '../support/pki.ts';
import type { GeneralName } from '../../src/formats/general-names.ts';

const direct = (issuers: readonly GeneralName[] | undefined) => issuers === undefined;

test('a CRL of openssl is read: dates, number, entries with reasons, signature', needs('openssl'), () => {
  using ca = new OpensslCa();
  ca.selfSigned('ca', { extensions: ['keyUsage=critical,keyCertSign,cRLSign'] });
  ca.write(
    'index.txt',
    [
      'R\t300101000000Z\t260102030405Z,keyCompromise\t0A\tunknown\t/CN=a',
      'R\t300101000000Z\t260203040506Z\t00C0FFEE\tunknown\t/CN=b',
      '',
    ].join('\n'),
  );
  ca.write('number', '10FF\n');
  ca.write(
    'ca.conf',
    '[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ncrlnumber=number\ndefault_md=sha256\ncrl_extensions=x\n[x]\nauthorityKeyIdentifier=keyid\n',
  );
  ca.run('ca', '-gencrl', '-config', 'ca.conf', '-cert', 'ca.pem', '-keyfile', 'ca.key', '-crldays', '7', '-out', 'crl.pem');
  const crl = parseCrl(ca.der('crl.pem', 'X509 CRL'));
  const issuer = parseCertificate(ca.der('ca.pem'));
  assert.equal(crl.cRLNumber, 0x10ffn);
  assert.equal((crl.nextUpdate ?? 0) - crl.thisUpdate, 7 * day);
  assert.ok(crl.issuer.equals(issuer.subject));
  assert.equal(crl.count(), 2);
  assert.equal(crl.isDelta, false);
  assert.equal(crl.hasUnknownCritical, false);
  assert.deepEqual(crl.find(Buffer.from([0x0a]), direct), { revocationDate: Date.UTC(2026, 0, 2, 3, 4, 5), reason: 'keyCompromise' });
  assert.deepEqual(crl.find(Buffer.from('00c0ffee', 'hex'), direct), { revocationDate: Date.UTC(2026, 1, 3, 4, 5, 6) });
  assert.equal(crl.find(Buffer.from('c0ffee', 'hex'), direct), undefined, 'a negative number is another one');
  assert.equal(crl.find(Buffer.from([0x0b]), direct), undefined);
  assert.equal(verifySignature(issuer.publicKey(), crl.signatureAlgorithm, crl.tbs, crl.signature), true);
});

test('a list of 100,000 entries is searched without being unfolded', () => {
  const signer = makeCa();
  const entries = Array.from({ length: 100_000 }, (_, at) => ({
    serialNumber: Buffer.from([1, at >> 16, (at >> 8) & 0xff, at & 0xff]),
    date: noon - day,
    ...(at % 3 === 0 ? { reason: 4 } : {}),
  }));
  const crl = parseCrl(makeCrl({ signer, entries }));
  const before = process.memoryUsage().heapUsed;
  assert.equal(crl.hasUnknownCritical, false);
  assert.deepEqual(crl.find(Buffer.from([1, 0, 0, 3]), direct), { revocationDate: noon - day, reason: 'superseded' });
  assert.deepEqual(crl.find(Buffer.from([1, 1, 0x86, 0x9f]), direct), { revocationDate: noon - day, reason: 'superseded' });
  for (let at = 0; at < 50; at++) assert.equal(crl.find(Buffer.from([2, at, 3]), direct), undefined);
  assert.ok(process.memoryUsage().heapUsed - before < 60e6);
  assert.equal(crl.count(), 100_000);
});

test('in an indirect CRL an entry belongs to the issuer named last', () => {
  const signer = makeCa({ subject: cn('crl issuer') });
  const issuer = (name: string) => ({ id: oids.certificateIssuer, critical: true, value: sequence(generalName.directory(cn(name))) });
  const serialNumber = Buffer.from([5]);
  const crl = parseCrl(
    makeCrl({
      signer,
      entries: [
        { serialNumber, date: 1000 },
        { serialNumber: Buffer.from([6]), date: 2000, extensions: [issuer('first')] },
        { serialNumber, date: 3000, reason: 1 },
        { serialNumber, date: 4000, extensions: [issuer('second')] },
      ],
    }),
  );
  const named = (name: string) => (issuers: readonly GeneralName[] | undefined) =>
    issuers?.some((entry) => entry.kind === 'directoryName' && entry.name.equals(cn(name))) === true;
  assert.equal(crl.find(serialNumber, direct)?.revocationDate, 1000);
  assert.equal(crl.find(serialNumber, named('first'))?.revocationDate, 3000);
  assert.equal(crl.find(serialNumber, named('second'))?.revocationDate, 4000);
  assert.equal(crl.find(serialNumber, named('third')), undefined);
});

test('scope, delta and the end of the archive are read', () => {
  const crl = parseCrl(
    makeCrl({
      signer: makeCa(),
      extensions: [
        extension.crlNumber(7),
        extension.deltaIndicator(5),
        extension.issuingDistributionPoint(
          pointName('http://a.example/crl'),
          encode(context(1), Buffer.from([0xff])),
          reasonFlags(context(3), 'keyCompromise', 'superseded'),
          encode(context(4), Buffer.from([0xff])),
        ),
      ],
    }),
  );
  assert.equal(crl.isDelta, true);
  assert.equal(crl.baseCRLNumber, 5n);
  const scope = crl.issuingDistributionPoint;
  assert.deepEqual(
    { ...scope, onlySomeReasons: [...(scope?.onlySomeReasons ?? [])] },
    {
      name: { fullName: [{ kind: 'uniformResourceIdentifier', value: 'http://a.example/crl' }] },
      onlyContainsUserCerts: true,
      onlyContainsCACerts: false,
      onlySomeReasons: ['keyCompromise', 'superseded'],
      indirectCRL: true,
      onlyContainsAttributeCerts: false,
    },
  );
});

test('a critical extension that nobody knows makes a CRL unfit, on the list or on any entry', () => {
  const unknown = { id: '1.2.3.4', critical: true, value: sequence() };
  const signer = makeCa();
  assert.equal(parseCrl(makeCrl({ signer, extensions: [unknown] })).hasUnknownCritical, true);
  const entries = [{ serialNumber: Buffer.from([9]), date: 0, extensions: [unknown] }];
  assert.equal(parseCrl(makeCrl({ signer, entries })).hasUnknownCritical, true);
});

test('mutated CRLs end in a typed error or in another answer, never in a crash', () => {
  const entries = [{ serialNumber: Buffer.from([9]), date: 0, reason: 1 }];
  const der = makeCrl({ signer: makeCa(), entries });
  fc.assert(
    fc.property(fc.nat(der.length - 1), fc.nat(255), (at, octet) => {
      const mutated = Buffer.from(der);
      mutated[at] = octet;
      try {
        const crl = parseCrl(mutated);
        crl.find(Buffer.from([9]), direct);
        assert.equal(typeof crl.hasUnknownCritical, 'boolean');
      } catch (error) {
        assert.ok(error instanceof SealError && error.code === 'SEAL-INPUT-INVALID', String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
