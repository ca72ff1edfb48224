import { SealError, asSealError } from '../errors.ts';
import { signChunk } from './chunk.ts';
import { stampDocuments } from './finishing.ts';
import { DocumentQueue } from './queue.ts';
import { newTurn } from './turn.ts';
import type { ChunkEffects, ChunkJob, ChunkResult } from './chunk.ts';
import type { SignedDocument } from './finishing.ts';
import type { Lane } from './lane.ts';
import type { SigningPool } from './pool.ts';
import type { Batch, BatchDocument } from '../model/batch.ts';
import type { Profile } from '../model/signature.ts';
import type { StepResult } from '../model/step.ts';
import type { TsaChoice } from '../pki/tsa-selection.ts';
import type { Path } from '../ports/files.ts';

export { claimSignatures } from './claiming.ts';
export type { ClaimJob } from './claiming.ts';
export { SigningPool } from './pool.ts';
export { mayUse, poolRules } from './rights.ts';
export type { SignedDocument } from './finishing.ts';
export type { PoolEffects } from './pool.ts';
export type { PoolView } from './pool-keys.ts';
export type { PoolRules } from './rights.ts';

export type SigningEffects = ChunkEffects & { readonly pool: SigningPool };

export interface SigningJob {
  readonly batch: Pick<Batch, 'id' | 'priority' | 'keys'> & { readonly root: string | undefined };
  readonly profile: Profile;
  /** The profile's authorities, in its order; for B-T and above. */
  readonly tsas: readonly TsaChoice[];
  /** The private copy of a document. */
  readonly spoolPath: (document: BatchDocument) => Path;
  /** For encrypted documents; stays the caller's, who zeroes it when the job has ended. */
  readonly password?: Buffer;
  readonly signal: AbortSignal;
  /** While signatures wait for a timestamp: why; undefined when it goes on. */
  readonly onWaiting?: (reason: SealError | undefined) => void;
}

/** How it ended, with what was done in this call. `wait` and `refused` as for every step of a batch. */
export type SigningResult = StepResult & { readonly signed: number; readonly failed: number };

/** Documents that are behind the key (timestamp, finish, record, verify): so many signatures wait in memory at most before the next are made. */
const mostBehind = 256;
/** Values that wait for a timestamp are read so many at a time. */
const valuesAtOnce = 64;

/**
 * Signs every document of an admitted batch that has no signature, on all keys the batch may use, several chunks at a time. Each chunk is recorded
 * before it is handed on; documents a key failed for go to another key. Signatures that an earlier run left without their timestamp come first, and no
 * key is called for them. Ends with `wait` when no key can sign for now: what was signed stays.
 * @param onChunk is given the documents of a chunk once their signatures are recorded, and awaited before too many more are begun
 * @throws what `onChunk` throws; SealError SEAL-STORE-*, SEAL-DISK-*; the signal's reason when it was aborted, after signatures in progress were
 *   recorded
 */
export async function signDocuments(
  fx: SigningEffects,
  job: SigningJob,
  onChunk: (documents: readonly SignedDocument[]) => Promise<void>,
): Promise<SigningResult> {
  return await new SigningRun(fx, job, onChunk).result();
}

class SigningRun {
  readonly #fx: SigningEffects;
  readonly #job: SigningJob;
  readonly #onChunk: (documents: readonly SignedDocument[]) => Promise<void>;
  readonly #queue: DocumentQueue;
  /** Chunks under way, each with its lane. */
  readonly #chunks = new Map<Promise<void>, Lane>();
  readonly #chunkJob: ChunkJob;
  /** Aborted from outside, or because a chunk failed for good. */
  readonly #stop = new AbortController();
  readonly #turn = newTurn();
  #signed = 0;
  #failed = 0;
  #error: unknown;
  #stampsWait = false;

