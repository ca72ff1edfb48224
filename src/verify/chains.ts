import { summarize, type Certificate } from '../formats/x509.ts';
import { validateChain, type Pool } from '../pki/chain.ts';
import type { Purpose } from '../pki/purposes.ts';
import type { ValidationMaterial } from '../formats/validation-values.ts';
import type { SignedData } from '../formats/cms.ts';
import type { ChainReport } from '../model/verification.ts';
import type { VerifyContext } from './context.ts';

/**
 * Judges the certificate of a signature as of `at` (UTC ms). Without trust (structure only) nothing is judged, and the report says so.
 * @param pool what came with the signature
 */
export function judgeChain(context: VerifyContext, certificate: Certificate, at: number, purpose: Purpose, pool: Pool): ChainReport {
  context.met(certificate);
  if (context.trust === undefined) return notExamined(certificate);
  const result = validateChain(certificate, pool, { trust: context.trust, at, purpose });
  context.note(result);
  return result.report;
}

/** The chain of a signature whose certificate is not at hand. */
export const noCertificate: ChainReport = {
  indication: 'INDETERMINATE',
  subIndication: 'NO_SIGNING_CERTIFICATE_FOUND',
  certificates: [],
  revocation: [],
  errors: [],
  warnings: [],
};

function notExamined(certificate: Certificate): ChainReport {
  return {
    indication: 'INDETERMINATE',
    certificates: [summarize(certificate)],
    revocation: [],
    errors: [],
    warnings: ['structure only: trust was not examined'],
  };
}

/** Certificates and revocation data inside a SignedData and along with it; what cannot be read is passed over. Each is judged before it counts. */
export function poolOf(context: VerifyContext, cms: SignedData, material: ValidationMaterial): Pool {
  const { certificates, crls, ocsps } = looseOf(context, material);
  return {
    certificates: [...looseOf(context, cms).certificates, ...certificates],
    crls: [...cms.crls, ...(crls ?? [])],
    ocsps: [...cms.ocsps, ...(ocsps ?? [])],
  };
}

/** Certificates that can be read, and revocation data, as a source for paths. */
export function looseOf(context: VerifyContext, { certificates, crls, ocsps }: ValidationMaterial): Pool {
  const readable = certificates.flatMap((der) => {
    try {
      return [context.cache.certificate(der)];
    } catch {
      return [];
    }
  });
  return { certificates: readable, crls, ocsps };
}
