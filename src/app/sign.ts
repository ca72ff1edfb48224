import { appendBatch } from '../archive/append.ts';
import { materialOf } from '../batch/material.ts';
import { asSealError, SealError, type ErrorReport } from '../errors.ts';
import { formats } from '../formats/index.ts';
import { displayName, joinPath } from '../formats/names.ts';
import { spoolDirectory, spoolFile } from '../formats/places.ts';
import type { Batch, BatchDocument } from '../model/batch.ts';
import type { Profile } from '../model/signature.ts';
import { formatOf, outputsOf } from '../watcher/intake.ts';
import { commandRoots, endCommandBatch, openCommandBatch, signNow } from './command-batch.ts';
import type { Call } from './context.ts';
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

type SignService = Pick<Service, 'app' | 'pool' | 'release'>;

/**
 * `sign`: single files through the same stages as a batch: private copy, intent, signature, verification, archive, output. Nothing is
 * overwritten, and no signature is spent on what could not be put anywhere. A file that cannot be signed is an answer, not an error; it is an
 * error when none could, for a reason that has nothing to do with the files.
 * @throws SealError SEAL-USAGE, SEAL-DOC-NAME, SEAL-KEY-*, SEAL-TSA-*, SEAL-TRUST-REVOCATION (75: not yet)
 */
export async function signFiles(service: SignService, args: SignArgs, call: Call): Promise<SignResult> {
  const { app } = service;
  const profile = demandProfile(service, args.profile);
  await app.fx.files.makeDirectory(args.out);
  const { files, out } = args;
  const batch = await openCommandBatch(app, { root: commandRoots.sign, profile, keys: args.keys ?? freeKeys(service), files, out });
  try {
    await refuseExisting(service, batch, profile, out);
    const refused = await signAll(service, batch, call.signal);
    const undelivered = refused === undefined ? await deliver(service, batch, out, call.signal) : new Map<number, ErrorReport>();
    if (refused !== undefined) await endCommandBatch(app, batch.id, 'failed', refused);
    return await answer(service, batch.id, args, undelivered);
  } catch (thrown) {
    await endCommandBatch(app, batch.id, 'failed', asSealError(thrown).toJSON());
    throw thrown;
  } finally {
    await app.fx.files.remove(spoolDirectory(app.config.dataDir, batch.id));
  }
}

function demandProfile({ app }: SignService, name: string): Profile {
  const profile = app.config.profiles[name];
  if (profile !== undefined) return profile;
  throw new SealError('SEAL-USAGE', `no profile is called “${name}”`, {
    hint: `profiles are ${Object.keys(app.config.profiles).join(', ')}`,
  });
}

/** Keys that are not reserved for roots. */
function freeKeys({ app }: SignService): string[] {
  const keys = Object.values(app.config.keys).filter((key) => key.roots.length === 0);
  return keys.map((key) => key.name);
}

/** Before a signature is spent. @throws SealError SEAL-DOC-NAME when nothing else would be left */
async function refuseExisting({ app }: SignService, batch: Batch, profile: Profile, out: string): Promise<void> {
  const { fx, config } = app;
  const documents = (await fx.store.documents(batch.id)).filter(({ state }) => state !== 'failed');
  const failures: { document: number; error: ErrorReport }[] = [];
  for (const { id, seq, relPath, size } of documents) {
    const path = spoolFile(config.dataDir, batch.id, seq);
    const format = profile.format === 'auto' ? await formatOf(fx, path, size) : formats.find(({ name }) => name === profile.format);
    const name = format && outputsOf(format, profile.packaging, relPath).at(-1);
    if (name !== undefined && (await fx.files.stat(joinPath(out, name))) !== undefined)
      failures.push({ document: id, error: existsAlready(joinPath(out, name)).toJSON() });
  }
  const [first] = failures;
  if (first !== undefined && failures.length === batch.documents) throw SealError.from(first.error);
  if (failures.length > 0) await fx.store.failDocuments(failures);
}

function existsAlready(output: Buffer): SealError {
  return new SealError('SEAL-DOC-NAME', 'the output exists already and is not overwritten', {
    where: displayName(output),
    hint: 'name another directory with --out',
  });
}

/**
 * Signs what can be signed now; what would have to wait has failed for this command, which nobody shall repeat for the files that are done.
 * @returns why no file was signed, each for a reason of its own @throws SealError when it is none of the files'
 */
