import type { Config, KeyConfig } from '../model/config.ts';
import type { Progress } from '../ports/control.ts';
import type { Effects } from '../ports/effects.ts';
import type { KeyManagement } from '../ports/key-management.ts';
import type { SecretReader } from '../ports/secrets.ts';

/** What every use case gets: the effects and the configuration they were built from. */
export interface App {
  readonly fx: Effects;
  readonly config: Config;
  readonly readSecret: SecretReader;
  /** For making a key and for its certificate. */
  readonly manageKey: (config: KeyConfig) => KeyManagement;
  readonly version: string;
}

/** How a use case was called. */
export interface Call {
  /** For the audit log. */
  readonly actor: string;
  readonly progress: (progress: Progress) => void;
  readonly signal: AbortSignal;
  /** A PIN; zeroed by whoever made the call when the use case has ended. */
  readonly secret?: Buffer;
}
