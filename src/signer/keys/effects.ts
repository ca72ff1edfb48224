import type { Effects } from '../../ports/effects.ts';
import type { SecretReader } from '../../ports/secrets.ts';

/** What key sources need of the world. */
export type KeyEffects = Pick<Effects, 'clock' | 'files' | 'log' | 'store'> & {
  readonly readSecret: SecretReader;
  /** Private directory for what card processes are given (generated driver configuration); made on demand. Absolute. */
  readonly runDir: string;
};
