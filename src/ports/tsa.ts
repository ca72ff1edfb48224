import type { DigestAlgorithm } from '../model/algorithms.ts';

export interface TimestampRequest {
  readonly digest: DigestAlgorithm;
  readonly messageImprint: Buffer;
}

export interface Timestamp {
  /** DER TimeStampToken (ContentInfo), CMS framing normalised to DER, signed parts byte-identical. */
  readonly token: Buffer;
  /** UTC ms. */
  readonly genTime: number;
  /** ms; 0 when the token states none. */
  readonly accuracy: number;
  /** DER: what the authority signed it with. */
  readonly certificate: Buffer;
  /** Name in the configuration. */
  readonly tsa: string;
}

/**
 * One RFC 3161 authority. MUST check imprint, nonce, policy, status, signature, signing-certificate, certificate purpose and chain
 * before it resolves (`SEAL-TSA-INVALID` otherwise); never retries by itself.
 */
export interface TimestampAuthority {
  readonly name: string;
  timestamp(request: TimestampRequest, signal?: AbortSignal): Promise<Timestamp>;
}
