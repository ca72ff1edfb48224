import { RecordMaker } from '../archive/evidence.ts';
import { addDays, instantOf } from '../archive/local-time.ts';
import { SealError } from '../errors.ts';
import { directoryName, displayName, joinPath } from '../formats/names.ts';
import type { Leaf, Tree } from '../model/archive.ts';
import { readCertificates, type Trust } from '../pki/trust.ts';
import type { Effects } from '../ports/effects.ts';
import type { DocumentSearch, FoundDocument } from '../ports/archive-store.ts';
import { leavesOf } from './archive-objects.ts';
import { mustFind } from './batches.ts';
import type { App, Call } from './context.ts';
import { isoTime } from './views.ts';

export interface FindArgs {
  /** Absolute paths, or `SHA256:HEX`; alone. */
  readonly what: readonly string[];
  readonly name?: string;
  readonly batch?: string;
  /** Local dates of the archive’s time zone, both inclusive: when the batch was claimed. */
  readonly from?: string;
  readonly to?: string;
  readonly key?: string;
  /** SHA-256, hexadecimal, colons or not; or the absolute path of the certificate, PEM or DER. */
  readonly certificate?: string;
  readonly limit?: number;
  /** `cursor` of the last one that was seen. */
  readonly after?: number;
}

export interface FoundObject {
  /** As it was asked for: a file or a digest. */
  readonly what?: string;
  readonly tree: string;
  readonly index: number;
  readonly kind: Leaf['kind'];
  readonly state: Tree['state'];
  /** Proven since; absent until the tree is anchored. */
  readonly genTime?: string;
  /** If nobody renews the timestamp; absent until the tree is anchored, or when no end is known. */
  readonly provesUntil?: string;
  readonly batch?: string;
  readonly root?: string;
  /** Of the document it belongs to, below its batch; of its output where that has another name. */
  readonly path?: string;
  readonly output?: string;
  readonly sha256?: string;
  readonly key?: string;
  readonly certificate?: string;
  readonly format?: string;
  readonly level?: string;
  /** Of a search by anything but files and digests: `--after` takes it for the next page. */
  readonly cursor?: number;
}

type FindEffects = Pick<Effects, 'files' | 'store'>;

const defaultLimit = 100;
const maxCertificate = 2 ** 20;

/**
 * `archive find`. By file or digest: is this in the archive, and since when? What is not there gives no line. By name, batch, dates, key and
 * certificate: documents in the order in which they came, a page at a time. Reads only, beside the daemon.
 * @throws SealError SEAL-USAGE, SEAL-BATCH-UNKNOWN, SEAL-INPUT-MISSING
 */
export async function findObjects(
  { fx, config }: { readonly fx: FindEffects; readonly config: Pick<App['config'], 'archive'> },
  trust: Trust,
  args: FindArgs,
  call: Pick<Call, 'progress' | 'signal'>,
): Promise<FoundObject[]> {
  const teller = new Teller(fx, trust);
  if (args.what.length > 0 && Object.keys(args).some((name) => filters.has(name)))
    throw new SealError('SEAL-USAGE', 'files and digests are looked for alone', {
      hint: 'leave out --name, --batch, --from, --to, --key and --certificate',
    });
  if (args.what.length === 0) return await searched(fx, teller, await searchOf(fx, config, args), args, call);
  const found: FoundObject[] = [];
  for (const what of args.what) for (const leaf of await leavesIfAny(fx, what)) found.push(await teller.object(what, leaf));
  return found;
}

const filters: ReadonlySet<string> = new Set(['name', 'batch', 'from', 'to', 'key', 'certificate']);

async function leavesIfAny(fx: FindEffects, what: string): Promise<Leaf[]> {
  return await leavesOf(fx, what).catch((error: unknown) => {
    if (error instanceof SealError && error.code === 'SEAL-ARCHIVE-UNKNOWN') return [];
    throw error;
  });
}

async function searchOf(fx: FindEffects, config: Pick<App['config'], 'archive'>, args: FindArgs): Promise<DocumentSearch> {
  const { name, batch, from, to, key, certificate } = args;
  if (name === undefined && batch === undefined && from === undefined && to === undefined && key === undefined && certificate === undefined)
    throw new SealError('SEAL-USAGE', 'nothing to look for', {
      hint: 'name a file or SHA256:HEX, or give --name, --batch, --from, --to, --key or --certificate',
    });
  const { timezone } = config.archive;
  return {
    ...(name === undefined ? {} : { name }),
    ...(batch === undefined ? {} : { batch: (await mustFind(fx.store, batch)).id }),
    ...(from === undefined ? {} : { from: instantOf(from, '00:00', timezone) }),
    ...(to === undefined ? {} : { to: instantOf(addDays(to, 1), '00:00', timezone) }),
    ...(key === undefined ? {} : { key }),
    ...(certificate === undefined ? {} : { certificate: await fingerprintOf(fx, certificate) }),
  };
}

