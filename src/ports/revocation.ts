/** Where CRLs and OCSP answers come from: files, cache, network. Gives what it has; judging is pki/revocation's. */
export interface RevocationSource {
  /**
   * Data that may speak about `certificate`.
   * @param certificate DER
   * @param issuer DER
   * @param freshAfter UTC ms: what has an older thisUpdate is asked for again where a network is allowed.
   */
  find(certificate: Buffer, issuer: Buffer, freshAfter: number, signal?: AbortSignal): Promise<RevocationData>;
}

export interface RevocationData {
  /** DER CertificateList. */
  readonly crls: readonly Buffer[];
  /** DER BasicOCSPResponse (not the OCSPResponse around it). */
  readonly ocsps: readonly Buffer[];
  /** What was tried and failed, for the report: never silent. */
  readonly failures: readonly string[];
}
