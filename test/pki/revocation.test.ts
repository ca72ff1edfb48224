import assert from 'node:assert/strict';
import { test } from 'node:test';
import { context, encode, sequence } from '../../src/formats/der.ts';
import { digestOf } from '../../src/formats/digests.ts';
import { publicKeyBits } from '../../src/formats/ocsp.ts';
import { oids } from '../../src/formats/oids.ts';
import {
  cn,
  day,
  extension,
  generalName,
  makeCa,
  makeCertificate,
  makeCrl,
  makeOcsp,
  noon,
  pointName,
  reasonFlags,
} from '../support/pki.ts';
import { ask, verdict } from './ask.ts';
import type { CrlOptions, OcspOptions } from '../support/pki.ts';

const root = makeCa({ subject: cn('root') });
const ca = makeCa({ subject: cn('ca'), issuer: root });
const leaf = makeCertificate({ subject: cn('leaf'), issuer: ca });
const known = { anchors: [root], pool: [ca] };
const caGood = makeCrl({ signer: root });
const { serialNumber } = leaf.certificate;
const crl = (options: Partial<CrlOptions> = {}) => makeCrl({ signer: ca, ...options });
const revokedAt = (date: number, reason?: number) =>
  crl({ entries: [{ serialNumber, date, ...(reason === undefined ? {} : { reason }) }] });
const byCrl = (...crls: Buffer[]) => verdict(leaf, { ...known, crls: [caGood, ...crls] });
const byOcsp = (options: Partial<OcspOptions> = {}) =>
  verdict(leaf, { ...known, crls: [caGood], ocsps: [makeOcsp({ about: leaf.certificate, issuer: ca, ...options })] });

test('every certificate below the anchor needs an answer, and the report names them', () => {
  const own = crl();
  const { report, statuses, used, wanted } = ask(leaf, { ...known, crls: [caGood, own] });
  assert.equal(report.indication, 'PASSED');
  assert.deepEqual(
    report.revocation.map(({ certificate, nextUpdate, source, status, thisUpdate }) => [
      certificate,
      status,
      source,
      thisUpdate,
      nextUpdate,
    ]),
    [leaf, ca].map(({ certificate }) => [
      certificate.sha256.toString('hex'),
      'good',
      'crl',
      new Date(noon - day).toISOString(),
      new Date(noon + 6 * day).toISOString(),
    ]),
  );
  assert.equal(statuses.length, 2);
  assert.deepEqual(new Set(used.crls.map(({ der }) => der.toString('hex'))), new Set([caGood, own].map((der) => der.toString('hex'))));
  assert.deepEqual(wanted, []);
});

test('missing answers are never silent: try later, a warning with soft-fail, not asked with none', () => {
  const missing = { ...known, crls: [caGood] };
  const required = ask(leaf, { ...missing, mode: 'require' });
  assert.equal(required.report.subIndication, 'TRY_LATER');
  assert.match(required.report.errors.join(), /revocation status of "CN=leaf" is not known: no CRL and no OCSP answer speaks about it/);
  assert.deepEqual(required.wanted, [{ certificate: leaf.certificate.der, issuer: ca.certificate.der }]);
  const soft = ask(leaf, { ...missing, mode: 'soft-fail' });
  assert.equal(soft.report.indication, 'PASSED');
  assert.match(soft.report.warnings.join(), /revocation status of "CN=leaf" is not known/);
  assert.equal(soft.report.revocation[0]?.status, 'unknown');
  assert.equal(soft.wanted.length, 1, 'the caller may still fetch it');
  const none = ask(leaf, { ...missing, mode: 'none' });
  assert.deepEqual([none.report.indication, none.report.revocation[0]?.status], ['PASSED', 'not-checked']);
  const failures = ask(leaf, {
    ...missing,
    options: { revocation: { crls: [caGood], ocsps: [], failures: ['http://a.example: refused'] }, revocationMode: 'require' },
  });
  assert.match(failures.report.errors.join(), /http:\/\/a\.example: refused/);
});

