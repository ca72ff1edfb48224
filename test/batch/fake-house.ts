import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Runner, type RunnerOptions, type Stages } from '../../src/batch/runner.ts';
import type { Step } from '../../src/batch/states.ts';
import { SealError, type ErrorReport } from '../../src/errors.ts';
import type { Batch, BatchState } from '../../src/model/batch.ts';
import { done, type StepResult } from '../../src/model/step.ts';
import type { Store } from '../../src/ports/store.ts';
import { newBatch, newDocument } from '../suites/store-samples.ts';
import { ManualClock } from '../support/clock.ts';
import { CollectingLog } from '../support/log.ts';
import { temporaryStore } from '../support/store.ts';

/** What a fake stage does instead of its work. */
export type Act = (batch: Batch, signal: AbortSignal) => StepResult | Promise<StepResult>;

const tree = { date: '2026-11-22', at: 5_000, digest: 'sha256', layout: 1 } as const;

/** Stages that do nothing but what is asked of them, on a real store; every call is remembered with the state that was written before it. */
export class FakeHouse {
  readonly clock = new ManualClock();
  readonly log = new CollectingLog();
  store: Store;
  /** `step batch (state as written)`, in order. */
  readonly calls: string[] = [];
  /** Taken out and used once each, first to last; then the step succeeds. */
  readonly acts: Partial<Record<Step, Act[]>> = {};

  private constructor(store: Store) {
    this.store = store;
  }

  static async open(t: TestContext): Promise<FakeHouse> {
    const clock = new ManualClock();
    const house = new FakeHouse(await temporaryStore(t, clock));
    return Object.assign(house, { clock });
  }

  /** A runner that is stopped with the test: a new process, as far as the batch is concerned. */
  runner(t: TestContext, options: Partial<RunnerOptions> = {}): Runner {
    const fx = { clock: this.clock, log: this.log, store: this.store };
    const runner = new Runner(fx, this.#stages(), { perRoot: 32, copying: 4, maxWait: () => undefined, dropParts: false, ...options });
    t.after(async () => {
      await runner.stop();
    });
    return runner;
  }

  /** @param acts what a step does, one call after the other */
  plan(step: Step, ...acts: readonly Act[]): void {
    (this.acts[step] ??= []).push(...acts);
  }

  #stages(): Stages {
    const stage =
      (step: Step, succeed: (batch: Batch) => Promise<StepResult>) =>
      async (batch: Batch, signal: AbortSignal): Promise<StepResult> => {
        const written = await this.store.batch(batch.id);
        this.calls.push(`${step} ${batch.id} (${written?.state ?? 'gone'})`);
        const act = this.acts[step]?.shift();
        const result = act === undefined ? done : await act(batch, signal);
        return result.kind === 'done' ? await succeed(batch) : result;
      };
    const nothing = async (): Promise<StepResult> => await Promise.resolve(done);
    return {
      resumeClaim: stage('resumeClaim', nothing),
      spool: stage('spool', async ({ id }) => {
        await this.store.recordSpooled(id, [newDocument(0), newDocument(1)]);
        return done;
      }),
      admit: stage('admit', nothing),
      sign: stage('sign', nothing),
      append: stage('append', async ({ id }) => {
        await this.store.appendLeaves({ tree, leaves: [], blobs: [], batch: id });
        return done;
      }),
      stage: stage('stage', nothing),
      release: stage('release', nothing),
      file: stage('file', nothing),
      fail: stage('fail', nothing),
    };
  }

  async create(id: string, state: BatchState = 'claiming', root = 'pdf'): Promise<Batch> {
    await this.store.createBatch(newBatch(id, { root, state, claimedAt: this.clock.now() }));
    return await this.batch(id);
  }

  async batch(id: string): Promise<Batch> {
    const batch = await this.store.batch(id);
    if (batch === undefined) throw new Error(`no batch ${id}`);
    return batch;
  }

  /** Until a batch is in a state, or stands for a reason. The clock stands still. */
  async until(holds: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await holds())) await sleep(2);
  }

  async reaches(id: string, state: BatchState): Promise<Batch> {
    await this.until(async () => (await this.batch(id)).state === state);
    return await this.batch(id);
  }

  /** Until it sleeps for a reason with this code. */
  async waits(runner: Runner, id: string, code: string): Promise<Batch> {
    for (;;) {
      const batch = await this.batch(id);
      if (batch.waiting?.code === code && runner.counts().waiting > 0) return batch;
      await sleep(2);
    }
  }
}

export function report(code: ConstructorParameters<typeof SealError>[0], message = 'a test did this'): ErrorReport {
  return new SealError(code, message, { hint: 'wait for the test' }).toJSON();
}

export const wait =
  (code: ErrorReport['code'], message?: string): Act =>
  () => ({ kind: 'wait', reason: report(code, message) });

export const refuse =
  (code: ErrorReport['code']): Act =>
  () => ({ kind: 'refused', error: report(code) });

export const fault =
  (thrown: Error): Act =>
  () => {
    throw thrown;
  };
