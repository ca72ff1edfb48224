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
