import { SealError, asSealError } from '../errors.ts';
import { sha256 } from '../formats/digests.ts';
import { displayName } from '../formats/names.ts';
import { finishDocuments, recordDurably, signedDocuments, stampDocuments } from './finishing.ts';
import { maybeSpent } from './lane.ts';
import { signParameters } from './parameters.ts';
import type { FinishingEffects, FinishingJob, SignedDocument, ValuedDocument } from './finishing.ts';
import type { Lane } from './lane.ts';
import { requestOf, type BatchDocument, type SigningIntent } from '../model/batch.ts';
import type { Prepared } from '../ports/documents.ts';
import type { Effects } from '../ports/effects.ts';
import type { SigningOutcome } from '../ports/batch-store.ts';

export type ChunkEffects = FinishingEffects;

export interface ChunkJob extends FinishingJob {
  readonly password?: Buffer;
  readonly signal: AbortSignal;
  /** Asked when the key has become free: whether signatures that are made wait for an authority, so that no further one is to be spent. */
  readonly held: () => boolean;
}

export interface ChunkResult {
  readonly signed: readonly SignedDocument[];
  /** Back to the queue. */
  readonly again: readonly BatchDocument[];
  readonly failed: number;
  /** A key failed for what is in `again`. */
  readonly keyFailed: boolean;
}

interface Ready {
  readonly document: BatchDocument;
  readonly prepared: Prepared;
}

interface Intended extends Ready {
  readonly intent: SigningIntent;
}

interface Valued extends ValuedDocument {
  readonly intent: SigningIntent;
}

/**
 * Some documents on one lane: prepare → wait for the key → intents, committed → signatures, each verified at once → values, recorded → timestamps →
 * finish → outcomes. The key is free again after its signatures. Without timestamps the outcome follows at once, and the values are not recorded for
 * themselves. Documents that cannot be prepared fail; those of a key that fails go back, and those that are held when their key has become free.
 * @throws SealError SEAL-STORE-*, SEAL-DISK-* when the database does not take it
 */
export async function signChunk(fx: ChunkEffects, job: ChunkJob, lane: Lane, documents: readonly BatchDocument[]): Promise<ChunkResult> {
  const signingTime = fx.clock.now();
  let valued: Valued[];
  const outcomes: SigningOutcome[] = [];
  let failed: number;
  try {
    const { ready, broken } = await prepare(fx, job, lane, documents, signingTime);
    failed = broken;
    lane.trim(ready.length);
    const rest = ready.map(({ document }) => document);
    if (ready.length === 0 || !(await lane.ready(job.signal)) || job.held()) return { signed: [], again: rest, failed, keyFailed: false };
    if (!(await attended(lane, ready, job.signal))) return { signed: [], again: rest, failed, keyFailed: true };
    const ids = rest.map(({ id }) => id);
    const intents = await lane.intend(ids, signingTime);
    valued = await callKey(lane, job.signal, pair(ready, intents), signingTime, outcomes);
  } finally {
    lane.release();
  }
  const back = new Set(outcomes.map(({ document }) => document));
  const again = documents.filter(({ id }) => back.has(id));
  const record = job.profile.level === 'B-B' ? finishAndRecord : recordAndStamp;
  const ended = await record(fx, job, lane, valued, outcomes);
  return { ...ended, again, failed: failed + ended.failed, keyFailed: again.length > 0 && !job.signal.aborted };
}

/** Before the intents: a document that nobody releases was not asked of the key. False: nobody came, or the key cannot now. */
async function attended(lane: Lane, ready: readonly Ready[], signal: AbortSignal): Promise<boolean> {
  if (lane.key.attend === undefined) return true;
  try {
    for (const { document } of ready) await lane.attend({ name: displayName(document.relPath), digest: sha256Of(document) }, signal);
    return true;
  } catch {
    return false;
  }
}

function sha256Of({ digests }: BatchDocument): Buffer {
  return digests.find(([algorithm]) => algorithm === 'sha256')?.[1] ?? Buffer.alloc(0);
}

