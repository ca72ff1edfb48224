import { asSealError, type SealError } from '../errors.ts';
import { displayName } from '../formats/names.ts';
import type { RootConfig } from '../model/config.ts';
import type { Timer } from '../ports/clock.ts';
import type { Effects } from '../ports/effects.ts';
import type { ApprovedDirectory, SweepReport, TreeWatch } from '../ports/watching.ts';
import type { Candidate, ClaimResult } from './candidate.ts';
import { LateArrivals } from './late-arrivals.ts';
import { pauseAfter, settleTime } from './pace.ts';
import { lookAt, newPending, toCandidate, type Pending } from './pending.ts';
import { liesBelow, rulesOf } from './rules.ts';

export type WatchEffects = Pick<Effects, 'clock' | 'files' | 'log' | 'watching'>;

/** What the candidates of all roots are told. */
export interface Listener {
  ready(candidate: Candidate): void;
  /** No longer ready: gone, or no longer approved. False when it was taken already. */
  withdrawn(candidate: Candidate): boolean;
  /** Something else that `status` or `idle` show. */
  changed(): void;
}

const longestRefusal = 300_000;
const warningLimit = 20;
/** ms between two looks for what is due. */
const beat = 100;
/** Looks after which a batch that still changes is no longer waited for by `run --once`. */
const patience = 5;

/** One root: its tree is watched, what is approved in it settles and becomes a candidate. */
export class RootWatch {
  readonly root: RootConfig;
  readonly pending = new Map<string, Pending>();
  readonly warnings: string[] = [];
  readonly #fx: WatchEffects;
  readonly #listener: Listener;
  readonly #stop = new AbortController();
  readonly #late: LateArrivals;
  #timer: Timer | undefined;
  #watch: TreeWatch | undefined;
  #report: SweepReport | undefined;
  #problem: SealError | undefined;
  #sweptAt: number | undefined;
  #sweeping: Promise<void> | undefined;
  #looking = 0;
  #loop: Promise<void> = Promise.resolve();

  constructor(fx: WatchEffects, root: RootConfig, listener: Listener) {
    this.#fx = { ...fx, log: fx.log.child({ module: 'watcher', root: root.name }) };
    this.root = root;
    this.#late = new LateArrivals(root.incoming);
    this.#listener = listener;
  }

