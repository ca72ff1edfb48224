import type { OutputPart } from './bytes.ts';
import type { Path } from './files.ts';
import type { PreparedSignature } from './format.ts';
import type { ErrorReport } from '../errors.ts';
import type { AlgorithmRule, DigestAlgorithm } from '../model/algorithms.ts';
import type { FormatName, SignParameters } from '../model/signature.ts';
import type { FileReport } from '../model/verification.ts';
import type { RevocationData } from './revocation.ts';

export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: ErrorReport };

export interface PrepareJob {
  /** Private copy in the spool. */
  readonly path: Path;
  /** Known from the spool: spares detached formats reading the file again. */
  readonly digests: readonly (readonly [DigestAlgorithm, Buffer])[];
  readonly format: FormatName | 'auto';
  readonly parameters: SignParameters;
  /** The file is read once more: it must have the SHA-256 of `digests`, else SEAL-DISK-IO. */
  readonly unchanged?: boolean;
}

export interface Prepared {
  readonly format: FormatName;
  readonly signature: PreparedSignature;
}

export interface FinishJob {
  readonly path: Path;
  readonly prepared: Prepared;
  readonly signatureValue: Buffer;
  /** DER TimeStampToken over the signature value. */
  readonly signatureTimestamp?: Buffer;
}

export interface Finished {
  readonly parts: readonly OutputPart[];
}

export interface VerifyOptions {
  /** DER certificates. */
  readonly anchors: readonly Buffer[];
  readonly certificates: readonly Buffer[];
  readonly revocation: RevocationData;
  /** UTC ms. */
  readonly at: number;
  /** 'require' makes missing revocation data INDETERMINATE; 'soft-fail' warns; 'none' does not ask. */
  readonly revocationMode: 'require' | 'soft-fail' | 'none';
  /** End dates of algorithms that replace the shipped ones about the same subject. */
  readonly algorithms?: readonly AlgorithmRule[];
  /** Hashes, order and signatures only: no anchors wanted. */
  readonly structureOnly?: boolean;
}

export interface VerifyJob {
  /** Name in the report. */
  readonly name: string;
  /** The signed file: a file, or an output that is not assembled yet. */
  readonly file: Path | { readonly input: Path; readonly parts: readonly OutputPart[] };
  /** Documents of a detached signature or an evidence record. */
  readonly detached: readonly Path[];
  readonly digests: readonly { readonly algorithm: DigestAlgorithm; readonly value: Buffer }[];
  readonly evidence: readonly Path[];
  /** Digests of the file itself that the report shall carry. */
  readonly fileDigests?: readonly DigestAlgorithm[];
  /** Of an encrypted document; a Buffer that the caller zeroes. */
  readonly password?: Buffer;
}

export interface Verified {
  readonly report: FileReport;
  /**
   * Certificates (DER) whose revocation status stayed open for want of data, each with its issuer (DER): signers, timestamp authorities,
   * their CAs. The caller asks its RevocationSource for them and verifies once more: a worker has no network.
   */
  readonly wanted: readonly { readonly certificate: Buffer; readonly issuer: Buffer }[];
}

/**
 * Work on the bytes of documents, in worker threads that are killed when one takes too long: documents are hostile.
 * A failing document is an outcome, never a rejection; order of the answers is that of the jobs.
 */
export interface DocumentWork {
  prepare(jobs: readonly PrepareJob[]): Promise<Outcome<Prepared>[]>;
  finish(jobs: readonly FinishJob[]): Promise<Outcome<Finished>[]>;
  verify(jobs: readonly VerifyJob[], options: VerifyOptions): Promise<Outcome<Verified>[]>;
  close(): Promise<void>;
}
