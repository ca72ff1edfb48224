import { catalogueWith } from '../pki/catalogue.ts';
import { isEvaluation, openTrust, type Trust } from '../pki/trust.ts';
import { PkiCache } from '../pki/cache.ts';
import type { Certificate } from '../formats/x509.ts';
import type { ChainResult } from '../pki/chain.ts';
import type { Verified, VerifyOptions } from '../ports/documents.ts';

/**
 * Trust opened for one set of options and kept while the next ones name the same anchors, certificates and revocation data: chains and
 * parsed CRLs are then remembered over thousands of documents. One per thread.
 */
export class TrustKeeper {
  readonly cache: PkiCache = new PkiCache();
  #options: VerifyOptions | undefined;
  #trust: Trust | undefined;
  #named: { readonly by: VerifyOptions; readonly certificates: readonly Certificate[] } | undefined;

  /** @returns undefined when only the structure is asked for @throws SealError SEAL-INPUT-INVALID for an unreadable anchor */
  trustFor(options: VerifyOptions): Trust | undefined {
    if (options.structureOnly === true) return undefined;
    if (this.#trust === undefined || this.#options === undefined || !sameTrust(this.#options, options))
      this.#trust = openTrust({ ...options, catalogue: catalogueWith(options.algorithms ?? []) }, this.cache);
    this.#options = options;
    return this.#trust;
  }

  /** The certificates that the options name. @throws SealError SEAL-INPUT-INVALID */
  certificatesOf(options: VerifyOptions): readonly Certificate[] {
    if (this.#named?.by === options) return this.#named.certificates;
    const certificates = [...options.certificates, ...options.anchors].map((der) => this.cache.certificate(der));
    this.#named = { by: options, certificates };
    return certificates;
  }
}

function sameTrust(one: VerifyOptions, other: VerifyOptions): boolean {
  if (one === other) return true;
  const same = (a: readonly Buffer[], b: readonly Buffer[]): boolean =>
    a.length === b.length && a.every((bytes, at) => b[at] !== undefined && bytes.equals(b[at]));
  return (
    one.revocationMode === other.revocationMode &&
    JSON.stringify(one.algorithms) === JSON.stringify(other.algorithms) &&
    same(one.anchors, other.anchors) &&
    same(one.certificates, other.certificates) &&
    same(one.revocation.crls, other.revocation.crls) &&
    same(one.revocation.ocsps, other.revocation.ocsps) &&
    one.revocation.failures.join('\n') === other.revocation.failures.join('\n')
  );
}

/** What all checks of one file share, and what they find out beside their reports. */
export class VerifyContext {
  readonly options: VerifyOptions;
  /** Undefined when only the structure is checked. */
  readonly trust: Trust | undefined;
  readonly cache: PkiCache;
  /** A certificate of an evaluation authority was met. */
  evaluation = false;
  readonly #keeper: TrustKeeper;
  readonly #wanted = new Map<string, Verified['wanted'][number]>();

  constructor(options: VerifyOptions, keeper: TrustKeeper) {
    this.options = options;
    this.trust = keeper.trustFor(options);
    this.cache = keeper.cache;
    this.#keeper = keeper;
  }

  /** Certificates that the options name: for finding signers whose certificate is not with the signature. */
  get known(): readonly Certificate[] {
    return this.#keeper.certificatesOf(this.options);
  }

  /** A certificate that something was signed with. */
  met(certificate: Certificate): void {
    this.evaluation ||= isEvaluation(certificate);
  }

  note({ evaluation, wanted }: ChainResult): void {
    this.evaluation ||= evaluation;
    for (const one of wanted) this.#wanted.set(one.certificate.toString('latin1'), one);
  }

  get wanted(): Verified['wanted'] {
    return [...this.#wanted.values()];
  }
}
