import type { DigestAlgorithm, RsaPadding } from './algorithms.ts';

export type FormatName = 'cades' | 'pades' | 'xades' | 'asic-s' | 'asic-e' | 'jades';
/** ETSI EN 319 122/132/142 baseline levels. */
export type Level = 'B-B' | 'B-T' | 'B-LT' | 'B-LTA';
export type Packaging = 'embedded' | 'detached' | 'enveloping';

/** How documents are signed: a named profile of the configuration with every default filled in. */
export interface Profile {
  readonly name: string;
  readonly format: FormatName | 'auto';
  readonly level: Level;
  readonly packaging?: Packaging;
  readonly digest: DigestAlgorithm;
  readonly padding: RsaPadding;
  /** PDF: /Reason, /Location, /ContactInfo. */
  readonly reason?: string;
  readonly location?: string;
  readonly contact?: string;
  /** Names of TSAs in order of preference; needed from B-T on. */
  readonly tsas: readonly string[];
  /** B-T and above while no TSA answers: wait, or deliver at the level reached and say so. */
  readonly onTsaFailure: 'wait' | 'deliver';
}

/** What a format needs to prepare a signature: the certificate decides sizes and identifiers, so the key is chosen before. */
export interface SignParameters {
  /** DER, signer first, then intermediates; the anchor is left out. */
  readonly chain: readonly Buffer[];
  readonly digest: DigestAlgorithm;
  readonly padding: RsaPadding;
  readonly level: Level;
  readonly packaging: Packaging;
  /** Claimed signing time, UTC, ms since the epoch. */
  readonly signingTime: number;
  readonly reason?: string;
  readonly location?: string;
  readonly contact?: string;
  /** Password of an encrypted document; a Buffer that the caller zeroes. */
  readonly password?: Buffer;
  /** File name (UTF-8 or bytes) where the format records it. */
  readonly name?: Buffer;
}
