import { octetString } from '../../../src/formats/der.ts';
import { oids } from '../../../src/formats/oids.ts';
import { cn, extension, generalName, makeCertificate, nameOf, type CertificateOptions, type Entity } from '../../support/pki.ts';
import {
  ca,
  cms,
  crl,
  day,
  der,
  documents,
  issuing,
  leaf,
  now,
  root,
  rootCrl,
  signer,
  signs,
  trusting,
  usual,
  validity,
} from './certificate-world.ts';
import { collector, type Attack } from './attack.ts';

/** Paths that RFC 5280 refuses. */
export async function pathAttacks(): Promise<readonly Attack[]> {
  const { attacks, add } = collector('cms', usual);
  const general = 'INDETERMINATE CERTIFICATE_CHAIN_GENERAL_FAILURE';
  const purpose = 'INDETERMINATE CHAIN_CONSTRAINTS_FAILURE';
  const through = async (
    name: string,
    ours: string,
    middle: Entity,
    options: CertificateOptions = {},
    more: readonly Buffer[] = [],
  ): Promise<void> => {
    const one = leaf(middle, options);
    add(name, ours, await cms(one, [middle]), { documents, trust: trusting([rootCrl, crl(middle), ...more]) });
  };
  add('sound: a path of three', 'TOTAL-PASSED', await cms(signer), { documents });
  await through(
    'issuer is no CA',
    general,
    makeCertificate({ ...validity, subject: cn('No CA'), issuer: root, extensions: [extension.keyUsage('keyCertSign', 'cRLSign')] }),
  );
  await through(
    'issuer may not sign certificates',
    general,
    makeCertificate({
      ...validity,
      subject: cn('CRL only'),
      issuer: root,
      extensions: [extension.basicConstraints(true), extension.keyUsage('cRLSign')],
    }),
  );
  await through('an end-entity certificate issued another', general, leaf(root, { subject: cn('End') }));
  const short = ca('Path length 0', { issuer: root, pathLength: 0 });
  const below = ca('Below', { issuer: short });
  const deep = leaf(below);
  add('path longer than allowed', general, await cms(deep, [below, short]), {
    documents,
    trust: trusting([rootCrl, crl(short), crl(below)]),
  });
  const constrained = ca('Constrained', {
    issuer: root,
    extensions: [extension.nameConstraints([generalName.directory(nameOf(['organizationName', 'Allowed']))])],
  });
  await through('name outside the permitted subtree', general, constrained);
  await through('sound: name inside the permitted subtree', 'TOTAL-PASSED', constrained, {
    subject: nameOf(['organizationName', 'Allowed'], ['commonName', 'Signer']),
  });
  const excluding = ca('Excluding', { issuer: root, extensions: [extension.nameConstraints([], [generalName.mail('example.org')])] });
  await through('e-mail address in an excluded domain', general, excluding, {
    extensions: [signs, extension.subjectAltName(generalName.mail('a@example.org'))],
  });
  await through(
    'unknown critical extension in the issuer',
    general,
    ca('Unknown', { issuer: root, extensions: [{ id: '1.2.3.4.5', critical: true, value: octetString(Buffer.alloc(1)) }] }),
  );
  const one = async (name: string, ours: string, options: CertificateOptions): Promise<void> => {
    add(name, ours, await cms(leaf(issuing, options)), { documents });
  };
  await one('unknown critical extension in the signer', general, {
    extensions: [signs, { id: '1.2.3.4.5', critical: true, value: octetString(Buffer.alloc(1)) }],
  });
  await one('key usage encipherment only', purpose, { extensions: [extension.keyUsage('keyEncipherment')] });
  await one('key usage keyCertSign only', purpose, { extensions: [extension.keyUsage('keyCertSign')] });
  await one('purpose timeStamping only', purpose, { extensions: [signs, extension.extendedKeyUsage(true, oids.timeStamping)] });
  await one('purpose OCSPSigning only', purpose, { extensions: [signs, extension.extendedKeyUsage(false, oids.OCSPSigning)] });
  await one('purpose serverAuth only', purpose, { extensions: [signs, extension.extendedKeyUsage(false, oids.serverAuth)] });
  await one('not yet valid', 'INDETERMINATE OUT_OF_BOUNDS_NOT_REVOKED', { notBefore: now + day });
  await one('expired', 'INDETERMINATE OUT_OF_BOUNDS_NO_POE', { notAfter: now - day });
  await one('certificate signed with SHA-1', 'INDETERMINATE CRYPTO_CONSTRAINTS_FAILURE_NO_POE', { digest: 'sha1' });
  const self = leaf(undefined, { subject: cn('Self') });
  add('self-signed, trusted nowhere', 'INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND', await cms(self, []), { documents });
  add('sound: self-signed and trusted itself', 'TOTAL-PASSED', await cms(self, []), {
    documents,
    trust: trusting([], [], { anchors: [der(self)] }),
    note: 'an anchor is trusted as it is',
  });
  const purposeless = leaf(undefined, { subject: cn('Self'), extensions: [extension.keyUsage('keyEncipherment')] });
  add('trusted itself, not for signing', purpose, await cms(purposeless, []), {
    documents,
    trust: trusting([], [], { anchors: [der(purposeless)] }),
  });
  const anchored = leaf(undefined, { subject: cn('Anchor that is no CA') });
  const issued = leaf(anchored);
  add('trusted signer issued another', general, await cms(issued, []), {
    documents,
    trust: trusting([crl(anchored)], [], { anchors: [der(anchored)] }),
  });
  const twin = ca('Issuing CA');
  add('an issuer of the right name with another key', 'INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND', await cms(leaf(twin), [twin, issuing]), {
    documents,
  });
  return attacks;
}
