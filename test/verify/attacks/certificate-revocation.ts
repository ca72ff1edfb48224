import { Tag, context, encode, octetString, sequence } from '../../../src/formats/der.ts';
import { oids } from '../../../src/formats/oids.ts';
import {
  cn,
  extension,
  generalName,
  makeCertificate,
  pointName,
  type CertificateOptions,
  type Entity,
  type OcspOptions,
} from '../../support/pki.ts';
import {
  ca,
  cms,
  crl,
  day,
  der,
  documents,
  hour,
  issuing,
  leaf,
  now,
  ocsp,
  revoked,
  root,
  rootCrl,
  signer,
  signs,
  trusting,
  usual,
  validity,
} from './certificate-world.ts';
import { collector, type Attack, type Trust } from './attack.ts';

/** What else is trusted, and what a judge says about it. */
type More = Partial<Trust> & Pick<Attack, 'note'>;

/** CRLs that must not count, and those that must. */
export async function crlAttacks(): Promise<readonly Attack[]> {
  const { attacks, add } = collector('cms', usual);
  const file = await cms(signer);
  const open = 'INDETERMINATE TRY_LATER';
  const gone = 'INDETERMINATE REVOKED_NO_POE';
  const judged = (name: string, ours: string, crls: readonly Buffer[], bytes: Buffer = file, more: More = {}): void => {
    const { note = '', ...trust } = more;
    add(name, ours, bytes, { documents, trust: trusting(crls, [], trust), ...(note === '' ? {} : { note }) });
  };
  judged('signer revoked', gone, [rootCrl, crl(issuing, { entries: revoked(signer) })]);
  judged('issuing CA revoked', 'INDETERMINATE REVOKED_CA_NO_POE', [crl(root, { entries: revoked(issuing) }), crl(issuing)]);
  judged('on hold', open, [
    rootCrl,
    crl(issuing, { entries: [{ serialNumber: signer.certificate.serialNumber, date: now - day, reason: 6 }] }),
  ]);
  judged('no CRL of the issuing CA', open, [rootCrl]);
  judged('no CRL of the root', open, [crl(issuing)]);
  judged('CRL no longer current', open, [rootCrl, crl(issuing, { thisUpdate: now - 9 * day, nextUpdate: now - 2 * day })]);
  judged('CRL no longer current, newer one lists the signer', gone, [
    rootCrl,
    crl(issuing),
    crl(issuing, { thisUpdate: now - 60_000, entries: revoked(signer) }),
  ]);
  judged('sound: old CRL lists the signer, newer one does not any more', 'TOTAL-PASSED', [
    rootCrl,
    crl(issuing, { thisUpdate: now - 2 * hour, entries: revoked(signer) }),
    crl(issuing),
  ]);
  judged('CRL signed by another CA', open, [rootCrl, crl(ca('Other', { issuer: root }), { issuerName: issuing.certificate.subject })]);
  judged('CRL of a CA of the same name under another root', open, [rootCrl, crl(ca('Issuing CA'))]);
  judged('CRL signed by the signer himself', open, [rootCrl, crl(signer, { issuerName: issuing.certificate.subject })]);
  const broken = Buffer.from(crl(issuing));
  broken[broken.length - 3] = (broken[broken.length - 3] ?? 0) ^ 1;
  judged('CRL with a broken signature', open, [rootCrl, broken]);
  judged('CRL with an unknown critical extension', open, [
    rootCrl,
    crl(issuing, { extensions: [{ id: '1.2.3.4.5', critical: true, value: octetString(Buffer.alloc(1)) }] }),
  ]);
  const point = (...fields: Buffer[]) =>
    crl(issuing, { extensions: [extension.crlNumber(2), extension.issuingDistributionPoint(...fields)] });
  const yes = Buffer.from([0xff]);
  judged('CRL for CA certificates only', open, [rootCrl, point(encode(context(2), yes))]);
  judged('CRL for attribute certificates only', open, [rootCrl, point(encode(context(5), yes))]);
  judged('CRL for some reasons only', open, [rootCrl, point(encode(context(3), Buffer.from([0x06, 0x40])))]);
  judged('CRL of another distribution point', open, [rootCrl, point(pointName('http://other.example/crl'))]);
  judged('delta CRL without its base', open, [
    rootCrl,
    crl(issuing, { extensions: [extension.crlNumber(9), extension.deltaIndicator(3)] }),
  ]);
  const indirectIssuer = makeCertificate({
    ...validity,
    subject: cn('Indirect'),
    issuer: root,
    extensions: [extension.keyUsage('cRLSign')],
  });
  const indirect = crl(indirectIssuer, {
    extensions: [extension.crlNumber(1), extension.issuingDistributionPoint(encode(context(4), yes))],
  });
  judged('indirect CRL that the certificate does not name', open, [rootCrl, indirect], await cms(signer, [issuing, indirectIssuer]));
  const named = leaf(issuing, {
    extensions: [
      signs,
      extension.distributionPoints(
        sequence(pointName('http://x.example/crl'), encode(context(2, true), generalName.directory(cn('Indirect')))),
      ),
    ],
  });
  judged(
    'sound: indirect CRL that the certificate names',
    'TOTAL-PASSED',
    [rootCrl, indirect],
    await cms(named, [issuing, indirectIssuer]),
    { note: 'openssl was asked without -extended_crl; DSS knows no indirect CRLs' },
  );
  const mute = makeCertificate({
    ...validity,
    subject: cn('Mute CA'),
    issuer: root,
    extensions: [extension.basicConstraints(true), extension.keyUsage('keyCertSign')],
  });
  judged('CRL of a CA that may not sign CRLs', open, [rootCrl, crl(mute)], await cms(leaf(mute), [mute]));
  const noCheck = leaf(issuing, { extensions: [signs, extension.noCheck()] });
  judged('signer with ocsp-nocheck is revoked', gone, [rootCrl, crl(issuing, { entries: revoked(noCheck) })], await cms(noCheck));
  const never = ca('Never revoked', { issuer: root, extensions: [{ id: '2.5.29.56', value: Buffer.from([Tag.null, 0]) }] });
  judged(
    'CA certificate with noRevAvail is revoked',
    'INDETERMINATE REVOKED_CA_NO_POE',
    [crl(root, { entries: revoked(never) }), crl(never)],
    await cms(leaf(never), [never]),
  );
  return attacks;
}