  /** The first pass, then one after the other until `close`. Resolves after the first; a root that cannot be used is tried again. */
  async start(): Promise<void> {
    // A beat of its own: a root whose file server hangs keeps no other waiting.
    this.#timer = this.#fx.clock.every(beat, () => this.#tick());
    await this.sweep();
    this.#loop = this.#sweepOn();
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error('the watcher is closed'));
    this.#timer?.cancel();
    await this.#loop;
    await this.#watch?.close().catch(() => undefined);
  }

  get report(): SweepReport | undefined {
    return this.#report;
  }

  /** Why the root cannot be watched now. */
  get problem(): SealError | undefined {
    return this.#problem;
  }

  /** UTC ms of the last complete pass. */
  get sweptAt(): number | undefined {
    return this.#sweptAt;
  }

  /** Whether anything here may still become a candidate by itself: what was looked at twice and waits for somebody does not count. */
  get settling(): boolean {
    if (this.#looking > 0) return true;
    for (const { candidate, looks, reason } of this.pending.values())
      if (candidate === undefined && (looks < 2 || (reason === undefined && looks < patience))) return true;
    return false;
  }

  /** One pass; its outcome is remembered. Whoever asks while one is under way gets that one. */
  async sweep(): Promise<void> {
    this.#sweeping ??= this.#sweepOnce().finally(() => {
      this.#sweeping = undefined;
    });
    await this.#sweeping;
  }

  async #sweepOnce(): Promise<void> {
    try {
      const report = await this.#pass();
      if (report.fallback !== undefined && this.#report?.fallback !== report.fallback)
        this.#fx.log.warn({ fallback: report.fallback }, 'the root is polled instead of watched');
      this.#report = report;
      this.#sweptAt = this.#fx.clock.now();
      if (this.#problem !== undefined) this.#fx.log.info({}, 'the root can be used again');
      this.#problem = undefined;
      this.#compare(report.approved);
      await this.#warnOfLateArrivals();
    } catch (thrown) {
      const problem = asSealError(thrown);
      if (this.#problem?.message !== problem.message) this.#fx.log.warn({ error: problem.toJSON() }, 'the root cannot be watched');
      this.#problem = problem;
    }
    this.#listener.changed();
  }

  /** Looks at what is due. */
  async #tick(): Promise<void> {
    const now = this.#fx.clock.monotonic();
    for (const pending of [...this.pending.values()]) {
      if (pending.candidate !== undefined || pending.due > now || this.#stop.signal.aborted) continue;
      await this.#look(pending);
    }
  }

  /** How the claim of a candidate of this root ended. */
  settled(candidate: Candidate, result: ClaimResult): void {
    const key = candidate.relPath.toString('latin1');
    if (result.kind === 'refused') {
      const now = this.#fx.clock.monotonic();
      // A pass may have dropped it meanwhile; its row is there all the same and must come to an end.
      const pending = this.pending.get(key) ?? newPending(candidate, candidate.approvedAt, now);
      this.pending.set(key, pending);
      pending.candidate = undefined;
      pending.batch = result.batch;
      pending.reason = result.error;
      // Longer each time: a file may stay open for hours.
      pending.due = now + Math.min(longestRefusal, settleTime(this.root, this.#report) * 2 ** Math.min(pending.looks, 10));
    } else this.pending.delete(key);
    if (result.kind === 'claimed') this.#late.remember(key, this.#fx.clock.monotonic());
    this.#listener.changed();
  }

  /** A candidate that was handed out and not claimed: it is looked at again. */
  giveBack(candidate: Candidate): void {
    const pending = this.pending.get(candidate.relPath.toString('latin1'));
    if (pending === undefined) return;
    pending.candidate = undefined;
    pending.due = this.#fx.clock.monotonic();
  }

  async #pass(): Promise<SweepReport> {
    if (this.#watch !== undefined) return await this.#watch.sweep();
    const { name, incoming, approval, watch } = this.root;
    const tree = { name, incoming, approval: approval.mode, semaphore: approval.name, watch };
    const opened = await this.#fx.watching.open(tree, (approved) => {
      this.#hint(approved);
    });
    this.#watch = opened.watch;
    return opened.first;
  }

  async #sweepOn(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await this.#fx.clock.sleep(pauseAfter(this.#report, this.root.sweep), this.#stop.signal);
      } catch {
        return;
      }
      await this.sweep();
    }
  }

  #hint(approved: ApprovedDirectory): void {
    if (this.#stop.signal.aborted) return;
    // What was approved below it belongs to it now.
    for (const [key, inner] of this.pending) if (liesBelow(inner.approved.relPath, approved.relPath)) this.#drop(key, inner);
    this.#meet(approved);
    this.#listener.changed();
  }

  #meet(approved: ApprovedDirectory): void {
    const key = approved.relPath.toString('latin1');
    const known = this.pending.get(key);
    if (known?.approved.semaphore.equals(approved.semaphore) === true) return;
    if (known !== undefined) this.#drop(key, known);
    this.pending.set(key, newPending(approved, this.#fx.clock.now(), this.#fx.clock.monotonic()));
  }

  /** The pass is the truth: what it does not show is gone. */
  #compare(approved: readonly ApprovedDirectory[]): void {
    const present = new Set(approved.map(({ relPath }) => relPath.toString('latin1')));
    for (const [key, pending] of this.pending) if (!present.has(key)) this.#drop(key, pending);
    for (const one of approved) this.#meet(one);
  }

  #drop(key: string, pending: Pending): void {
    // One that was taken reports how its claim ended.
    const taken = pending.candidate !== undefined && !this.#listener.withdrawn(pending.candidate);
    if (taken) return;
    pending.candidate = undefined;
    pending.due = this.#fx.clock.monotonic();
    if (pending.batch === undefined) this.pending.delete(key);
  }

  async #look(pending: Pending): Promise<void> {
    const key = pending.approved.relPath.toString('latin1');
    this.#looking++;
    try {
      const look = await lookAt(this.#fx, this.root, rulesOf(this.root), pending, settleTime(this.root, this.#report));
      if (this.pending.get(key) !== pending) return;
      if (look.kind === 'again') pending.due = this.#fx.clock.monotonic() + look.ms;
      else if (look.kind === 'gone' && pending.batch === undefined) this.pending.delete(key);
      else {
        // Gone after a refused claim: claiming once more ends its row.
        pending.candidate = look.kind === 'ready' ? look.candidate : toCandidate(this.root, pending);
        this.#listener.ready(pending.candidate);
      }
    } catch (thrown) {
      pending.reason = asSealError(thrown);
      pending.due = this.#fx.clock.monotonic() + settleTime(this.root, this.#report);
      this.#fx.log.warn(
        { path: displayName(pending.approved.relPath), error: pending.reason.toJSON() },
        'an approved directory cannot be looked at',
      );
    } finally {
      this.#looking--;
      this.#listener.changed();
    }
  }

  async #warnOfLateArrivals(): Promise<void> {
    const paths = await this.#late.find(this.#fx, this.#fx.clock.monotonic(), (key) => this.pending.has(key));
    for (const path of paths) {
      const message = `${path}: something arrived at the path of a batch that was claimed already; it is no part of it`;
      this.#fx.log.warn({ path }, message);
      this.warnings.push(message);
      if (this.warnings.length > warningLimit) this.warnings.shift();
    }
  }
}
