import { findObjects, positionKey } from '../archive/rehash-find.ts';
import { rehashLinks } from '../archive/rehash-own.ts';
import { rehashTrees, type IncompleteLeaf, type RehashResult } from '../archive/rehash.ts';
import { SealError, type ErrorReport } from '../errors.ts';
import { displayName, joinPath } from '../formats/names.ts';
import { parseTimestampToken } from '../formats/tsp.ts';
import { digestLife } from '../pki/algorithms.ts';
import { judgeTimestamp } from '../pki/timestamps.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { Trust } from '../pki/trust.ts';
import type { App, Call } from './context.ts';
import type { Service } from './service.ts';
import { isoTime } from './views.ts';

/** An object that was not found as it was archived. */
export interface MissingObject {
  readonly tree: string;
  readonly index: number;
  readonly kind: IncompleteLeaf['leaf']['kind'];
  /** `changed`: a file of that name lies there, with other content. */
  readonly state: 'missing' | 'changed';
  readonly batch?: string;
  readonly path?: string;
  readonly file?: string;
  /** Its old chain goes on being renewed, and proves until then at the latest; absent: no end is known. */
  readonly provesUntil?: string;
}

export interface RehashView {
  readonly files: number;
  /** Leaves hashed anew, of all records. */
  readonly leaves: number;
  /** How many leaves stay with their old chain. */
  readonly incomplete: number;
  /** The first thousand of what was not found. */
  readonly missing: readonly MissingObject[];
  readonly unreadable: readonly { readonly file: string; readonly error: ErrorReport }[];
  /** Trees whose newest timestamp waits for its revocation data. */
  readonly waiting: readonly string[];
}

/** Objects that are named when they are missing. */
const named = 1000;

/**
 * `archive renew --rehash`: reads every file below the directories and what the archive keeps itself, then builds one hash-tree renewal
 * for each of the independent records. @throws SealError SEAL-USAGE for a digest that has ended, SEAL-ARCHIVE-OPEN while an earlier renewal
 * waits for its timestamp, SEAL-INPUT-MISSING
 */
export async function rehashArchive(
  service: Service,
  digest: DigestAlgorithm,
  directories: readonly string[],
  dryRun: boolean,
  call: Call,
): Promise<RehashView> {
  const { app, renewing } = service;
  const { fx } = app;
  const trust = await service.trust();
  demandStrong(digest, trust, fx.clock.now());
  const known = await digestsInUse(app);
  const places = await withKept(app, directories);
  const search = await findObjects(
    fx,
    { directories: places, digest, known },
    {
      onFile: (done) => {
        call.progress({ what: 'files read', done });
      },
      signal: call.signal,
    },
  );
  await rehashLinks(fx, known, digest);
  const missing: MissingObject[] = [];
  let read = 0;
  const work = (n: number): Promise<RehashResult> =>
    rehashTrees(fx, app.config, {
      digest,
      n,
      actor: call.actor,
      dryRun,
      signal: call.signal,
      onLeaves: (count) => {
        call.progress({ what: 'leaves', done: (read += count) });
      },
      onIncomplete: async (leaf) => {
        if (missing.length < named) missing.push(...(await describe(app, trust, places, leaf)));
      },
    });
  const { result } = await renewing.whileAlone(async () => {
    if ((await renewing.late()).length > 0)
      throw new SealError('SEAL-ARCHIVE-OPEN', 'an earlier renewal waits for its timestamp', {
        hint: '“archive due” and “status” tell why; everything that was read is remembered',
      });
    const results: RehashResult[] = [];
    for (let n = 1; n <= app.config.archive.timestamps; n++) results.push(await work(n));
    return results;
  }, call.signal);
  await fx.store.setMeta(positionKey(digest), '');
  return {
    files: search.files,
    leaves: sum(result.map(({ leaves }) => leaves)),
    incomplete: sum(result.map(({ incomplete }) => incomplete)),
    missing: missing.slice(0, named),
    unreadable: search.unreadable,
    waiting: [...new Set(result.flatMap(({ waiting }) => waiting))],
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function demandStrong(digest: DigestAlgorithm, trust: Trust, now: number): void {
  const { end, name, endSource } = digestLife(digest, trust.catalogue);
  if (now >= end)
    throw new SealError('SEAL-USAGE', `${name} has ended (${endSource})`, {
      hint: 'choose a digest that is good for long: “archive due” tells the dates',
    });
}

/** By which digests objects are known: those of the trees, and of earlier hash-tree renewals. */
async function digestsInUse({ fx }: App): Promise<DigestAlgorithm[]> {
  const renewals = await fx.store.renewals({ kind: 'hash-tree' });
  return [...new Set([...(await fx.store.trees({ states: ['anchored'] })), ...renewals].map(({ digest }) => digest))];
}

/** With `archive.keep: documents` the archive has its own copies. */
async function withKept({ fx, config }: App, directories: readonly string[]): Promise<string[]> {
  const kept = joinPath(config.dataDir, 'kept').toString();
  return [...directories, ...((await fx.files.stat(kept)) === undefined ? [] : [kept])];
}

async function describe(
  { fx }: Pick<App, 'fx'>,
  trust: Trust,
  directories: readonly string[],
  { leaf, missing, last, digest }: IncompleteLeaf,
): Promise<MissingObject[]> {
  const token = parseTimestampToken(last.token);
  const { provesUntil } = judgeTimestamp(token, { kind: 'evidence-record', trust, at: last.genTime });
  const until = Math.min(provesUntil, digestLife(digest, trust.catalogue).end);
  const document = leaf.document === undefined ? undefined : await fx.store.document(leaf.document);
  const [batch] = leaf.batch === undefined ? [] : [await fx.store.batch(leaf.batch)];
  return await Promise.all(
    missing.map(async (member): Promise<MissingObject> => {
      const isOutput = leaf.kind === 'output' || (leaf.kind === 'group' && member === 1);
      const path = document && (isOutput ? beside(document.relPath, document.signature?.outputName) : document.relPath);
      const file = path && (await existing(fx, directories, path, batch?.outPath));
      return {
        tree: leaf.tree,
        index: leaf.index,
        kind: leaf.kind,
        state: file === undefined ? 'missing' : 'changed',
        ...(leaf.batch === undefined ? {} : { batch: leaf.batch }),
        ...(path === undefined ? {} : { path: displayName(path) }),
        ...(file === undefined ? {} : { file }),
        ...(Number.isFinite(until) ? { provesUntil: isoTime(until) } : {}),
      };
    }),
  );
}

function beside(path: Buffer, name: Buffer | undefined): Buffer {
  if (name === undefined) return path;
  const slash = path.lastIndexOf(0x2f);
  return Buffer.concat([path.subarray(0, slash + 1), name]);
}

/** A file of that name below one of the directories, with or without the batch's path. */
async function existing(
  fx: Pick<App['fx'], 'files'>,
  directories: readonly string[],
  path: Buffer,
  outPath: Buffer | undefined,
): Promise<string | undefined> {
  for (const directory of directories)
    for (const place of [joinPath(directory, path), ...(outPath === undefined ? [] : [joinPath(directory, outPath, path)])])
      if ((await fx.files.stat(place))?.kind === 'file') return displayName(place);
  return undefined;
}
