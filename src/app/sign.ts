import { appendBatch } from '../archive/append.ts';
import { signAndVerify, type SignStepOptions, type SignStepParts } from '../batch/sign-step.ts';
import { materialOf } from '../batch/material.ts';
import { asSealError, SealError, type ErrorReport } from '../errors.ts';
import { batchId } from '../formats/batch-id.ts';
import { baseName, displayName, joinPath } from '../formats/names.ts';
import { spoolDirectory, spoolFile } from '../formats/places.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { Batch, BatchDocument } from '../model/batch.ts';
import type { Profile } from '../model/signature.ts';
import type { StepResult } from '../model/step.ts';
import type { NewDocument } from '../ports/store.ts';
import type { Call } from './context.ts';
import { keySource } from './keys.ts';
import type { Service } from './service.ts';

export interface SignArgs {
  /** Absolute paths. */
  readonly files: readonly string[];
  readonly profile: string;
  readonly out: string;
  /** Keys or pools; absent: every key that is not reserved for roots. */
  readonly keys?: readonly string[];
}

export interface SignedFile {
  readonly file: string;
  readonly output?: string;
  readonly format?: string;
  readonly level?: string;
  readonly key?: string;
  readonly sha256?: string;
  readonly error?: ErrorReport;
}

export interface SignResult {
  readonly batch: string;
  readonly evaluation: boolean;
  readonly files: readonly SignedFile[];
}

export interface KeyTest {
  readonly name: string;
  readonly algorithm: string;
  readonly ms: number;
}

/** Batches of the command line have a root of their own, which no configuration can name. */
const commandLine = '@sign';
const trial = '@test';

/**
 * `sign`: single files through the same stages as a batch: private copy, intent, signature, verification, archive, output. Nothing is
 * overwritten. A file that cannot be signed is an answer, not an error; when no key can sign now nothing is kept.
 * @throws SealError SEAL-USAGE, SEAL-KEY-*, SEAL-TSA-*, SEAL-TRUST-REVOCATION (75: not yet)
 */
export async function signFiles(service: Service, args: SignArgs, call: Call): Promise<SignResult> {
  const { fx, config } = service.app;
  const profile = config.profiles[args.profile];
  if (profile === undefined)
    throw new SealError('SEAL-USAGE', `no profile is called “${args.profile}”`, {
      hint: `profiles are ${Object.keys(config.profiles).join(', ')}`,
    });
  await fx.files.makeDirectory(args.out);
  const id = await spoolFiles(service, commandLine, profile, args.keys ?? freeKeys(service), args.files, args.out);
  const batch = await mustHave(service, id);
  try {
    const result = await signNow({ ...service, fx, config }, batch, { root: undefined, onError: 'deliverRest' }, call.signal);
    if (result.kind === 'wait') throw SealError.from(result.reason);
    if (result.kind === 'done') await deliver(service, batch, args.out);
    else await end(service, id, result.error);
  } catch (thrown) {
    await end(service, id, asSealError(thrown).toJSON());
    throw thrown;
  } finally {
    await fx.files.remove(spoolDirectory(config.dataDir, id));
  }
  return await answer(service, id, args);
}

/** Somebody waits at a terminal: what would wait for a timestamp authority is an error at once. */
async function signNow(
  parts: SignStepParts,
  batch: Batch,
  options: Omit<SignStepOptions, 'onWaiting'>,
  signal: AbortSignal,
): Promise<StepResult> {
  const blocked = new AbortController();
  const onWaiting = (reason: ErrorReport | undefined): void => {
    if (reason !== undefined) blocked.abort(SealError.from(reason));
  };
  return await signAndVerify(parts, batch, { ...options, onWaiting }, AbortSignal.any([signal, blocked.signal]));
}

/** Keys that are not reserved for roots. */
function freeKeys({ app }: Service): string[] {
  const keys = Object.values(app.config.keys).filter((key) => key.roots.length === 0);
  return keys.map((key) => key.name);
}

async function mustHave({ app }: Service, id: string): Promise<Batch> {
  const batch = await app.fx.store.batch(id);
  if (batch === undefined) throw new SealError('SEAL-INTERNAL', `the row of batch ${id} is gone`);
  return batch;
}

