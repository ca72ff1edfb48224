import { createHash, generateKeyPairSync } from 'node:crypto';
import { octetString, sequence } from '../../../src/formats/der.ts';
import { oids } from '../../../src/formats/oids.ts';
import {
  cn,
  extension,
  makeCa,
  makeCertificate,
  makeCrl,
  makeOcsp,
  pointName,
  type CertificateOptions,
  type CrlOptions,
  type Entity,
  type OcspOptions,
} from '../../support/pki.ts';
import { detachedCms } from './forge-cms.ts';
import { type Trust } from './attack.ts';

export const day = 86_400_000;
export const hour = 3_600_000;
export const now = Math.floor(Date.now() / 1000) * 1000;
export const document = Buffer.from('Deed of gift\n');
export const documents = { 'deed.txt': document };
export const validity = { notBefore: now - 100 * day, notAfter: now + 100 * day };
export const signs = extension.keyUsage('contentCommitment');

/** Where revocation data lies: DSS looks for none where the certificate names no place. */
const points = extension.distributionPoints(sequence(pointName('http://ca.example/crl')));

export function ca(subject: string, options: CertificateOptions & { readonly pathLength?: number } = {}): Entity {
  const { privateKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, extensions = [], issuer } = options;
  // DSS believes no CA without a key identifier.
  const identifier = { id: oids.subjectKeyIdentifier, value: octetString(createHash('sha1').update(subject).digest()) };
  return makeCa({
    ...validity,
    subject: cn(subject),
    ...options,
    privateKey,
    extensions: [...extensions, identifier, ...(issuer ? [points] : [])],
  });
}

export const leaf = (issuer: Entity | undefined, options: CertificateOptions = {}): Entity =>
  withPoints({ ...validity, subject: cn('Signer'), extensions: [signs], ...(issuer === undefined ? {} : { issuer }), ...options });
function withPoints(options: CertificateOptions): Entity {
  const own = options.extensions ?? [];
  const more = options.issuer === undefined || own.some(({ id }) => id === points.id) ? [] : [points];
  return makeCertificate({ ...options, extensions: [...own, ...more] });
}

export const crl = (signer: Entity, options: Partial<CrlOptions> = {}): Buffer =>
  makeCrl({ signer, thisUpdate: now - hour, nextUpdate: now + day, ...options });
export const ocsp = (about: Entity, issuer: Entity, options: Partial<OcspOptions> = {}): Buffer =>
  makeOcsp({ about: about.certificate, issuer, thisUpdate: now - hour, nextUpdate: now + day, digest: 'sha1', ...options });

export const root = ca('Root');
export const issuing = ca('Issuing CA', { issuer: root });
export const signer = leaf(issuing);
export const rootCrl = crl(root);

export function der({ certificate }: Entity): Buffer {
  return certificate.der;
}

export function cms(one: Entity, chain: readonly Entity[] = [issuing]): Promise<Buffer> {
  return detachedCms({ signer: { certificate: der(one), privateKey: one.privateKey }, content: document }, [one, ...chain].map(der));
}

export function trusting(crls: readonly Buffer[], ocsps: readonly Buffer[] = [], more: Partial<Trust> = {}): Trust {
  return { anchors: [der(root)], certificates: [], crls, ocsps, at: now, ...more };
}

export function revoked(entity: Entity, days = 1) {
  return [{ serialNumber: entity.certificate.serialNumber, date: now - days * day, reason: 1 }];
}

export const usual = trusting([rootCrl, crl(issuing)]);