test('a revoked certificate is revoked from its date on, with soft-fail too', () => {
  assert.equal(byCrl(revokedAt(noon - 1000)), 'REVOKED_NO_POE');
  assert.equal(byCrl(revokedAt(noon)), 'REVOKED_NO_POE');
  assert.equal(byCrl(revokedAt(noon + 1000)), 'PASSED');
  assert.equal(verdict(leaf, { ...known, crls: [caGood, revokedAt(noon - day)], mode: 'soft-fail' }), 'REVOKED_NO_POE');
  assert.equal(byCrl(revokedAt(noon - 1000, 6)), 'TRY_LATER', 'a hold may be lifted');
  const { report } = ask(leaf, { ...known, crls: [caGood, revokedAt(noon - day, 1)] });
  assert.deepEqual(report.errors, ['"CN=leaf" is revoked since 2026-05-31T12:00:00Z (keyCompromise)']);
  const caRevoked = makeCrl({ signer: root, entries: [{ serialNumber: ca.certificate.serialNumber, date: noon - day }] });
  assert.equal(verdict(leaf, { ...known, crls: [caRevoked, crl()] }), 'REVOKED_CA_NO_POE');
});

test('a later revocation that doubts the past is told', () => {
  const invalidity = { id: oids.invalidityDate, value: encode(0x18, Buffer.from('20260501000000Z')) };
  const late = crl({
    entries: [{ serialNumber, date: noon + day, extensions: [invalidity] }],
    thisUpdate: noon + 2 * day,
    nextUpdate: noon + 9 * day,
  });
  const { report } = ask(leaf, { ...known, crls: [caGood, late] });
  assert.equal(report.indication, 'PASSED');
  assert.match(report.warnings.join(), /revoked later, and its key is not taken for safe since 2026-05-01/);
});

test('a CRL counts until its next update and its grace; later ones always know enough', () => {
  const old = crl({ thisUpdate: noon - 9 * day, nextUpdate: noon - 2 * day });
  assert.equal(byCrl(old), 'TRY_LATER');
  assert.equal(verdict(leaf, { ...known, crls: [caGood, old], options: { grace: 3 * day } }), 'PASSED');
  assert.equal(byCrl(crl({ thisUpdate: noon + 30 * day, nextUpdate: noon + 37 * day })), 'PASSED');
  assert.equal(byCrl(crl({ nextUpdate: 'none', thisUpdate: noon - day / 2 })), 'PASSED');
  assert.equal(byCrl(crl({ nextUpdate: 'none', thisUpdate: noon - 2 * day })), 'TRY_LATER');
  assert.equal(
    byCrl(crl({ thisUpdate: noon + 200 * day, nextUpdate: noon + 207 * day })),
    'TRY_LATER',
    'the expired may have been dropped from it',
  );
  const keeps = { id: oids.expiredCertsOnCRL, value: encode(0x18, Buffer.from('20200101000000Z')) };
  assert.equal(byCrl(crl({ thisUpdate: noon + 200 * day, nextUpdate: noon + 207 * day, extensions: [keeps] })), 'PASSED');
});

test('data that must be newer than a time is', () => {
  const fresh = { ...known, crls: [makeCrl({ signer: root, thisUpdate: noon + day }), crl({ thisUpdate: noon + day })] };
  assert.equal(verdict(leaf, { ...fresh, freshAfter: noon }), 'PASSED');
  assert.equal(verdict(leaf, { ...known, crls: [caGood, crl()], freshAfter: noon }), 'TRY_LATER');
});

test('a revocation stays, however old the list that tells it', () => {
  const old = { thisUpdate: noon - 9 * day, nextUpdate: noon - 2 * day };
  assert.equal(byCrl(crl({ ...old, entries: [{ serialNumber, date: noon - 10 * day, reason: 4 }] })), 'REVOKED_NO_POE');
  assert.equal(byCrl(crl({ ...old, entries: [{ serialNumber, date: noon - 10 * day, reason: 6 }] })), 'TRY_LATER', 'a hold does not');
  assert.equal(byOcsp({ ...old, status: { revokedAt: noon - 10 * day, reason: 4 } }), 'REVOKED_NO_POE');
  assert.equal(byOcsp({ ...old, status: { revokedAt: noon - 10 * day, reason: 6 } }), 'TRY_LATER');
});

test('the freshest CRL has the word', () => {
  const before = crl({
    thisUpdate: noon - 3 * day,
    nextUpdate: noon + 4 * day,
    entries: [{ serialNumber, date: noon - 4 * day, reason: 6 }],
  });
  assert.equal(byCrl(before), 'TRY_LATER');
  assert.equal(byCrl(before, crl()), 'PASSED', 'released since');
  assert.equal(byCrl(crl({ thisUpdate: noon - 3 * day }), revokedAt(noon - 2 * day)), 'REVOKED_NO_POE');
});

