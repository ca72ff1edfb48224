import { SealError, type ErrorReport } from '../errors.ts';
import { displayName } from '../formats/names.ts';
import { spoolFile } from '../formats/places.ts';
import type { Batch, BatchDocument } from '../model/batch.ts';
import type { Config } from '../model/config.ts';
import { done, type StepResult } from '../model/step.ts';
import type { Effects } from '../ports/effects.ts';
import { signDocuments, type SigningPool } from '../signer/sign.ts';
import type { ReleaseVerifier } from '../verify/release.ts';

export interface SignStepParts {
  readonly fx: Effects;
  readonly config: Pick<Config, 'dataDir' | 'profiles' | 'tsas'>;
  readonly pool: SigningPool;
  readonly release: ReleaseVerifier;
}

export interface SignStepOptions {
  /** Undefined: the command line. */
  readonly root: string | undefined;
  readonly onError: 'failBatch' | 'deliverRest';
  /** For encrypted documents; the caller zeroes it. */
  readonly password?: Buffer;
}

const page = 256;

/**
 * admitted → signed: every document is signed, and verified as a stranger would before it counts; what cannot be signed has failed. In a batch
 * without keys every document is taken as it is. Goes on where an earlier attempt ended.
 * @throws the signal's reason; SealError SEAL-STORE-*, SEAL-DISK-*
 */
export async function signAndVerify(
  parts: SignStepParts,
  batch: Batch,
  options: SignStepOptions,
  signal: AbortSignal,
): Promise<StepResult> {
  const { fx } = parts;
  let waits: ErrorReport | undefined;
  if (batch.keys.length === 0) await takeUnsigned(fx, batch);
  else {
    const verify = async (documents: readonly BatchDocument[]): Promise<void> => {
      waits = (await verifyDocuments(parts, documents, options, signal)) ?? waits;
    };
    for (let afterSeq = -1; ;) {
      const documents = await fx.store.documents(batch.id, { state: 'signed', afterSeq, limit: page });
      const last = documents.at(-1);
      if (last === undefined) break;
      await verify(documents);
      afterSeq = last.seq;
    }
    const ended = await sign(parts, batch, options, signal, verify);
    if (ended.kind !== 'done') return ended;
  }
  if (waits !== undefined) return { kind: 'wait', reason: waits };
  return await judge(fx, batch.id, options.onError);
}

async function sign(
  { fx, config, pool }: SignStepParts,
  batch: Batch,
  options: SignStepOptions,
  signal: AbortSignal,
  onChunk: (documents: readonly BatchDocument[]) => Promise<void>,
): Promise<StepResult> {
  const profile = config.profiles[batch.profile];
  if (profile === undefined) {
    const error = new SealError('SEAL-CONFIG-PROFILE', `the profile ${batch.profile} is not configured any more`, {
      hint: 'put it back, then “batch retry”',
      retryable: true,
    });
    return { kind: 'refused', error: error.toJSON() };
  }
  return await signDocuments(
    { ...fx, pool },
    {
      batch: { id: batch.id, priority: batch.priority, keys: batch.keys, root: options.root },
      profile,
      tsas: profile.tsas.flatMap((name) => config.tsas[name] ?? []),
      spoolPath: ({ seq }) => spoolFile(config.dataDir, batch.id, seq),
      ...(options.password === undefined ? {} : { password: options.password }),
      signal,
      onWaiting: (reason) => {
        void fx.store
          .setWaiting(batch.id, reason === undefined ? undefined : { ...reason.toJSON(), since: fx.clock.now() })
          .catch(() => undefined);
      },
    },
    onChunk,
  );
}

/** @returns why the verification of some could not be decided yet; they stay `signed` */
async function verifyDocuments(
  { fx, config, release }: SignStepParts,
  documents: readonly BatchDocument[],
  { password }: SignStepOptions,
  signal: AbortSignal,
): Promise<ErrorReport | undefined> {
  const { verified, wait } = await release.verify(
    documents.map((document) => ({
      document,
      input: spoolFile(config.dataDir, document.batch, document.seq),
      ...(password === undefined ? {} : { password }),
    })),
    signal,
  );
  if (verified.length > 0) await fx.store.recordVerified(verified);
  return wait;
}

/** `keys: none`: the document itself is what is delivered and archived. */
async function takeUnsigned({ store }: Pick<Effects, 'store'>, batch: Batch): Promise<void> {
  for (;;) {
    const documents = await store.documents(batch.id, { state: 'spooled', limit: page });
    if (documents.length === 0) return;
    await store.recordVerified(
      documents.map((document) => ({ document: document.id, outputDigest: sha256Of(document), outputSize: document.size, report: null })),
    );
  }
}

function sha256Of({ digests, relPath }: BatchDocument): Buffer {
  const digest = digests.find(([algorithm]) => algorithm === 'sha256')?.[1];
  if (digest === undefined) throw new SealError('SEAL-INTERNAL', 'a document without SHA-256', { where: displayName(relPath) });
  return digest;
}

async function judge({ store }: Pick<Effects, 'store'>, id: string, onError: SignStepOptions['onError']): Promise<StepResult> {
  const batch = await store.batch(id);
  if (batch === undefined) throw new SealError('SEAL-INTERNAL', `the row of batch ${id} is gone`);
  if (batch.failed === 0 || (onError === 'deliverRest' && batch.failed < batch.documents)) return done;
  const [first] = await store.documents(id, { state: 'failed', limit: 1 });
  const cause = first?.error;
  const error = new SealError(
    cause?.code ?? 'SEAL-VERIFY-FAILED',
    `${batch.failed} of ${batch.documents} documents failed, the first: ${cause?.message ?? 'unknown'}`,
    {
      ...(first === undefined ? {} : { where: displayName(first.relPath) }),
      ...(cause?.hint === undefined ? {} : { hint: cause.hint }),
      retryable: true,
    },
  );
  return { kind: 'refused', error: error.toJSON() };
}