async function spoolFiles(
  { app }: Service,
  root: string,
  profile: Profile,
  names: readonly string[],
  files: readonly string[],
  out: string,
): Promise<string> {
  const { fx, config } = app;
  const now = fx.clock.now();
  const id = batchId(now, fx.random.bytes(5));
  const keys = [...new Set(names.flatMap((name) => config.pools[name] ?? [name]))];
  if (keys.length === 0)
    throw new SealError('SEAL-KEY-DENIED', 'every key is reserved for roots', {
      hint: 'name one with --key, or take “roots:” out of a key',
    });
  await fx.store.createBatch({
    id,
    root,
    relPath: Buffer.from(id),
    options: {},
    priority: 0,
    profile: profile.name,
    keys,
    outPath: Buffer.from(out),
    approvedAt: now,
    claimedAt: now,
    semaphore: Buffer.alloc(0),
    state: 'claimed',
  });
  await fx.files.makeDirectory(spoolDirectory(config.dataDir, id), 0o700);
  const digests = [...new Set<DigestAlgorithm>(['sha256', profile.digest, config.archive.digest])];
  const seen = new Set<string>();
  const documents: NewDocument[] = [];
  for (const [seq, file] of files.entries()) {
    const relPath = baseName(Buffer.from(file));
    try {
      if (seen.has(relPath.toString('latin1')))
        throw new SealError('SEAL-DOC-NAME', 'two files have this name', {
          where: displayName(relPath),
          hint: 'sign them into different directories',
        });
      seen.add(relPath.toString('latin1'));
      const copied = await fx.files.copyHashed(file, spoolFile(config.dataDir, id, seq), digests);
      documents.push({ seq, relPath, size: copied.size, digests: [...copied.digests] });
    } catch (thrown) {
      documents.push({ seq, relPath, size: 0, digests: [], error: asSealError(thrown).toJSON() });
    }
  }
  await fx.files.syncTree(spoolDirectory(config.dataDir, id));
  await fx.store.recordSpooled(id, documents);
  await fx.store.advance(id, 'spooled', 'admitted');
  return id;
}

async function deliver(service: Service, batch: Batch, out: string): Promise<void> {
  const { fx, config } = service.app;
  const { store, files } = fx;
  await store.advance(batch.id, 'admitted', 'signed');
  const appended = await appendBatch(fx, config.archive, batch, await materialOf({ fx, config, release: service.release }, batch, {}));
  if (appended.kind !== 'done') throw SealError.from(appended.kind === 'wait' ? appended.reason : appended.error);
  const desk = joinPath(out, `.sealtree-${batch.id}`);
  await files.makeDirectory(desk, 0o700);
  try {
    const documents = (await store.documents(batch.id)).filter(({ state }) => state !== 'failed');
    for (const { seq, signature } of documents)
      if (signature !== undefined)
        await files.assemble(joinPath(desk, signature.outputName), signature.parts, spoolFile(config.dataDir, batch.id, seq), 'sha256');
    await files.syncTree(desk);
    await store.advance(batch.id, 'archived', 'staged');
    for (const { signature } of documents)
      if (signature !== undefined) await release(service, joinPath(desk, signature.outputName), joinPath(out, signature.outputName));
  } finally {
    await files.remove(desk);
  }
  await store.advance(batch.id, 'staged', 'released');
  await store.advance(batch.id, 'released', 'delivered', { finishedAt: fx.clock.now() });
}

async function release({ app }: Service, from: Buffer, to: Buffer): Promise<void> {
  if ((await app.fx.files.stat(to)) !== undefined)
    throw new SealError('SEAL-DOC-NAME', 'the output exists already and is not overwritten', {
      where: displayName(to),
      hint: 'name another directory with --out',
    });
  await app.fx.files.rename(from, to);
}

async function end({ app }: Service, id: string, error: ErrorReport): Promise<void> {
  const { store, clock } = app.fx;
  const batch = await store.batch(id);
  if (batch === undefined || ['failed', 'delivered', 'cancelled'].includes(batch.state)) return;
  await store.advance(id, batch.state, 'failing', { error });
  await store.advance(id, 'failing', 'failed', { finishedAt: clock.now() });
}

