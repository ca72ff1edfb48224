import type { PoolView } from '../signer/sign.ts';
import type { LastCheck } from './check-watch.ts';
import type { TsaCertificate } from './certificate-ends.ts';
import type { DiskStatus } from './disks.ts';
import type { TsaProbe } from './probe.ts';
import type { FailedBatch, WaitingGroup } from './status-batches.ts';
import type { DueView } from './archive-due.ts';
import type { KeyView } from './keys.ts';
import type { ChannelProblem } from './notify/problem.ts';

export interface RootStatus {
  readonly name: string;
  readonly path: string;
  readonly running: number;
  readonly waiting: number;
  /** Why no batch is claimed now. */
  readonly paused?: string;
  /** UTC, ISO 8601: since when the oldest of those has been approved. */
  readonly oldestApproved?: string;
  /** Approved batches that are not claimed yet: settling, waiting for files, or behind others. */
  readonly settling: readonly string[];
  /** Names that look as if they were meant as a semaphore. */
  readonly nearMisses: readonly string[];
  /** Files that came after their batch was claimed, directories that cannot be read … */
  readonly warnings: readonly string[];
}

export interface StatusReport {
  readonly version: string;
  readonly config: string;
  readonly evaluation: boolean;
  readonly daemon?: { readonly pid: number; readonly since: string };
  readonly roots: readonly RootStatus[];
  readonly waiting: readonly { readonly batch: string; readonly root: string; readonly reason: string; readonly since: string }[];
  /** The same, by what they wait for. */
  readonly blocked: readonly WaitingGroup[];
  /** Newest first, 20 at most. */
  readonly failed: readonly FailedBatch[];
  readonly keys: readonly KeyView[];
  readonly tsas: readonly {
    readonly name: string;
    /** In the period of the quota; without one in this local day. */
    readonly used: number;
    readonly quota?: number;
    readonly per: 'day' | 'month' | 'year';
    /** It signed its last timestamp with this. */
    readonly certificate?: TsaCertificate;
  }[];
  /** With `--probe`: how the authorities answered just now. */
  readonly probe?: readonly TsaProbe[];
  readonly archive: {
    readonly open?: { readonly id: string; readonly leaves: number };
    readonly sealed: readonly { readonly id: string; readonly since: string }[];
    readonly lastAnchored?: { readonly id: string; readonly at: string };
    readonly nextClosing: string;
    /** What must be renewed now, soonest first. */
    readonly due: readonly DueView[];
    /** How the daemon’s last check of the archive ended (`archive.check`). */
    readonly checked?: LastCheck;
  };
  readonly disks: readonly DiskStatus[];
  /** Channels on which no notification arrives. */
  readonly notify: readonly (Omit<ChannelProblem, 'since'> & { /** UTC, ISO 8601. */ readonly since: string })[];
  /** What a person should do now, one sentence each. */
  readonly attention: readonly string[];
}

/** What only the daemon knows. */
export interface LiveStatus {
  readonly notify?: readonly ChannelProblem[];
  /** What must be renewed now, soonest first; looked at once an hour. */
  readonly due?: readonly DueView[];
  readonly pool?: readonly PoolView[];
  readonly daemon?: { readonly pid: number; readonly since: number };
  readonly roots: readonly RootStatus[];
}
