import { distinguishedName } from '../formats/x509.ts';
import { judgeAlgorithms } from './algorithms.ts';
import { utc } from './findings.ts';
import { keyTypeOf } from '../formats/algorithms.ts';
import type { BasicOcspResponse } from '../formats/ocsp.ts';
import type { Certificate } from '../formats/x509.ts';
import type { CertificateList, RevocationReason } from '../formats/crl.ts';
import type { Purpose } from './purposes.ts';
import type { Signed } from './cache.ts';
import type { Trust } from './trust.ts';
import type { WorkingKey } from './keys.ts';

/** The certificate whose status is asked, and who issued it in the path that is validated. */
export interface StatusSubject {
  readonly certificate: Certificate;
  readonly issuer: Certificate;
  readonly issuerKey: WorkingKey;
}

/** Whether somebody may sign CRLs or OCSP answers, judged like any certificate. */
export interface SignerVerdict {
  readonly problem?: string;
  /** UTC ms, half open: while the time lies in here the verdict stays. */
  readonly from: number;
  readonly until: number;
  readonly used: UsedData;
}

/** Revocation data that an answer rests on. */
export interface UsedData {
  readonly certificates: readonly Certificate[];
  readonly crls: readonly CertificateList[];
  readonly ocsps: readonly BasicOcspResponse[];
}

export const nothingUsed: UsedData = { certificates: [], crls: [], ocsps: [] };

export function joinUsed(...parts: readonly UsedData[]): UsedData {
  return {
    certificates: [...new Set(parts.flatMap(({ certificates }) => certificates))],
    crls: [...new Set(parts.flatMap(({ crls }) => crls))],
    ocsps: [...new Set(parts.flatMap(({ ocsps }) => ocsps))],
  };
}

/** Everything the judges of CRLs and OCSP answers need. */
export interface RevocationContext {
  readonly trust: Trust;
  readonly crls: readonly CertificateList[];
  readonly ocsps: readonly BasicOcspResponse[];
  /** Certificates that may have signed revocation data. */
  readonly certificates: readonly Certificate[];
  /** UTC ms. */
  readonly at: number;
  /** UTC ms: older data is not taken. */
  readonly freshAfter: number;
  /** Whether data that is no longer current still tells something: for a certificate that has expired anyway. */
  readonly anyAge: boolean;
  /** Validates a certificate that signs revocation data; it must lead to the same anchor (RFC 5280 §6.3.3 (f)). */
  judgeSigner(certificate: Certificate, purpose: Purpose): SignerVerdict;
}

/** An answer about one certificate. */
export interface CertificateStatus {
  readonly status: 'good' | 'revoked' | 'unknown';
  readonly source?: 'crl' | 'ocsp';
  /** UTC ms. */
  readonly thisUpdate?: number;
  readonly nextUpdate?: number;
  /** Also set for `good` when the revocation came after the time that was asked for. */
  readonly revocationTime?: number;
  readonly reason?: RevocationReason;
  readonly invalidityDate?: number;
  /** Why data that was at hand does not answer. */
  readonly problems: readonly string[];
  /** Some of that data might answer at another time. */
  readonly refused: boolean;
  /** UTC ms, half open: while the time lies in here the answer stays. */
  readonly from: number;
  readonly until: number;
  readonly used: UsedData;
}

export function unknownStatus(problems: readonly string[]): CertificateStatus {
  return { status: 'unknown', problems, refused: problems.length > 0, from: -Infinity, until: Infinity, used: nothingUsed };
}

/** From then on the data says nothing about the present any more. @returns UTC ms */
export function currentUntil(trust: Trust, data: { readonly thisUpdate: number; readonly nextUpdate?: number | undefined }): number {
  return data.nextUpdate === undefined ? data.thisUpdate + trust.maxAge : data.nextUpdate + trust.grace + 1000;
}

/** Why data is not fresh enough; undefined when it is. Data from after the time that is asked for always knows enough. */
export function staleness(
  context: RevocationContext,
  data: { readonly thisUpdate: number; readonly nextUpdate?: number | undefined },
  what: string,
): string | undefined {
  if (data.thisUpdate <= context.freshAfter) return `${what} of ${utc(data.thisUpdate)} is older than ${utc(context.freshAfter)}`;
  const until = currentUntil(context.trust, data);
  if (context.anyAge) return undefined;
  return until <= context.at ? `${what} of ${utc(data.thisUpdate)} was current until ${utc(data.nextUpdate ?? until)} only` : undefined;
}

/** Why a signature on revocation data does not count; undefined when it does. */
export function signatureProblem(context: RevocationContext, signed: Signed, key: WorkingKey): string | undefined {
  if (!context.trust.cache.verifies(signed, key)) return 'its signature does not verify';
  const verdict = judgeAlgorithms(signed.signatureAlgorithm, keyTypeOf(key.key), context.at, context.trust.catalogue);
  return verdict.errors[0];
}

export function nameOf(certificate: Certificate): string {
  return `"${distinguishedName(certificate.subject)}"`;
}
