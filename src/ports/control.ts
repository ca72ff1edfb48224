import type { ErrorReport } from '../errors.ts';

/** A command for the daemon: the name of an operation and its arguments; a secret (a PIN) never travels inside it. */
export interface ControlRequest {
  readonly operation: string;
  readonly args: unknown;
  /** Who asks, for the audit log: the login name the client states. */
  readonly actor: string;
}

export interface Progress {
  readonly what: string;
  readonly done: number;
  /** Absent while unknown. */
  readonly total?: number;
}

export type ControlAnswer =
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'result'; readonly result: unknown }
  | { readonly kind: 'error'; readonly error: ErrorReport };

export type ControlHandler = (
  request: ControlRequest,
  secret: Buffer | undefined,
  progress: (progress: Progress) => void,
  signal: AbortSignal,
) => Promise<unknown>;

export interface ControlServer {
  close(): Promise<void>;
}