  constructor(fx: SigningEffects, job: SigningJob, onChunk: (documents: readonly SignedDocument[]) => Promise<void>) {
    this.#fx = fx;
    this.#job = job;
    this.#onChunk = onChunk;
    this.#queue = new DocumentQueue(fx, job.batch.id);
    const signal = AbortSignal.any([job.signal, this.#stop.signal]);
    this.#chunkJob = {
      profile: job.profile,
      spoolPath: job.spoolPath,
      ...(job.password === undefined ? {} : { password: job.password }),
      signal,
      held: () => this.#stampsWait,
      stamps: {
        tsas: job.tsas,
        onFailure: job.profile.onTsaFailure,
        resting: fx.pool.tsaRests,
        signal,
        onWaiting: (reason) => {
          this.#stampsWait = reason !== undefined;
          job.onWaiting?.(reason);
        },
      },
    };
  }

  async result(): Promise<SigningResult> {
    await this.#goOn();
    const blocked = await this.#feed().catch((thrown: unknown) => asSealError(thrown));
    await Promise.all(this.#chunks.keys());
    if (this.#error !== undefined) throw asSealError(this.#error);
    this.#job.signal.throwIfAborted();
    const counts = { signed: this.#signed, failed: this.#failed };
    if (blocked === undefined) return { kind: 'done', ...counts };
    if (!isAboutKeys(blocked)) throw blocked;
    return blocked.retryable
      ? { kind: 'wait', reason: blocked.toJSON(), ...counts }
      : { kind: 'refused', error: blocked.toJSON(), ...counts };
  }

  /** Finishes what keys have signed already. */
  async #goOn(): Promise<void> {
    const { store } = this.#fx;
    const { signal } = this.#chunkJob;
    for (let afterSeq = -1; !signal.aborted;) {
      const documents = await store.documents(this.#job.batch.id, { state: 'stamping', afterSeq, limit: valuesAtOnce });
      const last = documents.at(-1);
      if (last === undefined) return;
      const values = new Map((await store.signatureValues(documents.map(({ id }) => id))).map(({ document, value }) => [document, value]));
      const valued = documents.flatMap((document) => {
        const value = values.get(document.id);
        return value === undefined ? [] : [{ document, value }];
      });
      await this.#count(await stampDocuments(this.#fx, this.#chunkJob, valued));
      afterSeq = last.seq;
    }
  }

  async #count({ signed, failed }: Pick<ChunkResult, 'signed' | 'failed'>): Promise<void> {
    this.#failed += failed;
    this.#signed += signed.length;
    if (signed.length > 0) await this.#onChunk(signed);
  }

  /** Starts chunks as long as there are documents and keys. @returns why it ended before all were done */
  async #feed(): Promise<SealError | undefined> {
    const { signal } = this.#chunkJob;
    let skipped: SealError | undefined;
    for (;;) {
      await this.#room();
      if (signal.aborted) return undefined;
      const wanted = await this.#queue.available();
      if (wanted === 0) {
        if (this.#chunks.size === 0) return skipped;
        await Promise.race(this.#chunks.keys());
        continue;
      }
      const lane = await this.#acquire(wanted);
      if (lane instanceof SealError) {
        // Documents that a stack names may stand behind those that none names.
        if (lane.code !== 'SEAL-KEY-STACK' || !this.#fx.pool.names(this.#job.batch.id) || !(await this.#queue.skip())) return lane;
        skipped = lane;
        continue;
      }
      this.#start(
        lane,
        this.#queue.take(lane.count, (document) => lane.permits(document)),
      );
    }
  }

  /** Waits while enough is behind the keys, and while signatures that are made wait for an authority: no further one is spent then. */
  async #room(): Promise<void> {
    while (!this.#chunkJob.signal.aborted && this.#chunks.size > 0 && (this.#stampsWait || this.#behind() >= mostBehind))
      await Promise.race(this.#chunks.keys());
  }

  #behind(): number {
    return [...this.#chunks.values()].reduce((sum, lane) => sum + (lane.ended ? lane.count : 0), 0);
  }

  async #acquire(wanted: number): Promise<Lane | SealError> {
    const { batch, profile } = this.#job;
    const { root, priority, keys } = batch;
    const algorithm = { digest: profile.digest, padding: profile.padding };
    try {
      const { avoid, atHand: documents } = this.#queue;
      const request = { root, priority, keys, algorithm, wanted, avoid, documents, turn: this.#turn };
      return await this.#fx.pool.acquire(request, this.#chunkJob.signal);
    } catch (thrown) {
      return asSealError(thrown);
    }
  }

  #start(lane: Lane, documents: readonly BatchDocument[]): void {
    const chunk = this.#work(lane, documents).catch((thrown: unknown) => {
      this.#error ??= thrown;
      this.#stop.abort(thrown);
    });
    const running = chunk.finally(() => this.#chunks.delete(running));
    this.#chunks.set(running, lane);
  }

  async #work(lane: Lane, documents: readonly BatchDocument[]): Promise<void> {
    let result: ChunkResult;
    try {
      result = await signChunk(this.#fx, this.#chunkJob, lane, documents);
    } finally {
      lane.release();
    }
    this.#queue.putBack(result.again, result.keyFailed ? lane.key.name : undefined);
    for (const { id } of result.signed) this.#queue.forget(id);
    await this.#count(result);
  }
}

function isAboutKeys(error: SealError): boolean {
  return error.code.startsWith('SEAL-KEY-') || error.code === 'SEAL-SIGN-BAD';
}
