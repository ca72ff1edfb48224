export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error';

/** Structured log. Fields named pin, passphrase, password, secret or token are never written. */
export interface Log {
  trace(fields: object, message: string): void;
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** A log whose lines carry these fields too (`module`, `batch`, `document`…): the correlation ids. */
  child(fields: object): Log;
}
