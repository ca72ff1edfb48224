import type { AnyDigest, DigestAlgorithm } from './algorithms.ts';
import type { FormatName } from './signature.ts';

/** EN 319 102-1 §5.1.3, table 1: overall status of a signature. */
export type Indication = 'TOTAL-PASSED' | 'TOTAL-FAILED' | 'INDETERMINATE';
/** Status of a building block, a timestamp or an evidence record. */
export type BlockIndication = 'PASSED' | 'FAILED' | 'INDETERMINATE';

/** EN 319 102-1 §5.1.3, table 2. */
export type SubIndication =
  | 'FORMAT_FAILURE'
  | 'HASH_FAILURE'
  | 'SIG_CRYPTO_FAILURE'
  | 'REVOKED'
  | 'EXPIRED'
  | 'NOT_YET_VALID'
  | 'SIG_CONSTRAINTS_FAILURE'
  | 'CHAIN_CONSTRAINTS_FAILURE'
  | 'CERTIFICATE_CHAIN_GENERAL_FAILURE'
  | 'CRYPTO_CONSTRAINTS_FAILURE'
  | 'CRYPTO_CONSTRAINTS_FAILURE_NO_POE'
  | 'POLICY_PROCESSING_ERROR'
  | 'SIGNATURE_POLICY_NOT_AVAILABLE'
  | 'TIMESTAMP_ORDER_FAILURE'
  | 'NO_SIGNING_CERTIFICATE_FOUND'
  | 'NO_CERTIFICATE_CHAIN_FOUND'
  | 'NO_CERTIFICATE_CHAIN_FOUND_NO_POE'
  | 'REVOKED_NO_POE'
  | 'REVOKED_CA_NO_POE'
  | 'OUT_OF_BOUNDS_NOT_REVOKED'
  | 'OUT_OF_BOUNDS_NO_POE'
  | 'REVOCATION_OUT_OF_BOUNDS_NO_POE'
  | 'NO_POE'
  | 'TRY_LATER'
  | 'SIGNED_DATA_NOT_FOUND'
  | 'CUSTOM';

/** One certificate of a chain as reports name it. */
export interface CertificateSummary {
  readonly subject: string;
  readonly issuer: string;
  /** Hexadecimal. */
  readonly serialNumber: string;
  readonly sha256: string;
  /** UTC, ISO 8601. */
  readonly notBefore: string;
  readonly notAfter: string;
  readonly trustAnchor: boolean;
}

/** What was asked about the revocation of one certificate, and the answer. */
export interface RevocationCheck {
  readonly certificate: string;
  readonly status: 'good' | 'revoked' | 'unknown' | 'not-checked';
  readonly source?: 'crl' | 'ocsp';
  readonly thisUpdate?: string;
  readonly nextUpdate?: string;
  readonly revocationTime?: string;
  readonly reason?: string;
}

export interface ChainReport {
  readonly indication: BlockIndication;
  readonly subIndication?: SubIndication;
  readonly certificates: readonly CertificateSummary[];
  readonly revocation: readonly RevocationCheck[];
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

export interface TimestampReport {
  readonly kind: 'signature-timestamp' | 'document-timestamp' | 'archive-timestamp' | 'evidence-record';
  readonly indication: BlockIndication;
  readonly subIndication?: SubIndication;
  /** UTC, ISO 8601. */
  readonly genTime: string;
  readonly messageImprint: { readonly algorithm: AnyDigest; readonly value: string };
  readonly intact: boolean;
  readonly valid: boolean;
  readonly trusted: boolean;
  readonly chain: ChainReport;
  readonly errors: readonly string[];
}

export interface SignatureReport {
  readonly format: FormatName | 'cms';
  readonly level: string;
  readonly indication: Indication;
  readonly subIndication?: SubIndication;
  /** The bytes are those that were signed. */
  readonly intact: boolean;
  /** The signature value fits the signing certificate. */
  readonly valid: boolean;
  /** The certificate leads to a trust anchor and was good at bestSignatureTime. */
  readonly trusted: boolean;
  readonly signer?: CertificateSummary;
  readonly signatureAlgorithm?: string;
  readonly digestAlgorithm?: AnyDigest;
  /** Claimed; UTC, ISO 8601. */
  readonly signingTime?: string;
  /** Earliest proven time; UTC, ISO 8601. */
  readonly bestSignatureTime: string;
  readonly scope: string;
  readonly chain: ChainReport;
  readonly timestamps: readonly TimestampReport[];
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

export interface EvidenceRecordReport {
  readonly syntax: 'RFC 4998' | 'RFC 6283';
  readonly indication: BlockIndication;
  readonly subIndication?: SubIndication;
  /** Earliest time the record proves; UTC, ISO 8601. */
  readonly provenSince?: string;
  /** Until when it proves if nobody renews it; UTC, ISO 8601. */
  readonly provesUntil?: string;
  readonly covered: readonly string[];
  readonly chains: readonly { readonly digestAlgorithm: AnyDigest; readonly timestamps: readonly TimestampReport[] }[];
  /** How a hash-tree renewal of an RFC 4998 record was hashed: H(H(d) ‖ ha) in this order, or both sorted (erratum 7411). */
  readonly hashTreeRenewal?: 'unsorted' | 'sorted';
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

/** `verify --json`: one per file. The file's indication is our aggregate: the worst of its signatures, timestamps and evidence records. */
export interface FileReport {
  readonly file: string;
  /** Bytes of the file and their digests (lower-case hexadecimal), as they were verified; those the caller asked for. */
  readonly size?: number;
  readonly digests?: readonly (readonly [DigestAlgorithm, string])[];
  readonly indication: Indication;
  readonly subIndication?: SubIndication;
  /** True when any certificate of the chains is of an evaluation authority. */
  readonly evaluation: boolean;
  readonly validationTime: string;
  readonly signatures: readonly SignatureReport[];
  readonly timestamps: readonly TimestampReport[];
  readonly evidenceRecords: readonly EvidenceRecordReport[];
  readonly errors: readonly string[];
}