async function fingerprintOf({ files }: FindEffects, given: string): Promise<Buffer> {
  const hex = given.replaceAll(':', '');
  if (/^[0-9a-f]{64}$/i.test(hex)) return Buffer.from(hex, 'hex');
  const [certificate] = readCertificates(await files.read(given, maxCertificate), displayName(given));
  if (certificate === undefined) throw new SealError('SEAL-INPUT-INVALID', 'the file holds no certificate', { where: displayName(given) });
  return certificate.sha256;
}

async function searched(
  fx: FindEffects,
  teller: Teller,
  search: DocumentSearch,
  { limit = defaultLimit, after = 0 }: FindArgs,
  { progress, signal }: Pick<Call, 'progress' | 'signal'>,
): Promise<FoundObject[]> {
  const all: FoundObject[] = [];
  for (let at = after; ;) {
    signal.throwIfAborted();
    const { found, scanned, last } = await fx.store.searchDocuments(search, at, limit - all.length);
    for (const document of found) all.push(await teller.document(document));
    progress({ what: 'documents looked at', done: scanned, total: last });
    if (all.length >= limit || scanned >= last || scanned <= at) return all;
    at = scanned;
  }
}

/** Tells what is known of a leaf; trees are asked for once. */
class Teller {
  readonly #fx: FindEffects;
  readonly #maker: RecordMaker;
  readonly #states = new Map<string, Promise<Tree['state']>>();

  constructor(fx: FindEffects, trust: Trust) {
    this.#fx = fx;
    this.#maker = new RecordMaker(fx, trust);
  }

  async object(what: string, leaf: Leaf): Promise<FoundObject> {
    const document = leaf.document === undefined ? undefined : await this.#fx.store.document(leaf.document);
    const batch = leaf.batch === undefined ? undefined : await this.#fx.store.batch(leaf.batch);
    const certificate = document?.signature?.certificate.toString('hex');
    return {
      what,
      ...(await this.#leaf(leaf)),
      ...(batch === undefined ? {} : { batch: batch.id, root: batch.root }),
      ...(document === undefined ? {} : { path: displayName(document.relPath) }),
      ...(document?.signature === undefined || certificate === undefined ? {} : { key: document.signature.key, certificate }),
    };
  }

  /** With the leaf of what was delivered. */
  async document(found: FoundDocument): Promise<FoundObject> {
    const { relPath, outputName, sha256, key, certificate, format, level } = found;
    const reference = found.leaves.find(({ what }) => what === 'output' || what === 'group') ?? found.leaves[0];
    const leaf = reference && (await this.#fx.store.leaf(reference.tree, reference.index));
    if (reference === undefined || leaf === undefined)
      throw new SealError('SEAL-ARCHIVE-DAMAGED', 'a leaf is missing', { where: displayName(relPath) });
    const output = outputName && joinPath(directoryName(relPath), outputName);
    return {
      ...(await this.#leaf({ ...leaf, kind: reference.what })),
      batch: found.batch,
      root: found.root,
      path: displayName(relPath),
      ...(output === undefined || output.equals(relPath) ? {} : { output: displayName(output) }),
      ...(sha256 === undefined ? {} : { sha256: sha256.toString('hex') }),
      ...(key === undefined ? {} : { key }),
      ...(certificate === undefined ? {} : { certificate: certificate.toString('hex') }),
      ...(format === undefined ? {} : { format }),
      ...(level === undefined ? {} : { level }),
      cursor: found.document,
    };
  }

  async #leaf(leaf: Leaf): Promise<Pick<FoundObject, 'tree' | 'index' | 'kind' | 'state' | 'genTime' | 'provesUntil'>> {
    const { tree, index, kind } = leaf;
    const known = this.#states.get(tree) ?? this.#fx.store.trees({ id: tree }).then(([one]) => one?.state ?? 'open');
    this.#states.set(tree, known);
    const state = await known;
    if (state !== 'anchored') return { tree, index, kind, state };
    const { since, until } = await this.#maker.proves(leaf);
    return { tree, index, kind, state, genTime: isoTime(since), ...(Number.isFinite(until) ? { provesUntil: isoTime(until) } : {}) };
  }
}
