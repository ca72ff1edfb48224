/** What a test and the process inside the namespaces (main.ts) say to each other. */

/** How a card behaves; may be changed while it is in use. */
export interface CardSettings {
  pin: string;
  pinTries: number;
  /** ms of a signature */
  delayMs: number;
  /** Signatures of key 9A for each PIN entry. */
  maxSignatures?: number;
  /** Seconds of key 9A for each PIN entry. */
  maxSeconds?: number;
  /** Status word (hexadecimal) that every signature answers with. */
  failSign?: string;
}

export interface CardStatistics {
  /** PINs that were entered, right or wrong. */
  readonly verify: number;
  readonly sign: number;
  readonly commands: number;
  readonly triesLeft: number;
}

/** Private keys as PEM, certificates as base64 of DER. */
export interface CardDescription {
  readonly name: string;
  readonly keys: Readonly<Record<'9a' | '9c', { readonly privateKey: string; readonly certificate: string }>>;
  readonly settings: CardSettings;
}

export interface Setup {
  /** Where pcscd's socket and configuration are put. */
  readonly directory: string;
  readonly cards: readonly CardDescription[];
}

export type Order =
  | { readonly order: 'setup'; readonly setup: Setup }
  | { readonly order: 'insert' | 'remove'; readonly card: number }
  | { readonly order: 'set'; readonly card: number; readonly settings: Partial<CardSettings> }
  | { readonly order: 'statistics'; readonly card: number }
  /** SIGKILL. */
  | { readonly order: 'kill-pcscd' }
  /** Starts it, with the reader or without. */
  | { readonly order: 'start-pcscd'; readonly reader: boolean };

export type Request = Order & { readonly id: number };

export type Answer =
  | { readonly id: number; readonly ok: true; readonly statistics?: CardStatistics }
  | { readonly id: number; readonly ok: false; readonly error: string };
