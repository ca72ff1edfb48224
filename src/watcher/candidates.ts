import type { ErrorReport } from '../errors.ts';
import { displayName } from '../formats/names.ts';
import type { RootConfig } from '../model/config.ts';
import type { Candidate, ClaimResult } from './candidate.ts';
import { FairQueue } from './queue.ts';
import { RootWatch, type Listener, type WatchEffects } from './root-watch.ts';

/** How one root is doing; names are escaped for display. */
export interface RootState {
  readonly root: string;
  readonly mode?: 'events' | 'poll';
  /** Why it is polled although it should be watched. */
  readonly fallback?: string;
  /** Why it cannot be watched at all. */
  readonly problem?: ErrorReport;
  readonly directories: number;
  /** UTC ms; ms */
  readonly lastPass?: { readonly at: number; readonly took: number };
  /** Approved and not claimed yet, the first hundred, with what they wait for. */
  readonly waiting: readonly { readonly path: string; readonly approvedAt: number; readonly reason: string }[];
  /** All of those. */
  readonly approved: number;
  readonly nearMisses: readonly { readonly path: string; readonly message: string }[];
  readonly warnings: readonly string[];
}

const shownLimit = 100;

/**
 * Finds what is approved in all roots and hands it out, settled and complete, in fair order. Whoever takes a candidate claims it and reports
 * the result; until then it is not handed out again.
 */
export class Candidates {
  readonly #watches = new Map<string, RootWatch>();
  readonly #queue = new FairQueue<Candidate>();
  readonly #calls: (() => void)[] = [];

  constructor(fx: WatchEffects, roots: readonly RootConfig[]) {
    const listener: Listener = {
      ready: (candidate) => {
        this.#queue.add(candidate);
      },
      withdrawn: (candidate) => this.#queue.remove(candidate),
      changed: () => {
        for (const call of this.#calls) call();
      },
    };
    for (const root of roots) this.#watches.set(root.name, new RootWatch(fx, root, listener));
  }

  /** Resolves when every root was gone through once; a root that cannot be used is tried again and shows its problem. */
  async start(): Promise<void> {
    await Promise.all([...this.#watches.values()].map((watch) => watch.start()));
  }

  /** Calls when a candidate is ready, or something else changed. */
  onChange(call: () => void): void {
    this.#calls.push(call);
  }

  /** The next candidate of a root that may claim now. */
  take(mayClaim: (root: string) => boolean = () => true): Candidate | undefined {
    return this.#queue.take(mayClaim);
  }

  /** How the claim of a candidate ended. */
  settled(candidate: Candidate, result: ClaimResult): void {
    this.#watches.get(candidate.root)?.settled(candidate, result);
  }

  /** The claim could not even be tried (the database does not answer): it is looked at again. */
  giveBack(candidate: Candidate): void {
    this.#watches.get(candidate.root)?.giveBack(candidate);
  }

  /** Candidates that wait to be taken. */
  get ready(): number {
    return this.#queue.size;
  }

  /** Nothing more will be ready unless somebody does something: what `run --once` waits for. What is `ready` already does not count. */
  get idle(): boolean {
    return [...this.#watches.values()].every((watch) => !watch.settling);
  }

  /** Something approved is on its way to being ready by itself. */
  get settling(): boolean {
    return [...this.#watches.values()].some((watch) => watch.settling);
  }

  states(): RootState[] {
    return [...this.#watches.values()].map(stateOf);
  }

  /** Goes through all roots now: `run --once`, and an operator who does not want to wait. */
  async sweep(): Promise<void> {
    await Promise.all([...this.#watches.values()].map((watch) => watch.sweep()));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#watches.values()].map((watch) => watch.close()));
  }
}

function stateOf(watch: RootWatch): RootState {
  const { root, report, problem, sweptAt, warnings, pending } = watch;
  const waiting = [...pending.values()].slice(0, shownLimit).map(({ approved, approvedAt, reason, candidate }) => ({
    path: displayName(approved.relPath),
    approvedAt,
    reason: reason?.message ?? (candidate === undefined ? 'settling' : 'waits for its turn'),
  }));
  return {
    root: root.name,
    ...(problem === undefined ? {} : { problem: problem.toJSON() }),
    ...(report === undefined ? {} : { mode: report.mode }),
    ...(report?.fallback === undefined ? {} : { fallback: report.fallback }),
    ...(report === undefined || sweptAt === undefined ? {} : { lastPass: { at: sweptAt, took: report.took } }),
    directories: report?.directories ?? 0,
    waiting,
    approved: pending.size,
    nearMisses: (report?.nearMisses ?? []).map(({ relPath, message }) => ({ path: displayName(relPath), message })),
    warnings: [...warnings, ...(report?.unreadable ?? []).map((line) => `cannot be read: ${line}`)],
  };
}
