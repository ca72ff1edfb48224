import { endings, type Ending } from '../archive/due.ts';
import { catalogueVersion } from '../pki/catalogue.ts';
import type { Trust } from '../pki/trust.ts';
import type { Config } from '../model/config.ts';
import type { Effects } from '../ports/effects.ts';
import { isoTime } from './views.ts';

export interface DueView {
  /** `timestamps`: one new timestamp, no documents needed. `hash-tree`: a stronger digest, documents are read again. */
  readonly kind: Ending['kind'];
  readonly digest: Ending['digest'];
  /** Which of the independent records (`timestamps: 2`). */
  readonly record: number;
  /** `later`: not due yet. `due`: the time has come. `late`: ended, records of these chains prove nothing any more. */
  readonly state: 'later' | 'due' | 'late';
  /** UTC, ISO 8601. */
  readonly ends: string;
  /** From when on it is due: `archive.renewBefore` earlier. */
  readonly from: string;
  readonly reason: string;
  readonly chains: number;
  /** Names of the first and the last tree, or hash-tree renewal, that is concerned. */
  readonly first: string;
  readonly last: string;
  /** What to do. */
  readonly command: string;
}

export interface DueReport {
  /** Of the algorithm dates that were shipped; `own` counts the operator’s. */
  readonly catalogue: { readonly version: string; readonly own: number };
  /** Soonest first. */
  readonly endings: readonly DueView[];
  /** Renewals that wait for their timestamp. */
  readonly pending: readonly { readonly renewal: string; readonly kind: Ending['kind']; readonly since: string }[];
}

/** `archive due`: what must be renewed by when, and how. Reads only. */
export async function archiveDue(
  fx: Pick<Effects, 'clock' | 'store'>,
  trust: Trust,
  { archive, trust: { algorithms = [] } }: Pick<Config, 'archive' | 'trust'>,
): Promise<DueReport> {
  const now = fx.clock.now();
  const pending = await fx.store.renewals({ states: ['sealed'] });
  return {
    catalogue: { version: catalogueVersion, own: algorithms.length },
    endings: (await endings(fx, trust)).map((ending) => view(ending, archive.renewBefore, now)),
    pending: pending.map(({ id, kind, sealedAt = now }) => ({ renewal: id, kind, since: isoTime(sealedAt) })),
  };
}

/** What is due, or late, by now. */
export async function dueNow(
  fx: Pick<Effects, 'clock' | 'store'>,
  trust: Trust,
  config: Pick<Config, 'archive' | 'trust'>,
): Promise<readonly DueView[]> {
  return (await archiveDue(fx, trust, config)).endings.filter(({ state }) => state !== 'later');
}

function view({ kind, digest, n, ends, reason, chains, first, last }: Ending, renewBefore: number, now: number): DueView {
  const from = ends - renewBefore;
  return {
    kind,
    digest,
    record: n,
    state: now >= ends ? 'late' : now >= from ? 'due' : 'later',
    ends: isoTime(ends),
    from: isoTime(from),
    reason,
    chains,
    first,
    last,
    command:
      kind === 'timestamps'
        ? 'sealtree archive renew --timestamps'
        : `sealtree archive renew --rehash ${digest === 'sha256' ? 'sha384' : 'sha512'} --documents DIR`,
  };
}

/** One sentence for `status` and the log, with what to do; none while nothing is due. */
export function dueSentence(due: DueView): string[] {
  return due.state === 'later' ? [] : [`${dueMessage(due)} (${due.command})`];
}

/** What is due, or late, and why. */
export function dueMessage({ kind, state, ends, reason, chains, first, last }: DueView): string {
  const trees = chains === 1 ? `tree ${first}` : `${chains} trees (${first} to ${last})`;
  const what = kind === 'timestamps' ? 'the timestamps' : 'the hash trees';
  const when = state === 'due' ? `must be renewed before ${ends.slice(0, 10)}` : `should have been renewed before ${ends.slice(0, 10)}`;
  return `${what} of ${trees} ${when}: ${reason}`;
}
