import { SealError, asSealError, type ErrorReport } from '../errors.ts';
import { outputName } from './parameters.ts';
import { stampSignature } from './stamping.ts';
import type { StampEffects, StampOptions } from './stamping.ts';
import type { BatchDocument, DocumentSignature, SignatureValue } from '../model/batch.ts';
import type { Profile } from '../model/signature.ts';
import type { Effects } from '../ports/effects.ts';
import type { Path } from '../ports/files.ts';
import type { StampingOutcome } from '../ports/batch-store.ts';

export type FinishingEffects = StampEffects & Pick<Effects, 'documents'>;

export interface FinishingJob {
  readonly profile: Profile;
  readonly spoolPath: (document: BatchDocument) => Path;
  readonly stamps: StampOptions;
}

/** A document with the value that a key has made for it. */
export interface ValuedDocument {
  readonly document: BatchDocument;
  readonly value: SignatureValue;
  /** DER TimeStampToken over the value. */
  readonly token?: Buffer;
}

/** A document with its signature. */
export interface SignedDocument extends BatchDocument {
  readonly signature: DocumentSignature;
}

export type Finished = { readonly document: BatchDocument } & ({ readonly signature: DocumentSignature } | { readonly error: ErrorReport });

/** Timestamps asked for at the same time. */
const stampsAtOnce = 8;

/** Signature values, and their timestamps, put in their places. What cannot be finished comes back with the reason. */
export async function finishDocuments(
  fx: Pick<Effects, 'documents'>,
  { profile, spoolPath }: Pick<FinishingJob, 'profile' | 'spoolPath'>,
  valued: readonly ValuedDocument[],
): Promise<Finished[]> {
  if (valued.length === 0) return [];
  const answers = await fx.documents.finish(
    valued.map(({ document, value, token }) => ({
      path: spoolPath(document),
      prepared: value.prepared,
      signatureValue: value.value,
      ...(token === undefined ? {} : { signatureTimestamp: token }),
    })),
  );
  return valued.map(({ document, value, token }, index) => {
    const answer = answers[index];
    if (answer?.ok !== true)
      return { document, error: answer?.error ?? new SealError('SEAL-INTERNAL', 'no answer for this document').toJSON() };
    const { key, certificate, signingTime, prepared } = value;
    const signature: DocumentSignature = {
      key,
      certificate,
      format: prepared.format,
      level: profile.level === 'B-B' || token !== undefined ? profile.level : 'B-B',
      signingTime,
      parts: answer.value.parts,
      outputName: outputName(profile, prepared.format, document),
    };
    return { document, signature };
  });
}

/**
 * Documents that are `stamping`: timestamps, then the outputs, recorded in one transaction. What the signal interrupts stays `stamping`.
 * @returns those that are signed now, and how many have failed
 * @throws SealError SEAL-STORE-*, SEAL-DISK-*
 */
export async function stampDocuments(
  fx: FinishingEffects,
  job: FinishingJob,
  valued: readonly ValuedDocument[],
): Promise<{ readonly signed: SignedDocument[]; readonly failed: number }> {
  const finished = await finishDocuments(fx, job, await stampAll(fx, job, valued));
  await recordDurably(fx, finished.length, () => fx.store.recordStamped(finished.map(outcomeOf)));
  const signed = signedDocuments(finished);
  return { signed, failed: finished.length - signed.length };
}

/** Those that are signed, as they are recorded. */
export function signedDocuments(finished: readonly Finished[]): SignedDocument[] {
  return finished.flatMap((one) => ('signature' in one ? [{ ...one.document, state: 'signed' as const, signature: one.signature }] : []));
}

function outcomeOf(one: Finished): StampingOutcome {
  const document = one.document.id;
  return 'signature' in one ? { document, signature: one.signature } : { document, error: one.error };
}

async function stampAll(fx: StampEffects, { stamps }: FinishingJob, valued: readonly ValuedDocument[]): Promise<ValuedDocument[]> {
  const stamped: ValuedDocument[] = [];
  const queue = [...valued];
  const work = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      const result = await stampSignature(fx, item.value.value, stamps);
      if (result.kind === 'token') stamped.push({ ...item, token: result.token });
      else if (result.kind === 'none') stamped.push(item);
    }
  };
  await Promise.all(Array.from({ length: Math.min(stampsAtOnce, valued.length) }, work));
  return stamped;
}

const retryMs = 1_000;
const retries = 8;

/**
 * A signature that was made must not be lost because the disk is full for a moment.
 * @param signatures how many it is about; nothing is written when there are none
 * @throws SealError SEAL-STORE-*, SEAL-DISK-*
 */
export async function recordDurably(fx: Pick<Effects, 'clock' | 'log'>, signatures: number, record: () => Promise<void>): Promise<void> {
  if (signatures === 0) return;
  for (let attempt = 1; ; attempt++) {
    try {
      await record();
      return;
    } catch (thrown) {
      const error = asSealError(thrown);
      if (!error.retryable || attempt === retries) throw error;
      fx.log.error({ error: error.toJSON(), signatures }, 'signatures could not be recorded; tried again');
      await fx.clock.sleep(retryMs);
    }
  }
}