test('a CRL that others signed, or that is forged, does not count', () => {
  const other = makeCa({ subject: cn('ca') });
  assert.equal(byCrl(makeCrl({ signer: other })), 'TRY_LATER');
  const forged = Buffer.from(crl());
  forged[forged.length - 1] = (forged[forged.length - 1] ?? 0) ^ 1;
  assert.equal(byCrl(forged), 'TRY_LATER');
  assert.equal(byCrl(makeCrl({ signer: root, issuerName: cn('ca') })), 'TRY_LATER');
  assert.equal(byCrl(Buffer.from('3003020101', 'hex')), 'TRY_LATER', 'no CRL at all');
  const noSigner = makeCa({ subject: cn('plain'), issuer: root });
  const strict = makeCertificate({
    subject: cn('ca2'),
    issuer: root,
    extensions: [extension.basicConstraints(true), extension.keyUsage('keyCertSign')],
  });
  const below = makeCertificate({ issuer: strict });
  assert.equal(
    verdict(below, { anchors: [root], pool: [strict, noSigner], crls: [caGood, makeCrl({ signer: strict })] }),
    'TRY_LATER',
    'no cRLSign',
  );
});

test('a CA may sign CRLs with a key of its own, certified by the same anchor', () => {
  const separate = makeCertificate({ subject: cn('ca'), issuer: root, extensions: [extension.keyUsage('cRLSign')] });
  const pool = [ca, separate];
  assert.equal(verdict(leaf, { anchors: [root], pool, crls: [caGood, makeCrl({ signer: separate })] }), 'PASSED');
  const { used } = ask(leaf, { anchors: [root], pool, crls: [caGood, makeCrl({ signer: separate })] });
  assert.ok(used.certificates.includes(separate.certificate), 'a long-term signature must embed it');
  const gone = makeCrl({ signer: root, entries: [{ serialNumber: separate.certificate.serialNumber, date: noon - day }] });
  assert.equal(verdict(leaf, { anchors: [root], pool, crls: [gone, makeCrl({ signer: separate })] }), 'TRY_LATER', 'unless it was revoked');
  const stranger = makeCa({ subject: cn('other root') });
  const outside = makeCertificate({ subject: cn('ca'), issuer: stranger, extensions: [extension.keyUsage('cRLSign')] });
  const data = [caGood, makeCrl({ signer: stranger }), makeCrl({ signer: outside })];
  assert.equal(
    verdict(leaf, { anchors: [root, stranger], pool: [ca, outside], crls: data }),
    'TRY_LATER',
    'another anchor is another house',
  );
});

test('delta CRLs continue the list they were made for', () => {
  const base = crl({ extensions: [extension.crlNumber(5)], entries: [{ serialNumber: Buffer.from([77]), date: 0 }] });
  const delta = (options: Partial<CrlOptions> = {}, from = 5, number = 6) =>
    crl({ extensions: [extension.crlNumber(number), extension.deltaIndicator(from)], thisUpdate: noon - 1000, ...options });
  const revoked = { entries: [{ serialNumber, date: noon - 2000 }] };
  assert.equal(byCrl(delta()), 'TRY_LATER', 'a delta alone says nothing');
  assert.equal(byCrl(base, delta()), 'PASSED');
  assert.equal(byCrl(base, delta(revoked)), 'REVOKED_NO_POE');
  assert.equal(byCrl(base, delta(revoked, 6, 7)), 'PASSED', 'it continues a later list');
  assert.equal(byCrl(base, delta(revoked), delta({}, 5, 7)), 'PASSED', 'the newest delta stands for all before it');
  const held = crl({ extensions: [extension.crlNumber(5)], entries: [{ serialNumber, date: noon - day, reason: 6 }] });
  assert.equal(byCrl(held), 'TRY_LATER');
  assert.equal(byCrl(held, delta({ entries: [{ serialNumber, date: noon - 2000, reason: 8 }] })), 'PASSED', 'removed from the list');
});

