import { signAndVerify, type SignStepOptions, type SignStepParts } from '../batch/sign-step.ts';
import { asSealError, SealError, type ErrorReport } from '../errors.ts';
import { batchId } from '../formats/batch-id.ts';
import { baseName, displayName } from '../formats/names.ts';
import { spoolDirectory, spoolFile } from '../formats/places.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import { finalStates, type Batch } from '../model/batch.ts';
import type { Profile } from '../model/signature.ts';
import type { StepResult } from '../model/step.ts';
import type { NewDocument } from '../ports/batch-store.ts';
import type { App } from './context.ts';

/** Batches of commands have a root of their own, which no configuration can name. */
export const commandRoots = { sign: '@sign', trial: '@test' } as const;

export interface CommandBatch {
  readonly root: (typeof commandRoots)[keyof typeof commandRoots];
  readonly profile: Profile;
  /** Keys or pools. */
  readonly keys: readonly string[];
  /** Absolute paths. */
  readonly files: readonly string[];
  readonly out: string;
}

/** A batch of single files: private copies, hashed, and admitted. A file that cannot be read is a failed document. @throws SealError SEAL-KEY-DENIED */
export async function openCommandBatch({ fx, config }: Pick<App, 'fx' | 'config'>, command: CommandBatch): Promise<Batch> {
  const { root, profile, files, out } = command;
  const keys = [...new Set(command.keys.flatMap((name) => config.pools[name] ?? [name]))];
  if (keys.length === 0)
    throw new SealError('SEAL-KEY-DENIED', 'every key is reserved for roots', {
      hint: 'name one with --key, or take “roots:” out of a key',
    });
  const at = fx.clock.now();
  const id = batchId(at, fx.random.bytes(5));
  const [name, place] = [Buffer.from(id), Buffer.from(out)];
  await fx.store.createBatch({
    ...{ id, root, relPath: name, options: {}, priority: 0, profile: profile.name, keys, outPath: place, approvedAt: at, claimedAt: at },
    ...{ semaphore: Buffer.alloc(0), state: 'claimed' },
  });
  await fx.files.makeDirectory(spoolDirectory(config.dataDir, id), 0o700);
  const digests = [...new Set<DigestAlgorithm>(['sha256', profile.digest, config.archive.digest])];
  const documents = await copyAll({ fx, config }, id, files, digests);
  await fx.files.syncTree(spoolDirectory(config.dataDir, id));
  await fx.store.recordSpooled(id, documents);
  await fx.store.advance(id, 'spooled', 'admitted');
  return await mustHave({ fx }, id);
}

async function copyAll(
  { fx, config }: Pick<App, 'fx' | 'config'>,
  id: string,
  files: readonly string[],
  digests: readonly DigestAlgorithm[],
): Promise<NewDocument[]> {
  const seen = new Set<string>();
  const documents: NewDocument[] = [];
  for (const [seq, file] of files.entries()) {
    const relPath = baseName(Buffer.from(file));
    const key = relPath.toString('latin1');
    try {
      if (seen.has(key))
        throw new SealError('SEAL-DOC-NAME', 'two files have this name', {
          where: displayName(relPath),
          hint: 'sign them into different directories',
        });
      seen.add(key);
      const copied = await fx.files.copyHashed(file, spoolFile(config.dataDir, id, seq), digests);
      documents.push({ seq, relPath, size: copied.size, digests: [...copied.digests] });
    } catch (thrown) {
      documents.push({ seq, relPath, size: 0, digests: [], error: asSealError(thrown).toJSON() });
    }
  }
  return documents;
}

async function mustHave({ fx }: Pick<App, 'fx'>, id: string): Promise<Batch> {
  const batch = await fx.store.batch(id);
  if (batch === undefined) throw new SealError('SEAL-INTERNAL', `the row of batch ${id} is gone`);
  return batch;
}

/** Somebody waits at a terminal: what would wait for a timestamp authority is an error at once. */
export async function signNow(
  parts: SignStepParts,
  batch: Batch,
  options: Omit<SignStepOptions, 'onWaiting'>,
  signal: AbortSignal,
): Promise<StepResult> {
  const blocked = new AbortController();
  let reason: ErrorReport | undefined;
  const onWaiting = (why: ErrorReport | undefined): void => {
    reason ??= why;
    if (why !== undefined) blocked.abort(SealError.from(why));
  };
  try {
    return await signAndVerify(parts, batch, { ...options, onWaiting }, AbortSignal.any([signal, blocked.signal]));
  } catch (thrown) {
    if (reason === undefined || signal.aborted) throw thrown;
    return { kind: 'wait', reason };
  }
}

/** Ends a batch that was not delivered. `abandoned`: a trial, which counts nowhere but with its key. */
export async function endCommandBatch(
  { fx, config }: Pick<App, 'fx' | 'config'>,
  id: string,
  as: 'failed' | 'abandoned',
  error: ErrorReport,
): Promise<void> {
  const { state } = await mustHave({ fx }, id);
  if (!finalStates.has(state)) await fx.store.advance(id, state, as, { error, finishedAt: fx.clock.now() });
  await fx.files.remove(spoolDirectory(config.dataDir, id));
}

/** After a kill: what a command had begun is ended; its caller got no answer and asks again. */
export async function endInterrupted(app: Pick<App, 'fx' | 'config'>): Promise<void> {
  const error = new SealError('SEAL-INTERRUPTED', 'the command was interrupted', { hint: 'repeat it', retryable: true }).toJSON();
  for (const { id, root } of await app.fx.store.unfinished()) {
    if (root === commandRoots.sign) await endCommandBatch(app, id, 'failed', error);
    if (root === commandRoots.trial) await endCommandBatch(app, id, 'abandoned', error);
  }
}
