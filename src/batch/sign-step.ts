import { SealError, type ErrorReport } from '../errors.ts';
import { displayName } from '../formats/names.ts';
import { spoolFile } from '../formats/places.ts';
import type { Batch, BatchDocument } from '../model/batch.ts';
import type { Config } from '../model/config.ts';
import { done, type StepResult } from '../model/step.ts';
import type { Effects } from '../ports/effects.ts';
import type { SecretReader } from '../ports/secrets.ts';
import { claimSignatures, signDocuments, type ClaimJob, type SigningPool } from '../signer/sign.ts';
import type { ReleaseVerifier } from '../verify/release.ts';
import { inModule } from '../ports/log.ts';

export interface SignStepParts {
  readonly fx: Effects;
  readonly config: Pick<Config, 'dataDir' | 'keys' | 'profiles' | 'roots' | 'tsas'>;
  readonly readSecret: SecretReader;
  readonly pool: SigningPool;
  readonly release: ReleaseVerifier;
}

export interface SignStepOptions {
  /** Undefined: the command line. */
  readonly root: string | undefined;
  readonly onError: 'failBatch' | 'deliverRest';
  /** For encrypted documents; the caller zeroes it. */
  readonly password?: Buffer;
  /** While signatures that are made wait for a timestamp: why; undefined when it goes on. */
  readonly onWaiting?: (reason: ErrorReport | undefined) => void;
}

const page = 256;

/**
 * admitted → signed: every document is signed, and verified as a stranger would before it counts; what cannot be signed has failed. In a batch
 * without keys every document is taken as it is. Goes on where an earlier attempt ended.
 * @throws the signal's reason; SealError SEAL-STORE-*, SEAL-DISK-*
 */
export async function signAndVerify(
  given: SignStepParts,
  batch: Batch,
  options: SignStepOptions,
  signal: AbortSignal,
): Promise<StepResult> {
  const fx = inModule(given.fx, 'signer', { batch: batch.id, root: batch.root });
  const parts = { ...given, fx };
  let waits: ErrorReport | undefined;
  await settleDoubts(parts, batch.id);
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

/**
 * After a kill, or a step that could not record what a key did. In doubt: a card, an HSM or a service may have signed; that counts, and the document is
 * signed again or waits for a person, as the key's `onDoubt` says. Discarded: the key is in our own process, so nobody has what was not recorded.
 * What a card process finished after the kill of the daemon is taken over first.
 * @param batch of which nothing is being signed now; absent: everything that an earlier process left
 * @throws SealError SEAL-STORE-*, SEAL-DISK-*
 */
export async function settleDoubts(parts: Omit<SignStepParts, 'pool' | 'release'>, batch?: string): Promise<void> {
  const { fx, config } = parts;
  if (batch === undefined) await claimSignatures(fx, async (document) => await claimJob(parts, document));
  const ask = Object.values(config.keys).flatMap((key) => (key.source === 'pkcs11' && key.onDoubt === 'ask' ? [key.name] : []));
  const settled = await fx.store.settleDoubts(fx.clock.now(), batch, ask);
  for (const { batch, document, key, outcome } of settled) {
    if (outcome === 'discarded') continue;
    const then = ask.includes(key) ? 'and “batch retry” has the document signed again' : 'and the document is signed again';
    fx.log.warn({ batch, document, key }, `a signature may have been made without being recorded: it counts, ${then}`);
  }
  const discarded = settled.filter(({ outcome }) => outcome === 'discarded').length;
  if (discarded > 0)
    fx.log.info({ documents: discarded }, 'nothing is lost: documents whose signatures had not left the process are signed anew');
}

async function claimJob(
  { fx, config, readSecret }: Omit<SignStepParts, 'pool' | 'release'>,
  document: BatchDocument,
): Promise<ClaimJob | undefined> {
  const batch = await fx.store.batch(document.batch);
  const profile = batch === undefined ? undefined : config.profiles[batch.profile];
  if (batch === undefined || profile === undefined) return undefined;
  const job = { profile, spoolPath: spoolFile(config.dataDir, document.batch, document.seq) };
  const reference = config.roots[batch.root]?.documentPassword;
  if (reference === undefined) return job;
  try {
    return { ...job, password: await readSecret(reference) };
  } catch {
    // Documents without encryption need none; the others stay in doubt.
    return job;
  }
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
        options.onWaiting?.(reason?.toJSON());
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

/** Every document is verified or has failed by now; how the batch goes on is a matter of those that failed. */
async function judge({ store }: Pick<Effects, 'store'>, id: string, onError: SignStepOptions['onError']): Promise<StepResult> {
  for (const state of ['spooled', 'signing', 'stamping', 'signed'] as const) {
    const [left] = await store.documents(id, { state, limit: 1 });
    if (left !== undefined)
      throw new SealError('SEAL-INTERNAL', `a document is ${state} although all were worked on`, { where: displayName(left.relPath) });
  }
  const batch = await store.batch(id);
  if (batch === undefined) throw new SealError('SEAL-INTERNAL', `the row of batch ${id} is gone`);
  if (batch.failed === 0 || (onError === 'deliverRest' && batch.failed < batch.documents)) return done;
  const [first] = await store.documents(id, { state: 'failed', limit: 1 });
  return { kind: 'refused', error: refusedBecause(batch, first) };
}

function refusedBecause({ documents, failed }: Batch, first: BatchDocument | undefined): ErrorReport {
  const cause = first?.error;
  return new SealError(
    cause?.code ?? 'SEAL-VERIFY-FAILED',
    `${failed} of ${documents} documents failed, the first: ${cause?.message ?? 'unknown'}`,
    {
      ...(first === undefined ? {} : { where: displayName(first.relPath) }),
      ...(cause?.hint === undefined ? {} : { hint: cause.hint }),
      retryable: true,
    },
  ).toJSON();
}
