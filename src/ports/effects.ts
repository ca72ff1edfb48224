import type { Clock } from './clock.ts';
import type { DocumentWork } from './documents.ts';
import type { Files } from './files.ts';
import type { Http } from './http.ts';
import type { Log } from './log.ts';
import type { Mail } from './mail.ts';
import type { Random } from './random.ts';
import type { Store } from './store.ts';
import type { KeySource } from './keys.ts';
import type { RevocationSource } from './revocation.ts';
import type { TimestampAuthority } from './tsa.ts';
import type { TreeWork } from './trees.ts';
import type { Watching } from './watching.ts';

/**
 * Everything that touches the world, passed as first argument. A function takes the narrowest `Pick<Effects, …>` of it.
 * Built by compose.ts; a test builds its own.
 */
export interface Effects {
  readonly clock: Clock;
  readonly documents: DocumentWork;
  readonly files: Files;
  readonly http: Http;
  readonly keys: readonly KeySource[];
  readonly log: Log;
  readonly mail: Mail;
  readonly random: Random;
  readonly revocation: RevocationSource;
  readonly store: Store;
  readonly trees: TreeWork;
  readonly watching: Watching;
  /** By name, as configured. */
  readonly tsas: ReadonlyMap<string, TimestampAuthority>;
}
