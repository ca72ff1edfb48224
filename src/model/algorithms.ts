/** Digests that are written; older ones are only read (`LegacyDigest`). */
export type DigestAlgorithm = 'sha256' | 'sha384' | 'sha512';
export type LegacyDigest = 'md5' | 'sha1' | 'sha224' | 'sha3-224' | 'sha3-256' | 'sha3-384' | 'sha3-512' | 'ripemd160';
export type AnyDigest = DigestAlgorithm | LegacyDigest;

export type RsaPadding = 'pkcs1' | 'pss';

/** How a signature is made: enough to choose the PKCS#11 mechanism, the node:crypto options and the AlgorithmIdentifier. */
export interface SignatureAlgorithm {
  readonly digest: DigestAlgorithm;
  /** Only for RSA keys. PSS uses MGF1 with the same digest and a salt as long as the digest. */
  readonly padding?: RsaPadding;
}

/** What the public key is, as far as choosing algorithms needs it. */
export type KeyType =
  | { readonly type: 'rsa' | 'rsa-pss'; readonly bits: number }
  | { readonly type: 'ec'; readonly curve: string; readonly bits: number }
  | { readonly type: 'ed25519' | 'ed448' | 'dsa'; readonly bits: number };

/** What a rule of the catalogue speaks about. */
export type AlgorithmSubject =
  | { readonly digest: AnyDigest }
  /** Keys from `from` bits up to and including `to` bits. */
  | { readonly key: 'rsa' | 'ec' | 'dsa'; readonly from: number; readonly to: number }
  /** A named curve, whatever its size. */
  | { readonly curve: string }
  | { readonly padding: 'pkcs1' };

/**
 * Until when an algorithm proves anything. Several rules may speak about one algorithm: the earliest date counts.
 * Dates are UTC, the first instant of the day.
 */
export interface AlgorithmRule {
  readonly subject: AlgorithmSubject;
  /** From then on a signature without older proof of existence is not accepted. Absent: no end is known. */
  readonly end?: string;
  /** From then on accepted with a warning: a catalogue has phased it out, another has not. */
  readonly legacy?: string;
  /** Where the date stands. */
  readonly source: string;
}
