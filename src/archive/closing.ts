import { timestampFailure, type Attempt } from './anchoring.ts';
import { anchorSealed, anchorTree, sealOpenTree, type ClosingEffects, type ClosingSettings } from './close.ts';
import { freezeToken } from './freeze.ts';
import { pauses, Retries } from './retries.ts';
import { closingOf, dayAt, whatIsDue } from './schedule.ts';
import { fileTrees } from './tile-keeping.ts';
import { asSealError, type ErrorReport, type SealError } from '../errors.ts';
import { inTurn } from '../model/in-turn.ts';
import type { Tree, TreeToken } from '../model/archive.ts';

/** A tree that waits for its timestamp. */
export interface LateTree {
  readonly tree: string;
  /** UTC ms. */
  readonly sealedAt: number;
  /** Undefined until the first attempt failed. */
  readonly error?: ErrorReport;
}

/** What closing by hand did. */
export interface CloseOutcome {
  /** The tree that was open; undefined when it held nothing. */
  readonly sealed?: Tree;
  readonly anchored: readonly TreeToken[];
  readonly late: readonly LateTree[];
}

/** Trees looked at for a missing second timestamp. */
const recentTrees = 32;
const beganKey = 'archive.began';

/**
 * Closes trees as the schedule says. `tick` is called each minute and after each batch: it computes from the database what is due and does
 * it; whatever fails is tried again later, with growing pauses, and stays visible in `late`. One at a time.
 */
export class Closing {
  readonly #fx: ClosingEffects;
  readonly #settings: ClosingSettings;
  readonly #resting = new Map<string, number>();
  readonly #retries: Retries;
  #anchorError: SealError | undefined;
  /** One piece of work at a time: renewals take turns with closing. */
  readonly inTurn = inTurn();

  constructor(fx: ClosingEffects, settings: ClosingSettings) {
    this.#fx = { ...fx, log: fx.log.child({ module: 'archive' }) };
    this.#settings = settings;
    this.#retries = new Retries(fx);
  }

