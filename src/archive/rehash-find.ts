import { asSealError, type ErrorReport } from '../errors.ts';
import { displayName, joinPath } from '../formats/names.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { Effects } from '../ports/effects.ts';
import type { Path } from '../ports/files.ts';

export interface Search {
  /** Absolute; everything below them is read once. */
  readonly directories: readonly string[];
  /** The new digest. */
  readonly digest: DigestAlgorithm;
  /** Digests by which the archive knows its objects. */
  readonly known: readonly DigestAlgorithm[];
}

export interface SearchResult {
  readonly files: number;
  /** Files that could not be read: their objects are missing. */
  readonly unreadable: readonly { readonly file: string; readonly error: ErrorReport }[];
}

/** Files hashed together; what they gave is one transaction, and a kill costs no more than them. */
const together = 128;
/** Unreadable files that are named. */
const named = 1000;

/** Names below a directory, from its own entries down. */
type Place = readonly Buffer[];

/**
 * Reads every file below the directories once, in the order of names, and remembers its hashes: objects are found by hash, whatever their
 * files are called (RFC 4998 §5.3). Goes on where an interrupted search over the same directories stood. Links are not followed.
 * @throws the signal's reason; SealError SEAL-STORE-*, SEAL-INPUT-MISSING for a directory that is not there
 */
export async function findObjects(
  fx: Pick<Effects, 'files' | 'store'>,
  { directories, digest, known }: Search,
  { onFile, signal }: { readonly onFile: (count: number) => void; readonly signal: AbortSignal },
): Promise<SearchResult> {
  const key = positionKey(digest);
  const position = parsePosition(await fx.store.meta(key), directories);
  const unreadable: SearchResult['unreadable'][number][] = [];
  let count = 0;
  const read = async (directory: number, places: readonly Place[]): Promise<void> => {
    signal.throwIfAborted();
    const found = await Promise.all(
      places.map((place) => hashesOf(fx, joinPath(directories[directory] ?? '', ...place), known, digest, signal)),
    );
    const objects = found.flatMap((one) => ('error' in one ? [] : one.objects));
    for (const one of found) if ('error' in one && unreadable.length < named) unreadable.push(one);
    const value = JSON.stringify({ directories, directory, place: places.at(-1)?.map((name) => name.toString('hex')) });
    await fx.store.addRehashed(digest, objects, { key, value });
    count += places.length;
    onFile(count);
  };
  for (let directory = position.directory; directory < directories.length; directory++) {
    const after = directory === position.directory ? position.place : [];
    let places: Place[] = [];
    for await (const place of walk(fx, directories[directory] ?? '', [], after)) {
      places.push(place);
      if (places.length < together) continue;
      await read(directory, places);
      places = [];
    }
    if (places.length > 0) await read(directory, places);
  }
  return { files: count, unreadable };
}

/** Where a search stands, in the database. */
export function positionKey(digest: DigestAlgorithm): string {
  return `rehash.${digest}`;
}

function parsePosition(text: string | undefined, directories: readonly string[]): { readonly directory: number; readonly place: Place } {
  const stored =
    text === undefined || text === '' ? undefined : (JSON.parse(text) as { directories: string[]; directory: number; place: string[] });
  if (stored === undefined || JSON.stringify(stored.directories) !== JSON.stringify(directories)) return { directory: 0, place: [] };
  return { directory: stored.directory, place: stored.place.map((name) => Buffer.from(name, 'hex')) };
}

/** Files below a directory that come behind a place, in the order of names, each directory at its own name. */
async function* walk(fx: Pick<Effects, 'files'>, top: string, below: Place, after: Place): AsyncGenerator<Place> {
  const entries = [];
  for await (const entry of fx.files.list(joinPath(top, ...below)))
    if (entry.kind === 'file' || entry.kind === 'directory') entries.push(entry);
  entries.sort((a, b) => a.name.compare(b.name));
  const [bound, ...rest] = after;
  for (const { name, kind } of entries) {
    const order = bound === undefined ? 1 : name.compare(bound);
    if (order < 0 || (order === 0 && kind === 'file')) continue;
    if (kind === 'file') yield [...below, name];
    else yield* walk(fx, top, [...below, name], order === 0 ? rest : []);
  }
}

interface Hashed {
  readonly objects: readonly { readonly hash: Buffer; readonly rehashed: Buffer }[];
}

async function hashesOf(
  fx: Pick<Effects, 'files'>,
  file: Path,
  known: readonly DigestAlgorithm[],
  digest: DigestAlgorithm,
  signal: AbortSignal,
): Promise<Hashed | SearchResult['unreadable'][number]> {
  try {
    const digests = await fx.files.digest(file, [...new Set([...known, digest])], signal);
    const rehashed = digests.get(digest);
    if (rehashed === undefined) return { objects: [] };
    return { objects: known.flatMap((algorithm) => ({ hash: digests.get(algorithm) ?? rehashed, rehashed })) };
  } catch (thrown) {
    signal.throwIfAborted();
    return { file: displayName(file), error: asSealError(thrown).toJSON() };
  }
}