async function answer({ app }: Service, id: string, args: SignArgs): Promise<SignResult> {
  const documents = await app.fx.store.documents(id);
  const files = documents.map((document): SignedFile =>
    signedFile(args.files[document.seq] ?? displayName(document.relPath), args.out, document),
  );
  return { batch: id, evaluation: documents.some(({ signature }) => signature?.report?.evaluation === true), files };
}

function signedFile(file: string, out: string, { signature, error, state }: BatchDocument): SignedFile {
  if (error !== undefined) return { file, error };
  if (signature === undefined || state === 'failed')
    return { file, error: new SealError('SEAL-VERIFY-FAILED', 'it was not signed', { hint: 'see “batch list”' }).toJSON() };
  const { format, level, key, outputDigest, outputName } = signature;
  return {
    file,
    output: displayName(joinPath(out, outputName)),
    format,
    level,
    key,
    ...(outputDigest === undefined ? {} : { sha256: outputDigest.toString('hex') }),
  };
}

/** After a kill: what a command had begun is ended; its caller got no answer and asks again. */
export async function endInterrupted(service: Service): Promise<void> {
  const error = new SealError('SEAL-INTERRUPTED', 'the command was interrupted', { hint: 'repeat it', retryable: true }).toJSON();
  for (const batch of await service.app.fx.store.unfinished()) {
    if (batch.root !== commandLine && batch.root !== trial) continue;
    await end(service, batch.id, error);
    await service.app.fx.files.remove(spoolDirectory(service.app.config.dataDir, batch.id));
  }
}

/** `key test`: one signature of the key through all stages but archive and output; it counts like any other. @throws SealError SEAL-KEY-* */
export async function testKey(
  service: Service,
  { name }: { readonly name: string },
  call: Pick<Call, 'actor' | 'signal'>,
): Promise<KeyTest> {
  const { fx, config } = service.app;
  const source = keySource(service.app, name);
  const key = source.key();
  const { reason = 'it cannot sign now', state } = source.status();
  if (key === undefined)
    throw new SealError(state === 'pin-needed' ? 'SEAL-KEY-PIN-NEEDED' : 'SEAL-KEY-ABSENT', `${name}: ${reason}`, {
      hint: 'see “sealtree key list”',
    });
  const padding = key.supports({ digest: 'sha256', padding: 'pss' }) ? 'pss' : 'pkcs1';
  const profile: Profile = {
    name: trial,
    format: 'cades',
    level: 'B-B',
    packaging: 'detached',
    digest: 'sha256',
    padding,
    tsas: [],
    onTsaFailure: 'wait',
  };
  const file = joinPath(config.dataDir, `trial-${fx.random.bytes(6).toString('hex')}`);
  const root = config.keys[name]?.roots[0];
  await fx.files.writeDurable(file, Buffer.from('Sealtree trial signature\n'), 0o600);
  const began = fx.clock.monotonic();
  const id = await spoolFiles(service, trial, profile, [name], [file.toString()], config.dataDir);
  const error = new SealError('SEAL-BATCH-CANCELLED', `a trial signature for ${call.actor}`, { hint: 'nothing is to be done' }).toJSON();
  try {
    const parts = { ...service, fx, config: { ...config, profiles: { ...config.profiles, [trial]: profile } } };
    const result = await signNow(parts, await mustHave(service, id), { root, onError: 'failBatch' }, call.signal);
    if (result.kind !== 'done') throw SealError.from(result.kind === 'wait' ? result.reason : result.error);
    return {
      name,
      algorithm: `${describe(key.keyType)}, SHA-256${key.keyType.type === 'rsa' ? `, ${padding}` : ''}`,
      ms: Math.round(fx.clock.monotonic() - began),
    };
  } finally {
    await end(service, id, error);
    await fx.files.remove(file);
    await fx.files.remove(spoolDirectory(config.dataDir, id));
  }
}

function describe(type: NonNullable<ReturnType<ReturnType<typeof keySource>['key']>>['keyType']): string {
  return type.type === 'ec' ? type.curve : `${type.type.toUpperCase()}-${type.bits}`;
}