  /** Does what is due. @throws only what is no failure of a timestamp authority (the database, a damaged tree) */
  tick(signal?: AbortSignal): Promise<void> {
    return this.inTurn(async () => {
      const due = whatIsDue(this.#settings.archive, await this.#state());
      if (due.seal !== undefined) await sealOpenTree(this.#fx, this.#settings, due.seal);
      await this.#recordDays(due.days);
      await this.#anchor(signal);
      await this.#secondTimestamps(signal);
      await this.#freeze(signal);
      await this.#fileTrees(signal);
    });
  }

  /** `archive close`: seals the open tree now and tries to anchor whatever is sealed, without regard to pauses. */
  close(actor: string, signal?: AbortSignal): Promise<CloseOutcome> {
    return this.inTurn(async () => {
      const sealed = await sealOpenTree(this.#fx, this.#settings, 'manual', actor);
      this.#retries.clear();
      this.#resting.clear();
      const anchored = await this.#anchor(signal);
      await this.#secondTimestamps(signal);
      return { ...(sealed === undefined ? {} : { sealed }), anchored, late: await this.late() };
    });
  }

  /** Trees without a timestamp, oldest first: what `status` is loud about. */
  async late(): Promise<LateTree[]> {
    const trees = await this.#fx.store.trees({ states: ['sealed'] });
    const error = this.#anchorError?.toJSON();
    return trees.map(({ id, sealedAt = 0 }) => ({ tree: id, sealedAt, ...(error === undefined ? {} : { error }) }));
  }

  /** UTC ms of the next daily closing, for `status`. */
  nextClosing(): number {
    const { archive } = this.#settings;
    return closingOf(dayAt(archive, this.#fx.clock.now()), archive);
  }

  async #state(): Promise<Parameters<typeof whatIsDue>[1]> {
    const { clock, store } = this.#fx;
    const lastDay = await store.lastDay();
    const [open] = await store.trees({ states: ['open'] });
    return {
      now: clock.now(),
      began: await this.#began(),
      ...(lastDay === undefined ? {} : { lastDay }),
      ...(open === undefined ? {} : { open }),
    };
  }

  /** When the archive was first run or got its first leaf; remembered, so that days without documents are recorded from then on. */
  async #began(): Promise<number> {
    const { clock, store } = this.#fx;
    const known = await store.meta(beganKey);
    if (known !== undefined) return Number(known);
    const [first] = await store.trees({ limit: 1 });
    const began = Math.min(clock.now(), first?.openedAt ?? Infinity);
    await store.setMeta(beganKey, String(began));
    return began;
  }

  /** Days end whether or not an authority answers; each is written with the trees that were opened in it. */
  async #recordDays(days: readonly string[]): Promise<void> {
    const [first] = days;
    if (first === undefined) return;
    const { clock, store } = this.#fx;
    const treesOf = new Map<string, string[]>();
    for await (const tree of this.#treesSince(first)) {
      const day = dayAt(this.#settings.archive, tree.openedAt);
      treesOf.set(day, [...(treesOf.get(day) ?? []), tree.id]);
    }
    for (const day of days) await store.recordDay(day, clock.now(), (treesOf.get(day) ?? []).reverse());
  }

  /** Closed trees, newest first, back to the first one that was opened before the day. */
  async *#treesSince(day: string): AsyncGenerator<Tree> {
    const { archive } = this.#settings;
    for (let limit = 64, seen = 0; ; limit *= 4) {
      const trees = await this.#fx.store.trees({ states: ['sealed', 'anchored'], newestFirst: true, limit });
      for (const tree of trees.slice(seen)) {
        if (dayAt(archive, tree.openedAt) < day) return;
        yield tree;
      }
      if (trees.length < limit) return;
      seen = trees.length;
    }
  }

  async #anchor(signal: AbortSignal | undefined): Promise<readonly TreeToken[]> {
    if (!this.#retries.mayTry('anchor')) return [];
    const { anchored, error } = await anchorSealed(this.#fx, this.#settings, this.#attempt(signal));
    this.#anchorError = error;
    if (error === undefined) this.#retries.succeeded('anchor');
    else {
      const failures = this.#retries.failed('anchor', pauses.anchor);
      const late = await this.late();
      this.#fx.log.error({ error: error.toJSON(), failures, trees: late.map(({ tree }) => tree) }, 'trees wait for a timestamp');
    }
    return anchored;
  }

  /** `timestamps: 2`: a second, independent one over the same root. The tree is proven already, so this one may take its time. */
  async #secondTimestamps(signal: AbortSignal | undefined): Promise<void> {
    if (this.#settings.archive.timestamps < 2 || !this.#retries.mayTry('second')) return;
    const { store, log } = this.#fx;
    try {
      for (const tree of (await store.trees({ states: ['anchored'], newestFirst: true, limit: recentTrees })).reverse())
        if ((await store.tokens(tree.id)).length === 1) await anchorTree(this.#fx, this.#settings, tree, 2, this.#attempt(signal));
      this.#retries.succeeded('second');
    } catch (thrown) {
      const error = timestampFailure(thrown, signal);
      this.#retries.failed('second', pauses.anchor);
      log.error({ error: error.toJSON() }, 'a tree lacks its second timestamp');
    }
  }

  /** After the grace period: revocation data later than genTime goes in, then the token never changes (evidence-records 15). */
  async #freeze(signal: AbortSignal | undefined): Promise<void> {
    const { clock, log, store } = this.#fx;
    for (const token of await store.unfrozenTokens()) {
      const key = `freeze ${token.tree} ${token.n}`;
      if (clock.now() < token.genTime + this.#settings.archive.revocationGrace || !this.#retries.mayTry(key)) continue;
      const missing = await freezeToken(this.#fx, this.#settings.trust, token, signal);
      if (missing.length === 0) this.#retries.succeeded(key);
      else {
        const failures = this.#retries.failed(key, pauses.freeze);
        log.warn({ tree: token.tree, n: token.n, missing, failures }, 'revocation data later than the timestamp is not there yet');
      }
    }
  }

  /** Large closed trees leave the database. The timestamp comes first: without room for the files the proof is there all the same. */
  async #fileTrees(signal: AbortSignal | undefined): Promise<void> {
    if (!this.#retries.mayTry('files')) return;
    try {
      await fileTrees(this.#fx, signal);
      this.#retries.succeeded('files');
    } catch (thrown) {
      signal?.throwIfAborted();
      const error = asSealError(thrown);
      const failures = this.#retries.failed('files', pauses.anchor);
      this.#fx.log.error({ error: error.toJSON(), failures }, 'hashes of a closed tree stay in the database');
    }
  }

  #attempt(signal: AbortSignal | undefined): Attempt {
    return { resting: this.#resting, ...(signal === undefined ? {} : { signal }) };
  }
}
