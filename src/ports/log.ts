export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error';

/** Parts of the product whose level can be set by itself; lines of the daemon's own life carry none. */
export const logModules = ['watcher', 'batch', 'signer', 'verify', 'archive', 'store', 'http'] as const;

export type LogModule = (typeof logModules)[number];

/** Effects whose log lines belong to a part of the product, with correlation ids where there are any. */
export function inModule<Fx extends { readonly log: Log }>(fx: Fx, module: LogModule, ids: object = {}): Fx {
  return { ...fx, log: fx.log.child({ module, ...ids }) };
}

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
