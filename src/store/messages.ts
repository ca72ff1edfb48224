import { deserialize, serialize } from 'node:v8';
import type { ErrorReport } from '../errors.ts';
import type { Methods } from './methods.ts';

/** How the worker opens the database. */
export interface WorkerOptions {
  readonly file: string;
  readonly readOnly: boolean;
}

/** A call; `bytes` are packed arguments. `close` has none. */
export interface CallMessage {
  readonly call: number;
  readonly method: keyof Methods | 'close';
  /** UTC ms of the caller's clock. */
  readonly now: number;
  readonly bytes: Uint8Array;
}

/** The answer to a call; call 0 is the opening. `raw`: the result is these bytes themselves. */
export type AnswerMessage =
  | { readonly call: number; readonly kind: 'packed' | 'raw'; readonly bytes: Uint8Array }
  | { readonly call: number; readonly kind: 'error'; readonly error: ErrorReport };

/**
 * A value for the other thread, to be transferred. Only the bytes that a Buffer shows go along: a plain structured clone copies the whole
 * memory behind it, which may be a document of 10 MB behind a signature of 2 kB.
 */
export function pack(value: unknown): Uint8Array<ArrayBuffer> {
  return serialize(value);
}

/** The value again; its Buffers are views of `bytes`. */
export function unpack(bytes: Uint8Array): unknown {
  return deserialize(bytes);
}
