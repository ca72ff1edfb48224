import { deserialize, serialize } from 'node:v8';
import type { Finished, FinishJob, Outcome, Prepared, PrepareJob, Verified, VerifyJob, VerifyOptions } from '../ports/documents.ts';

/** Jobs of one kind that go to a worker together. */
export type DocumentRequest =
  | { readonly op: 'prepare'; readonly jobs: readonly PrepareJob[] }
  | { readonly op: 'finish'; readonly jobs: readonly FinishJob[] }
  | { readonly op: 'verify'; readonly jobs: readonly VerifyJob[]; readonly options: VerifyOptions };

/** A request as it travels: what a thread trusts it keeps, so of the same trust only the time is sent again. CRLs may be megabytes. */
export type DocumentMessage =
  | Exclude<DocumentRequest, { readonly op: 'verify' }>
  | { readonly op: 'verify'; readonly jobs: readonly VerifyJob[]; readonly options: VerifyOptions | Pick<VerifyOptions, 'at'> };

export type DocumentResult = Prepared | Finished | Verified;
/** In the order of the jobs. */
export type DocumentAnswer = readonly Outcome<DocumentResult>[];

/** Cells of the memory that worker and pool share, so that a worker that hangs can be judged without its help. */
export const progressCells = {
  /** Index of the job that runs; -1 before the first. */
  job: 0,
  /** ms that this job may take beyond the common limit, for its size. */
  allowance: 1,
} as const;

/**
 * A message as bytes of its own, to be transferred. Not by structured cloning: that would copy the whole pool behind each small Buffer and
 * turn Buffers into Uint8Arrays.
 */
export function pack(message: DocumentMessage | DocumentAnswer): Uint8Array<ArrayBuffer> {
  const bytes = serialize(message);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Buffers in the result are views of `bytes`. */
export function unpackMessage(bytes: Uint8Array): DocumentMessage {
  // Only our own threads write into this port.
  return deserialize(bytes) as DocumentMessage;
}

/** @see unpackMessage */
export function unpackAnswer(bytes: Uint8Array): DocumentAnswer {
  return deserialize(bytes) as DocumentAnswer;
}