test('distribution points, scopes and reasons decide what a CRL covers', () => {
  const flag = (number: number) => encode(context(number), Buffer.from([0xff]));
  const scoped = (...fields: Buffer[]) => crl({ extensions: [extension.crlNumber(1), extension.issuingDistributionPoint(...fields)] });
  const at = (uri: string, ...rest: Buffer[]) => sequence(pointName(uri), ...rest);
  const pointed = makeCertificate({ issuer: ca, extensions: [extension.distributionPoints(at('http://a/1'))] });
  const by = (...crls: Buffer[]) => verdict(pointed, { ...known, crls: [caGood, ...crls] });
  assert.equal(by(crl()), 'PASSED');
  assert.equal(by(scoped(pointName('http://a/1'))), 'PASSED');
  assert.equal(by(scoped(pointName('http://a/2'))), 'TRY_LATER');
  assert.equal(byCrl(scoped(pointName('http://a/1'))), 'TRY_LATER', 'the certificate names no such point');
  assert.equal(by(scoped(flag(1))), 'PASSED', 'user certificates only');
  assert.equal(by(scoped(flag(2))), 'TRY_LATER', 'CA certificates only');
  assert.equal(by(scoped(flag(5))), 'TRY_LATER', 'attribute certificates only');
  const some = (...reasons: Parameters<typeof reasonFlags>[1][]) => scoped(reasonFlags(context(3), ...reasons));
  const rest = [
    'cACompromise',
    'affiliationChanged',
    'superseded',
    'cessationOfOperation',
    'certificateHold',
    'privilegeWithdrawn',
    'aACompromise',
  ] as const;
  assert.equal(by(some('keyCompromise')), 'TRY_LATER', 'one reason is not all');
  assert.equal(by(some('keyCompromise'), some(...rest)), 'PASSED');
});

test('an indirect CRL speaks for certificates that name its issuer', () => {
  const signer = makeCertificate({ subject: cn('indirect'), issuer: root, extensions: [extension.keyUsage('cRLSign')] });
  const named = encode(context(2, true), generalName.directory(cn('indirect')));
  const point = extension.distributionPoints(sequence(pointName('http://a/i'), named));
  const subject = makeCertificate({ issuer: ca, extensions: [point] });
  const list = (issuer: Buffer, serial: Buffer, indirect = true) =>
    makeCrl({
      signer,
      extensions: [
        extension.issuingDistributionPoint(pointName('http://a/i'), ...(indirect ? [encode(context(4), Buffer.from([0xff]))] : [])),
      ],
      entries: [
        {
          serialNumber: serial,
          date: noon - day,
          extensions: [{ id: oids.certificateIssuer, critical: true, value: sequence(generalName.directory(issuer)) }],
        },
      ],
    });
  const by = (data: Buffer) => verdict(subject, { anchors: [root], pool: [ca, signer], crls: [caGood, data] });
  const own = subject.certificate.serialNumber;
  assert.equal(by(list(cn('ca'), own)), 'REVOKED_NO_POE');
  assert.equal(by(list(cn('other'), own)), 'PASSED', 'the same number of another issuer');
  assert.equal(by(list(cn('ca'), own, false)), 'TRY_LATER', 'it does not say that it is indirect');
});

test('OCSP: good, revoked, unknown, whatever digest names the certificate', () => {
  for (const digest of ['sha1', 'sha256', 'sha512'] as const) assert.equal(byOcsp({ digest }), 'PASSED');
  assert.equal(byOcsp({ status: 'unknown' }), 'TRY_LATER');
  assert.equal(byOcsp({ status: { revokedAt: noon - 1000, reason: 1 } }), 'REVOKED_NO_POE');
  assert.equal(byOcsp({ status: { revokedAt: noon + 1000 } }), 'PASSED');
  assert.equal(byOcsp({ status: { revokedAt: noon - 1000, reason: 6 } }), 'TRY_LATER');
  assert.equal(byOcsp({ thisUpdate: noon - 9 * day, nextUpdate: noon - day }), 'TRY_LATER');
  assert.equal(byOcsp({ nextUpdate: 'none', thisUpdate: noon - 1000 }), 'PASSED');
  assert.equal(byOcsp({ nextUpdate: 'none', thisUpdate: noon - 3 * day }), 'TRY_LATER');
  assert.equal(byOcsp({ producedAt: noon - 2 * day, thisUpdate: noon - day }), 'TRY_LATER', 'it foretells the future');
  assert.equal(
    byOcsp({ thisUpdate: noon + 200 * day, nextUpdate: noon + 207 * day }),
    'TRY_LATER',
    'made after the end of the certificate',
  );
  assert.equal(byOcsp({ about: ca.certificate }), 'TRY_LATER', 'about another one');
  assert.equal(byOcsp({ extensions: [{ id: '1.2.3.4', critical: true, value: sequence() }] }), 'TRY_LATER');
});

