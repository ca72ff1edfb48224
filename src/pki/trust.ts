import { canonicalName, nameValues } from '../formats/names-dn.ts';
import { oids } from '../formats/oids.ts';
import { readPem } from '../formats/pem.ts';
import { SealError } from '../errors.ts';
import { defaultCatalogue } from './catalogue.ts';
import { PkiCache } from './cache.ts';
import type { AlgorithmRule } from './catalogue.ts';
import type { Certificate } from '../formats/x509.ts';
import type { RevocationData } from '../ports/revocation.ts';

/** How missing revocation data is taken: as a failure, with a warning, or without asking. */
export type RevocationMode = 'require' | 'soft-fail' | 'none';

export interface TrustOptions {
  /** DER. */
  readonly anchors: readonly Buffer[];
  /** DER, for path building. */
  readonly certificates: readonly Buffer[];
  readonly revocation: RevocationData;
  readonly revocationMode: RevocationMode;
  /** ms that revocation data is taken for current after its nextUpdate; 0 by default. */
  readonly grace?: number;
  /** ms for which revocation data without a nextUpdate is current; a day by default. */
  readonly maxAge?: number;
  /** Dates that replace the shipped ones. */
  readonly catalogue?: readonly AlgorithmRule[];
}

/** Certificates found by their subject, whatever string types it is written in. */
export class CertificateIndex {
  readonly #bySubject = new Map<string, Certificate[]>();
  readonly #fingerprints = new Set<string>();

  constructor(certificates: readonly Certificate[]) {
    for (const certificate of certificates) this.#add(certificate);
  }

  #add(certificate: Certificate): void {
    const fingerprint = certificate.sha256.toString('latin1');
    if (this.#fingerprints.has(fingerprint)) return;
    this.#fingerprints.add(fingerprint);
    const key = nameKey(certificate.subject);
    const known = this.#bySubject.get(key);
    if (known) known.push(certificate);
    else this.#bySubject.set(key, [certificate]);
  }

  /** @param name DER Name */
  named(name: Buffer): readonly Certificate[] {
    return this.#bySubject.get(nameKey(name)) ?? [];
  }

  has(certificate: Certificate): boolean {
    return this.#fingerprints.has(certificate.sha256.toString('latin1'));
  }
}

/** Key under which names that match (RFC 5280 §7.1) are equal. @param name DER Name, may be malformed */
function nameKey(name: Buffer): string {
  try {
    return canonicalName(name).join(',');
  } catch {
    return `#${name.toString('hex')}`;
  }
}

/** What is trusted and what is known, opened once for many validations. */
export interface Trust {
  readonly anchors: CertificateIndex;
  readonly certificates: CertificateIndex;
  readonly revocation: RevocationData;
  readonly revocationMode: RevocationMode;
  readonly grace: number;
  readonly maxAge: number;
  readonly catalogue: readonly AlgorithmRule[];
  readonly cache: PkiCache;
}

/**
 * Opens the trust configuration.
 * @param cache shared by everything in this thread; a new one by default
 * @throws SealError SEAL-INPUT-INVALID when an anchor or a configured certificate cannot be read
 */
export function openTrust(options: TrustOptions, cache = new PkiCache()): Trust {
  const index = (list: readonly Buffer[]) => new CertificateIndex(list.map((der) => cache.certificate(der)));
  return {
    anchors: index(options.anchors),
    certificates: index(options.certificates),
    revocation: options.revocation,
    revocationMode: options.revocationMode,
    grace: options.grace ?? 0,
    maxAge: options.maxAge ?? 24 * 3600 * 1000,
    catalogue: options.catalogue ?? defaultCatalogue,
    cache,
  };
}

/**
 * Certificates of a file, PEM or DER, each one parsed to show that it is one.
 * @param where path, for the error
 * @throws SealError SEAL-INPUT-INVALID when there is none or one cannot be read
 */
export function readCertificates(bytes: Buffer, where: string, cache = new PkiCache()): Certificate[] {
  try {
    const found = readPem(bytes).map((der) => cache.certificate(der));
    if (found.length > 0) return found;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SealError('SEAL-INPUT-INVALID', `certificates cannot be read: ${reason}`, {
      where,
      cause,
      hint: 'give certificates in PEM or DER',
    });
  }
  throw new SealError('SEAL-INPUT-INVALID', 'the file holds no certificate', { where, hint: 'give certificates in PEM or DER' });
}

/**
 * True for a certificate of an evaluation authority (`sealtree init`): it proves nothing outside the house, and every result says so.
 * Known by the word EVALUATION in the organisation or the common name of its subject or issuer.
 */
export function isEvaluation(certificate: Certificate): boolean {
  const known = evaluation.get(certificate);
  if (known !== undefined) return known;
  const is = namesEvaluation(certificate);
  evaluation.set(certificate, is);
  return is;
}

const evaluation = new WeakMap<Certificate, boolean>();

function namesEvaluation(certificate: Certificate): boolean {
  return [certificate.subject, certificate.issuer].some((name) => {
    try {
      return [oids.organizationName, oids.commonName].some((type) => nameValues(name, type).some((value) => /\bEVALUATION\b/.test(value)));
    } catch {
      return false;
    }
  });
}
