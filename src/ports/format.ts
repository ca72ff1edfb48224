import type { ByteSource, OutputPart } from './bytes.ts';
import type { FormatName, Level, Packaging, SignParameters } from '../model/signature.ts';

/** A signature that only lacks its value. Structured-clonable: it may be made in a worker. */
export interface PreparedSignature {
  /** The bytes whose digest the key signs (for CMS: the DER of the signed attributes with tag SET OF). Small. */
  readonly toBeSigned: Buffer;
  /** The format's own state; opaque to everyone else. Plain data and Buffers only. */
  readonly state: unknown;
}

/**
 * One signature format. Pure: bytes in, bytes out; knows no key, no clock and no file.
 * MUST leave the input bytes as they are; MUST refuse in `prepare`, before any key is used, what cannot be signed
 * (`SEAL-DOC-*` with a hint), including a result that would not fit its place.
 */
export interface SignatureFormat {
  readonly name: FormatName;
  readonly levels: readonly Level[];
  /** First one is the default. */
  readonly packagings: readonly Packaging[];
  /** Name of the output file, bytes in, bytes out (no directory part). */
  outputName(name: Buffer, packaging: Packaging): Buffer;
  /** Whether the bytes look like something this format can sign; reads only the head and the tail. */
  accepts(source: ByteSource): boolean;
  prepare(source: ByteSource, parameters: SignParameters): PreparedSignature;
  /**
   * Puts the signature value (DER for ECDSA) in its place.
   * @param signatureTimestamp DER TimeStampToken over the signature value, for B-T.
   * @returns the parts of the output file in order; ranges refer to the input document.
   */
  finish(prepared: PreparedSignature, signatureValue: Buffer, signatureTimestamp?: Buffer): OutputPart[];
}