/** OCSP answers. The CA is covered by a CRL, the signer by nothing else. */
export async function ocspAttacks(): Promise<readonly Attack[]> {
  const { attacks, add } = collector('cms', usual);
  const file = await cms(signer);
  const open = 'INDETERMINATE TRY_LATER';
  const judged = (name: string, ours: string, answer: Buffer, more: More = {}): void => {
    const { note = '', ...trust } = more;
    add(name, ours, file, { documents, trust: trusting([rootCrl], [answer], trust), ...(note === '' ? {} : { note }) });
  };
  const delegate = (issuer: Entity, purposes: readonly string[] = [oids.OCSPSigning], options: CertificateOptions = {}): Entity =>
    leaf(issuer, {
      subject: cn('Responder'),
      extensions: [
        extension.keyUsage('digitalSignature'),
        ...(purposes.length === 0 ? [] : [extension.extendedKeyUsage(false, ...purposes)]),
        extension.noCheck(),
      ],
      ...options,
    });
  const by = (entity: Entity, options: Partial<OcspOptions> = {}): Buffer =>
    ocsp(signer, issuing, { signer: entity, certificates: [entity.certificate], ...options });
  judged('sound: answer of the CA itself', 'TOTAL-PASSED', ocsp(signer, issuing), { note: 'openssl cms takes no OCSP answers from files' });
  judged('sound: answer of a delegated responder', 'TOTAL-PASSED', by(delegate(issuing)), {
    note: 'openssl cms takes no OCSP answers from files',
  });
  judged('revoked', 'INDETERMINATE REVOKED_NO_POE', ocsp(signer, issuing, { status: { revokedAt: now - day, reason: 1 } }));
  judged('unknown', open, ocsp(signer, issuing, { status: 'unknown' }));
  judged('answer about another certificate', open, ocsp(leaf(issuing), issuing));
  judged('answer about the same serial number of another CA', open, ocsp(signer, root));
  judged('answer by the signer himself', open, by(signer));
  judged('responder without the purpose OCSPSigning', open, by(delegate(issuing, [])));
  judged('responder with another purpose', open, by(delegate(issuing, [oids.emailProtection])));
  judged('responder of another CA', open, by(delegate(ca('Other', { issuer: root }))));
  judged('responder of the root', open, by(delegate(root)));
  judged('responder self-made', open, by(delegate(ca('Issuing CA'))));
  judged('responder expired', open, by(delegate(issuing, undefined, { notAfter: now - 2 * day })));
  const second = ca('Another anchor');
  judged('answer by another trust anchor', open, by(second), { anchors: [der(root), der(second)] });
  judged('answer no longer current', open, ocsp(signer, issuing, { thisUpdate: now - 9 * day, nextUpdate: now - 2 * day }));
  judged('answer without an end, a week old', open, ocsp(signer, issuing, { thisUpdate: now - 7 * day, nextUpdate: 'none' }));
  const broken = Buffer.from(ocsp(signer, issuing));
  broken[broken.length - 3] = (broken[broken.length - 3] ?? 0) ^ 1;
  judged('answer with a broken signature', open, broken);
  return attacks;
}