test('OCSP answers come from the CA or from whom it has certified for that', () => {
  const responder = (extensions = [extension.extendedKeyUsage(false, oids.OCSPSigning), extension.noCheck()], issuer = ca) =>
    makeCertificate({ subject: cn('responder'), issuer, extensions });
  const by = (signer: ReturnType<typeof responder>, options: Partial<OcspOptions> = {}) =>
    byOcsp({ signer, certificates: [signer.certificate], ...options });
  assert.equal(by(responder()), 'PASSED');
  const keyHash = responder();
  assert.equal(by(keyHash, { byKey: digestOf('sha1', publicKeyBits(keyHash.certificate.spki)) }), 'PASSED');
  assert.equal(by(responder([extension.noCheck()])), 'TRY_LATER', 'no purpose OCSPSigning');
  assert.equal(by(responder(undefined, root)), 'TRY_LATER', 'certified by another CA');
  assert.equal(
    by(
      makeCertificate({
        subject: cn('responder'),
        issuer: ca,
        notAfter: noon - 5 * day,
        extensions: [extension.extendedKeyUsage(false, oids.OCSPSigning), extension.noCheck()],
      }),
    ),
    'TRY_LATER',
    'expired when it answered',
  );
  assert.equal(by(makeCertificate({ subject: cn('responder') })), 'TRY_LATER', 'self-signed');
  const checked = responder([extension.extendedKeyUsage(false, oids.OCSPSigning)]);
  assert.equal(by(checked), 'TRY_LATER', 'without no-check its own status is needed');
  const answer = makeOcsp({ about: leaf.certificate, issuer: ca, signer: checked, certificates: [checked.certificate] });
  const withStatus = (list: Buffer) => verdict(leaf, { ...known, crls: [caGood, list], ocsps: [answer] });
  assert.equal(withStatus(crl()), 'PASSED');
  const forged = Buffer.from(answer);
  forged[forged.length >> 1] = (forged[forged.length >> 1] ?? 0) ^ 1;
  assert.match(verdict(leaf, { ...known, crls: [caGood], ocsps: [forged] }), /TRY_LATER/);
});

test('where CRL and OCSP disagree the later one counts, but a revocation stays', () => {
  const good = makeOcsp({ about: leaf.certificate, issuer: ca, thisUpdate: noon - 1000 });
  const both = (list: Buffer, answer: Buffer) => verdict(leaf, { ...known, crls: [caGood, list], ocsps: [answer] });
  assert.equal(both(revokedAt(noon - 2 * day, 6), good), 'PASSED', 'the hold was lifted');
  assert.equal(both(revokedAt(noon - 2 * day, 1), good), 'REVOKED_NO_POE');
  const held = makeOcsp({
    about: leaf.certificate,
    issuer: ca,
    thisUpdate: noon - 3 * day,
    status: { revokedAt: noon - 4 * day, reason: 6 },
  });
  assert.equal(both(crl(), held), 'PASSED');
});

test('what came with a document counts like what is configured, and short-lived certificates need nothing', () => {
  const embedded = { crls: [crl()], ocsps: [makeOcsp({ about: ca.certificate, issuer: root })] };
  assert.equal(verdict(leaf, { ...known, mode: 'require', embedded }), 'PASSED');
  assert.equal(
    verdict(leaf, { ...known, mode: 'require', embedded: { crls: [Buffer.from('junk')], ocsps: [Buffer.from('junk')] } }),
    'TRY_LATER',
  );
  for (const id of ['0.4.0.194121.2.1', '2.5.29.56']) {
    const short = makeCertificate({ issuer: ca, extensions: [{ id, value: Buffer.from([5, 0]) }] });
    assert.equal(verdict(short, { ...known, crls: [caGood] }), 'PASSED');
  }
});

test('of an expired certificate the report tells whether it was good until then', () => {
  const late = noon + 150 * day;
  const last = { thisUpdate: noon + 99 * day, nextUpdate: noon + 110 * day };
  const lists = [makeCrl({ signer: root, ...last }), makeCrl({ signer: ca, ...last })];
  assert.equal(verdict(leaf, { ...known, crls: lists, at: late }), 'OUT_OF_BOUNDS_NOT_REVOKED');
  assert.equal(verdict(leaf, { ...known, crls: [caGood], at: late }), 'OUT_OF_BOUNDS_NO_POE');
  const gone = makeCrl({ signer: ca, ...last, entries: [{ serialNumber, date: noon }] });
  assert.equal(verdict(leaf, { ...known, crls: [makeCrl({ signer: root, ...last }), gone], at: late }), 'REVOKED_NO_POE');
});
