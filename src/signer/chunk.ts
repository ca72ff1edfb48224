import { SealError, asSealError } from '../errors.ts';
import { sha256 } from '../formats/digests.ts';
import { displayName } from '../formats/names.ts';
import { maybeSpent } from './lane.ts';
import { outputName, signParameters } from './parameters.ts';
import { stampSignature } from './stamping.ts';
import type { StampEffects, StampOptions } from './stamping.ts';
import type { Lane } from './lane.ts';
import type { BatchDocument, DocumentSignature, SigningIntent } from '../model/batch.ts';
import type { Profile } from '../model/signature.ts';
import type { Prepared } from '../ports/documents.ts';
import type { Effects } from '../ports/effects.ts';
import type { Path } from '../ports/files.ts';
import type { SigningOutcome } from '../ports/store.ts';

export type ChunkEffects = StampEffects & Pick<Effects, 'documents'>;

export interface ChunkJob {
  readonly profile: Profile;
  readonly spoolPath: (document: BatchDocument) => Path;
  readonly password?: Buffer;
  readonly stamps: StampOptions;
  readonly signal: AbortSignal;
}

/** A document with its signature, recorded. */
export interface SignedDocument extends BatchDocument {
  readonly signature: DocumentSignature;
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

interface Valued extends Ready {
  readonly intent: SigningIntent;
  readonly value: Buffer;
}

/** Timestamps asked for at the same time. */
const stampsAtOnce = 8;

/**
 * Some documents on one lane: prepare → wait for the key → intents, committed → signatures, each verified at once → timestamps → finish →
 * outcomes, in one transaction. The key is free again before the timestamps. Documents that cannot be prepared fail; a key that fails puts its
 * documents back.
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
    if (ready.length === 0 || !(await lane.ready(job.signal))) return { signed: [], again: rest, failed, keyFailed: false };
    const intents = await fx.store.recordIntents(lane.key.name, rest.map(({ id }) => id), fx.clock.now()); // prettier-ignore
    valued = await callKey(lane, job.signal, pair(ready, intents), outcomes);
  } finally {
    lane.release();
  }
  const signed = await finish(fx, job, lane, valued, signingTime, outcomes);
  await recordOutcomes(fx, outcomes);
  const back = new Set(outcomes.flatMap((outcome) => ('again' in outcome && outcome.again ? [outcome.document] : [])));
  const again = documents.filter(({ id }) => back.has(id));
  failed += outcomes.filter((outcome) => 'again' in outcome && !outcome.again).length;
  return { signed, again, failed, keyFailed: again.length > 0 && !job.signal.aborted };
}

async function prepare(
  fx: Pick<Effects, 'documents' | 'store'>,
  { profile, spoolPath, password }: ChunkJob,
  { key }: Lane,
  documents: readonly BatchDocument[],
  signingTime: number,
): Promise<{ readonly ready: Ready[]; readonly broken: number }> {
  const answers = await fx.documents.prepare(
    documents.map((document) => ({
      path: spoolPath(document),
      digests: document.digests,
      format: profile.format,
      parameters: signParameters(profile, key, document, signingTime, password),
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

function pair(ready: readonly Ready[], intents: readonly SigningIntent[]): (Ready & { readonly intent: SigningIntent })[] {
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
  items: readonly (Ready & { readonly intent: SigningIntent })[],
  outcomes: SigningOutcome[],
): Promise<Valued[]> {
  const made = await Promise.all(
    items.map(async (item): Promise<Valued | undefined> => {
      try {
        return { ...item, value: await lane.sign(item.prepared.signature.toBeSigned, signal) };
      } catch (thrown) {
        const interrupted = signal.aborted && thrown === signal.reason;
        const error = asSealError(thrown);
        const spent = !interrupted && maybeSpent(error);
        outcomes.push({ intent: item.intent.id, document: item.document.id, error: error.toJSON(), again: true, spent });
        return undefined;
      }
    }),
  );
  return made.filter((item) => item !== undefined);
}

/** Timestamps where the level wants them, then the signature is put in its place; what cannot be finished becomes an outcome. */
async function finish(
  fx: ChunkEffects,
  job: ChunkJob,
  { key }: Lane,
  valued: readonly Valued[],
  signingTime: number,
  outcomes: SigningOutcome[],
): Promise<SignedDocument[]> {
  const { profile } = job;
  const stamped = await stampAll(fx, job, valued, outcomes);
  if (stamped.length === 0) return [];
  const answers = await fx.documents.finish(
    stamped.map(({ document, prepared, value, token }) => ({
      path: job.spoolPath(document),
      prepared,
      signatureValue: value,
      ...(token === undefined ? {} : { signatureTimestamp: token }),
    })),
  );
  const certificate = sha256(key.chain[0] ?? Buffer.alloc(0));
  return stamped.flatMap(({ document, prepared, intent, token }, index) => {
    const answer = answers[index];
    if (answer?.ok !== true) {
      const error = answer?.error ?? new SealError('SEAL-INTERNAL', 'no answer for this document').toJSON();
      outcomes.push({ intent: intent.id, document: document.id, error, again: false, spent: true });
      return [];
    }
    const signature: DocumentSignature = {
      key: key.name,
      certificate,
      format: prepared.format,
      level: profile.level === 'B-B' || token !== undefined ? profile.level : 'B-B',
      signingTime,
      parts: answer.value.parts,
      outputName: outputName(profile, prepared.format, document),
    };
    outcomes.push({ intent: intent.id, document: document.id, signature });
    return [{ ...document, state: 'signed' as const, signature }];
  });
}

async function stampAll(
  fx: StampEffects,
  { profile, stamps }: ChunkJob,
  valued: readonly Valued[],
  outcomes: SigningOutcome[],
): Promise<(Valued & { readonly token: Buffer | undefined })[]> {
  if (profile.level === 'B-B') return valued.map((item) => ({ ...item, token: undefined }));
  const stamped: (Valued & { readonly token: Buffer | undefined })[] = [];
  const queue = [...valued];
  const work = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      const result = await stampSignature(fx, item.value, stamps);
      if (result.token !== undefined || profile.onTsaFailure === 'deliver') stamped.push({ ...item, token: result.token });
      else outcomes.push({ intent: item.intent.id, document: item.document.id, error: result.error.toJSON(), again: true, spent: true });
    }
  };
  await Promise.all(Array.from({ length: Math.min(stampsAtOnce, valued.length) }, work));
  return stamped;
}

const retryMs = 1_000;
const retries = 8;

/** A signature that was made must not be lost because the disk is full for a moment. */
async function recordOutcomes(fx: Pick<Effects, 'clock' | 'log' | 'store'>, outcomes: readonly SigningOutcome[]): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await fx.store.recordOutcomes(outcomes);
      return;
    } catch (thrown) {
      const error = asSealError(thrown);
      if (!error.retryable || attempt === retries) throw error;
      fx.log.error({ error: error.toJSON(), signatures: outcomes.length }, 'signatures could not be recorded; tried again');
      await fx.clock.sleep(retryMs);
    }
  }
}
