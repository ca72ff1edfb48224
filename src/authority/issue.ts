import { parseCertificate } from '../formats/x509.ts';
import { evaluationName } from './authority.ts';
import { issueCertificate } from './ca.ts';
import type { KeyObject } from 'node:crypto';
import type { Effects } from '../ports/effects.ts';
import type { EvaluationAuthority } from './authority.ts';
import type { CertificateProfile, Issuer } from './ca.ts';
import type { IssuerName, Registry } from './registry.ts';

/** Who gets a certificate, and for what. */
export interface Applicant {
  /** Of a key that may lie anywhere: in a file, on a card, in an HSM. */
  readonly publicKey: KeyObject;
  readonly commonName: string;
  readonly profile: CertificateProfile;
  /** ms from now; ends with the issuer's certificate at the latest. */
  readonly validity: number;
}

/** ms that certificates begin before they are made: the clocks of those who check differ a little. */
export const backdating = 3_600_000;

/** A certificate (DER) from the issuing CA of an evaluation authority. */
export function issueFor(fx: Pick<Effects, 'clock' | 'random'>, authority: EvaluationAuthority, applicant: Applicant): Promise<Buffer> {
  return issueAndRecord(fx, { issuer: authority.issuing, issuerName: 'issuing', registry: authority.registry }, applicant);
}

/** Issues a certificate (DER) and records it before it is handed out: OCSP must know it. */
export async function issueAndRecord(
  fx: Pick<Effects, 'clock' | 'random'>,
  by: { readonly issuer: Issuer; readonly issuerName: IssuerName; readonly registry: Registry },
  applicant: Applicant,
): Promise<Buffer> {
  const { publicKey, commonName, profile } = applicant;
  const now = fx.clock.now();
  const notAfter = Math.min(now + applicant.validity, parseCertificate(by.issuer.certificate).notAfter);
  const subject = evaluationName(by.registry.installation, commonName);
  const certificate = issueCertificate(fx, by.issuer, { subject, publicKey, profile, notBefore: now - backdating, notAfter });
  await by.registry.add({
    serialNumber: parseCertificate(certificate).serialNumber.toString('hex'),
    issuer: by.issuerName,
    subject: commonName,
    notAfter: new Date(notAfter).toISOString(),
  });
  return certificate;
}