async function signAll(service: SignService, batch: Batch, signal: AbortSignal): Promise<ErrorReport | undefined> {
  const { fx, config, readSecret } = service.app;
  const { store } = fx;
  const result = await signNow({ ...service, readSecret, fx, config }, batch, { root: undefined, onError: 'deliverRest' }, signal);
  const documents = await store.documents(batch.id, { omit: ['bytes', 'report'] });
  const left = documents.filter(({ state }) => state !== 'verified' && state !== 'failed');
  const signed = documents.some(({ state }) => state === 'verified');
  if (result.kind === 'done') return undefined;
  const reason = result.kind === 'wait' ? result.reason : result.error;
  if (!signed && left.length > 0) throw SealError.from(reason);
  await store.failDocuments(left.map(({ id }) => ({ document: id, error: reason })));
  return signed ? undefined : reason;
}

/** @returns outputs that somebody else has put there meanwhile, by `seq` */
async function deliver(service: SignService, batch: Batch, out: string, signal: AbortSignal): Promise<Map<number, ErrorReport>> {
  const { fx, config } = service.app;
  const { store, files } = fx;
  await store.advance(batch.id, 'admitted', 'signed');
  const material = await materialOf({ fx, config, release: service.release }, batch, {}, signal);
  const appended = await appendBatch(fx, config.archive, batch, material);
  if (appended.kind !== 'done') throw SealError.from(appended.kind === 'wait' ? appended.reason : appended.error);
  const undelivered = new Map<number, ErrorReport>();
  const desk = joinPath(out, `.sealtree-${batch.id}`);
  await files.makeDirectory(desk, 0o700);
  try {
    const documents = (await store.documents(batch.id)).filter(({ state }) => state !== 'failed');
    for (const document of documents) await assemble(service, desk, document);
    await files.syncTree(desk);
    await store.advance(batch.id, 'archived', 'staged');
    for (const { seq, signature } of documents) {
      if (signature === undefined) continue;
      const target = joinPath(out, signature.outputName);
      if ((await files.stat(target)) === undefined) await files.rename(joinPath(desk, signature.outputName), target);
      else undelivered.set(seq, existsAlready(target).toJSON());
    }
  } finally {
    await files.remove(desk);
  }
  await store.advance(batch.id, 'staged', 'released');
  await store.advance(batch.id, 'released', 'delivered', { finishedAt: fx.clock.now() });
  return undelivered;
}

async function assemble({ app }: SignService, desk: Buffer, { batch, seq, signature, relPath }: BatchDocument): Promise<void> {
  if (signature?.outputDigest === undefined)
    throw new SealError('SEAL-INTERNAL', 'a document without verified signature must not be delivered', { where: displayName(relPath) });
  const target = joinPath(desk, signature.outputName);
  const { digest } = await app.fx.files.assemble(target, signature.parts, spoolFile(app.config.dataDir, batch, seq), 'sha256');
  if (!digest.equals(signature.outputDigest))
    throw new SealError('SEAL-DISK-IO', 'the private copy is not what was signed and verified any more', {
      where: displayName(relPath),
      hint: 'check the file system of the data directory, then repeat the command',
    });
}

async function answer(
  { app }: SignService,
  id: string,
  args: SignArgs,
  undelivered: ReadonlyMap<number, ErrorReport>,
): Promise<SignResult> {
  const documents = await app.fx.store.documents(id, { omit: ['bytes'] });
  const files = documents.map((document): SignedFile => {
    const file = args.files[document.seq] ?? displayName(document.relPath);
    const error = undelivered.get(document.seq) ?? document.error;
    return error === undefined ? { file, ...signedFile(document, args.out) } : { file, error };
  });
  return { batch: id, evaluation: documents.some(({ signature }) => signature?.report?.evaluation === true), files };
}

function signedFile({ signature }: BatchDocument, out: string): Omit<SignedFile, 'file'> {
  if (signature === undefined) return {};
  const { format, level, key, outputDigest, outputName } = signature;
  return {
    output: displayName(joinPath(out, outputName)),
    ...{ format, level, key },
    ...(outputDigest === undefined ? {} : { sha256: outputDigest.toString('hex') }),
  };
}
