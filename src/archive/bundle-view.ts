import type { KnownObject } from './bundle-page/walk.ts';
import type { ProofMaterial } from './bundle-material.ts';
import type { ProofStamp } from './bundle-stamps.ts';
import type { ProducedRecord } from './produced-record.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { Blob } from '../model/archive.ts';

/** An object that is proven. */
export interface ProofObject {
  readonly kind: 'document' | 'signature' | 'object';
  /** In the bundle, below `document/`; the name of the document without what other systems forbid. */
  readonly name: string;
  /** As it was archived, escaped for display. */
  readonly shown: string;
  /** Those that the records are made with, as far as they are known, and SHA-256. */
  readonly digests: ReadonlyMap<DigestAlgorithm, Buffer>;
  /** Absent: its bytes are not at hand, the reader has them. */
  readonly bytes?: { readonly size: number; readonly pieces: () => AsyncIterable<Uint8Array> };
}

/** What a proof bundle is made of. */
export interface Proof {
  /** Path of the document, escaped for display. */
  readonly title: string;
  readonly objects: readonly ProofObject[];
  /** One for each timestamp over the tree. */
  readonly records: readonly ProducedRecord[];
  readonly signature?: {
    readonly format: string;
    readonly level: string;
    /** As the certificate names the signer. */
    readonly signer?: string;
    /** UTC ms. */
    readonly signingTime: number;
  };
  /** Certificates and revocation data that were used when the batch was released. */
  readonly material: readonly Blob[];
  /** What gives the renewed proof. */
  readonly command: string;
}

/** A file of a bundle; its name is ASCII but for that of the document. */
export interface BundleFile {
  readonly name: string;
  readonly content: Buffer | (() => AsyncIterable<Uint8Array>);
  /** Bytes and SHA-256, where the content is not in memory. */
  readonly size: number;
  readonly sha256: Buffer;
}

/** Everything that README and page tell. */
export interface ProofView extends Proof {
  /** Of each record. */
  readonly stamps: readonly (readonly ProofStamp[])[];
  readonly anchors: ProofMaterial['anchors'];
  readonly evaluation: boolean;
  /** In the order of the bundle, without README and page. */
  readonly files: readonly BundleFile[];
}

export const recordFile = (n: number): string => (n === 1 ? 'evidence/record.ers' : `evidence/record-${n}.ers`);

/** Name of a timestamp's files, without suffix. */
export function stampName(position: number, n: number): string {
  return `timestamps/${n === 1 ? '' : `record-${n}-`}${position + 1}`;
}

/** The objects as README and page know them. */
export function knownObjects({ objects }: Pick<Proof, 'objects'>): KnownObject[] {
  return objects.map(({ name, digests }) => ({
    name,
    digests: Object.fromEntries([...digests].map(([algorithm, digest]) => [algorithm.slice('sha'.length), digest.toString('hex')])),
  }));
}

const formatNames: Readonly<Record<string, string>> = {
  cades: 'CAdES',
  pades: 'PAdES',
  xades: 'XAdES',
  jades: 'JAdES',
  'asic-e': 'ASiC-E',
  'asic-s': 'ASiC-S',
};

/** `CAdES B-T by CN=…`; undefined for what is not signed. */
export function signatureWords({ signature }: Pick<Proof, 'signature'>): string | undefined {
  if (signature === undefined) return undefined;
  const { format, level, signer, signingTime } = signature;
  const by = signer === undefined ? '' : ` by ${signer}`;
  return `${formatNames[format] ?? format} ${level}${by}; its own word for the time is ${readable(signingTime)}`;
}

/** `2026-11-22 18:00:00 UTC` */
export function readable(ms: number): string {
  return Number.isFinite(ms) ? new Date(ms).toISOString().replace(/T(.*)\..*/, ' $1 UTC') : 'no end is known';
}

/** The record that proves longest. */
export function longest({ records, stamps }: ProofView): {
  readonly since: number;
  readonly until: number;
  readonly stamps: readonly ProofStamp[];
  readonly n: number;
} {
  const best = records.reduce((at, { provesUntil }, n) => (provesUntil > (records[at]?.provesUntil ?? 0) ? n : at), 0);
  const record = records[best];
  return { since: record?.genTime ?? 0, until: record?.provesUntil ?? 0, stamps: stamps[best] ?? [], n: record?.n ?? 1 };
}