type Ended = Pick<ChunkResult, 'signed' | 'failed'>;

async function finishAndRecord(
  fx: ChunkEffects,
  job: ChunkJob,
  lane: Lane,
  valued: readonly Valued[],
  outcomes: readonly SigningOutcome[],
): Promise<Ended> {
  const finished = await finishDocuments(fx, job, valued);
  const ended = finished.map((one, index): SigningOutcome => {
    const document = one.document.id;
    const intent = valued[index]?.intent.id ?? 0;
    if ('signature' in one) return { intent, document, signature: one.signature };
    return { intent, document, error: one.error, again: false, spent: true };
  });
  const all = [...outcomes, ...ended];
  await recordDurably(fx, all.length, () => fx.store.recordOutcomes(all));
  lane.recorded(valued.map(({ intent }) => requestOf(intent)));
  const signed = signedDocuments(finished);
  return { signed, failed: finished.length - signed.length };
}

/** The values are on disk before an authority is asked: it may take days, and a restart must not cost the card a second signature. */
async function recordAndStamp(
  fx: ChunkEffects,
  job: ChunkJob,
  lane: Lane,
  valued: readonly Valued[],
  outcomes: readonly SigningOutcome[],
): Promise<Ended> {
  const made = valued.map(({ intent, document, value }): SigningOutcome => ({ intent: intent.id, document: document.id, value }));
  const all = [...outcomes, ...made];
  await recordDurably(fx, all.length, () => fx.store.recordOutcomes(all));
  lane.recorded(valued.map(({ intent }) => requestOf(intent)));
  return await stampDocuments(fx, job, valued);
}

async function prepare(
  fx: Pick<Effects, 'documents' | 'store'>,
  { profile, spoolPath, password }: ChunkJob,
  { key, listed }: Lane,
  documents: readonly BatchDocument[],
  signingTime: number,
): Promise<{ readonly ready: Ready[]; readonly broken: number }> {
  const answers = await fx.documents.prepare(
    documents.map((document) => ({
      path: spoolPath(document),
      digests: document.digests,
      format: profile.format,
      parameters: signParameters(profile, key, document, signingTime, password),
      ...(listed ? { unchanged: true } : {}),
    })),
  );
  const failures = documents.flatMap((document, index) => {
    const answer = answers[index];
    return answer?.ok === false ? [{ document: document.id, error: { ...answer.error, where: displayName(document.relPath) } }] : [];
  });
  if (failures.length > 0) await fx.store.failDocuments(failures);
  const ready = documents.flatMap((document, index) => {
    const answer = answers[index];
    return answer?.ok === true ? [{ document, prepared: answer.value }] : [];
  });
  return { ready, broken: failures.length };
}

function pair(ready: readonly Ready[], intents: readonly SigningIntent[]): Intended[] {
  return ready.map((item) => {
    const intent = intents.find(({ document }) => document === item.document.id);
    if (intent === undefined) throw new SealError('SEAL-INTERNAL', `no intent for document ${item.document.id}`);
    return { ...item, intent };
  });
}

/** All signatures of the chunk; what the key did not make becomes an outcome. */
async function callKey(
  lane: Lane,
  signal: AbortSignal,
  items: readonly Intended[],
  signingTime: number,
  outcomes: SigningOutcome[],
): Promise<Valued[]> {
  const { key } = lane;
  const certificate = sha256(key.chain[0] ?? Buffer.alloc(0));
  const made = await Promise.all(
    items.map(async ({ intent, document, prepared }): Promise<Valued | undefined> => {
      try {
        const value = await lane.sign(prepared.signature.toBeSigned, signal, requestOf(intent));
        return { intent, document, value: { key: key.name, certificate, signingTime, prepared, value } };
      } catch (thrown) {
        const interrupted = signal.aborted && thrown === signal.reason;
        const error = asSealError(thrown);
        const spent = !interrupted && maybeSpent(error);
        outcomes.push({ intent: intent.id, document: document.id, error: error.toJSON(), again: true, spent });
        return undefined;
      }
    }),
  );
  return made.filter((item) => item !== undefined);
}
