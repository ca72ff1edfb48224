import type { Effects } from '../../ports/effects.ts';
import type { Files } from '../../ports/files.ts';
import type { SecretReader } from '../../ports/secrets.ts';
import type { Store } from '../../ports/store.ts';

/** What key sources need of the world. */
export type KeyEffects = Pick<Effects, 'clock' | 'log'> & {
  readonly files: Pick<Files, 'read' | 'stat' | 'makeDirectory' | 'writeDurable'>;
  readonly store: Pick<Store, 'meta' | 'setMeta'>;
  readonly readSecret: SecretReader;
  /** Private directory for what card processes are given (generated driver configuration); made on demand. Absolute. */
  readonly runDir: string;
  /** This process is a daemon: activated cards stay behind when it ends, for `keepAlive`. */
  readonly outlive: boolean;
};

/** What making keys and storing certificates needs besides. */
export type ManagementEffects = Pick<Effects, 'clock' | 'log' | 'random'> &
  Pick<KeyEffects, 'readSecret' | 'runDir'> & {
    readonly files: Pick<Files, 'read' | 'stat' | 'makeDirectory' | 'writeDurable' | 'claimDurable'>;
  };
