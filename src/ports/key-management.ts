import type { SignatureAlgorithm } from '../model/algorithms.ts';

/** What a certificate may be asked for (RFC 5280 §4.2.1.3): signatures, nothing else. */
export const requestKeyUsages = ['contentCommitment', 'digitalSignature'] as const;
export type RequestKeyUsage = (typeof requestKeyUsages)[number];

/** Kinds of keys that can be made. */
export const newKeyKinds = ['p-256', 'p-384', 'brainpoolP256r1', 'brainpoolP384r1', 'rsa-2048', 'rsa-3072', 'rsa-4096'] as const;
export type NewKeyKind = (typeof newKeyKinds)[number];

export interface GeneratedKey {
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Buffer;
  /** Where it lies now: a file, or a token. */
  readonly place: string;
  /** CKA_ID in hexadecimal and CKA_LABEL, on a token. */
  readonly id?: string;
  readonly label?: string;
}

/** A private key that is open for its administration, with or without certificate. */
export interface ManagedKey {
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Buffer;
  /** DER, all that lie beside it. */
  readonly certificates: readonly Buffer[];
  /** Signs `data`, hashed in here. @returns RSA block or DER SEQUENCE {r, s} */
  sign(data: Buffer, algorithm: SignatureAlgorithm): Promise<Buffer>;
  /**
   * Puts certificates beside the key; what lies there stays, and nothing is stored twice.
   * @param own DER, of this key, the one to be used first @param issuers DER
   */
  store(own: readonly Buffer[], issuers: readonly Buffer[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * Where a configured key lies, for making it and for putting its certificate there: a process and a login of its own, beside those that sign.
 * PINs are zeroed whatever happens; one try, never repeated. Errors: SEAL-KEY-*, SEAL-CONFIG-SECRET.
 */
export interface KeyManagement {
  /** Makes a new key pair. Overwrites nothing: SEAL-KEY-EXISTS. */
  generate(kind: NewKeyKind, pin: Buffer | undefined): Promise<GeneratedKey>;
  open(pin: Buffer | undefined): Promise<ManagedKey>;
}
