import { createHash } from 'node:crypto';
import { SealError } from '../errors.ts';
import { baseName, directoryName, displayName, joinPath } from '../formats/names.ts';
import { isDetached } from '../formats/output-parts.ts';
import { spoolFile } from '../formats/places.ts';
import type { AnyDigest, DigestAlgorithm } from '../model/algorithms.ts';
import type { RootConfig } from '../model/config.ts';
import type { Effects } from '../ports/effects.ts';
import type { Path } from '../ports/files.ts';
import type { Subject } from './archive-selection.ts';
import type { App } from './context.ts';
import { documentOf } from './verify-files.ts';

/** Where the bytes of an object are. */
export type Source = { readonly file: Path; readonly size: number } | { readonly bytes: Buffer };

/** Where objects are looked for. */
export interface Places {
  readonly fx: Pick<Effects, 'files' | 'store'>;
  readonly config: Pick<App['config'], 'dataDir' | 'roots'>;
}

const piece = 2 ** 20;

/**
 * Finds the bytes of objects by their hashes: in the file that was named and what lies beside it, in outgoing, among the originals, in the
 * archive's own copies. Only what hashes to it is taken, so a name may be wrong, but never the bytes.
 * @param hashes with `digest`
 * @returns in their order; undefined where nobody has it any more
 */
export async function findSources(
  places: Places,
  subject: Subject,
  hashes: readonly Buffer[],
  digest: DigestAlgorithm,
): Promise<(Source | undefined)[]> {
  const wanted = new Set(hashes.map((hash) => hash.toString('hex')));
  const found = new Map<string, Source>();
  for await (const { source, hash } of candidates(places, subject, digest)) {
    const key = hash.toString('hex');
    if (wanted.has(key) && !found.has(key)) found.set(key, source);
    if (found.size === wanted.size) break;
  }
  return hashes.map((hash) => found.get(hash.toString('hex')));
}

async function* candidates(
  { fx, config }: Places,
  subject: Subject,
  digest: DigestAlgorithm,
): AsyncGenerator<{ readonly source: Source; readonly hash: Buffer }> {
  const own = await ownSignature(fx, subject);
  if (own !== undefined) yield { source: { bytes: own }, hash: createHash(digest).update(own).digest() };
  for (const file of pathsOf(subject, config)) {
    const info = await fx.files.stat(file);
    if (info?.kind !== 'file') continue;
    const hash = (await fx.files.digest(file, [digest])).get(digest);
    if (hash !== undefined) yield { source: { file, size: info.size }, hash };
  }
}

/** A detached signature that the database still has. */
async function ownSignature({ store }: Pick<Effects, 'store'>, { document, leaf }: Subject): Promise<Buffer | undefined> {
  if (document?.signature === undefined || leaf.kind !== 'group') return undefined;
  const parts = (await store.document(document.id))?.signature?.parts ?? [];
  return parts.length > 0 && isDetached(parts) ? Buffer.concat(parts.filter((part) => Buffer.isBuffer(part))) : undefined;
}

function* pathsOf({ file, batch, document }: Subject, { dataDir, roots }: Places['config']): Generator<Path> {
  if (file !== undefined) {
    yield file;
    const name = Buffer.from(file);
    const beside = documentOf(name);
    yield beside ?? Buffer.concat([name, Buffer.from('.p7s')]);
  }
  if (batch === undefined || document === undefined) return;
  const names = namesOf(document);
  const root: RootConfig | undefined = roots[batch.root];
  for (const tree of root === undefined ? [] : [root.outgoing, root.done])
    for (const name of names) yield joinPath(tree, batch.outPath, name);
  yield joinPath(dataDir, 'kept', batch.id, String(document.seq));
  yield spoolFile(dataDir, batch.id, document.seq);
}

/** Below the batch: of the output, and of the document. */
export function namesOf({ relPath, signature }: NonNullable<Subject['document']>): Buffer[] {
  return [...(signature === undefined ? [] : [joinPath(directoryName(relPath), signature.outputName)]), relPath];
}

/** Of a group document and signature, else what was delivered; of a hash alone the hash. */
export function namesOfObjects({ document, file, leaf }: Subject, count: number): Buffer[] {
  if (document === undefined) return file === undefined || count > 1 ? [] : [Buffer.from(file)];
  const [output = document.relPath] = namesOf(document);
  return leaf.kind === 'group' ? [document.relPath, output] : [leaf.kind === 'output' ? output : document.relPath];
}

/**
 * The bytes of a source in pieces. @param expected their SHA-256
 * @throws SealError SEAL-DOC-HASH when they are not those any more
 */
export async function* piecesOf({ files }: Pick<Effects, 'files'>, source: Source, expected: Buffer): AsyncGenerator<Uint8Array> {
  if ('bytes' in source) {
    yield source.bytes;
    return;
  }
  const hash = createHash('sha256');
  for (let at = 0; at < source.size; at += piece) {
    const bytes = await files.readAt(source.file, at, Math.min(piece, source.size - at));
    hash.update(bytes);
    yield bytes;
  }
  if (!hash.digest().equals(expected)) throw changed(source);
}

function changed(source: Source): SealError {
  return new SealError('SEAL-DOC-HASH', 'the document changed while it was exported', {
    where: 'file' in source ? displayName(source.file) : 'the signature',
    hint: 'repeat the export',
  });
}

/** bytes */
export function sizeOf(source: Source): number {
  return 'bytes' in source ? source.bytes.length : source.size;
}

/**
 * Digests of a source that was found by its hash, SHA-256 and that one among them.
 * @throws SealError SEAL-DOC-HASH when it is not what was found any more
 */
export async function digestsOf(
  { files }: Pick<Effects, 'files'>,
  source: Source,
  [digest, hash]: readonly [DigestAlgorithm, Buffer],
  more: readonly DigestAlgorithm[] = [],
): Promise<{ readonly whole: Buffer; readonly digests: ReadonlyMap<DigestAlgorithm, Buffer> }> {
  const wanted = [...new Set<DigestAlgorithm>(['sha256', digest, ...more])];
  const found: ReadonlyMap<AnyDigest, Buffer> =
    'bytes' in source
      ? new Map(wanted.map((one) => [one, createHash(one).update(source.bytes).digest()]))
      : await files.digest(source.file, wanted);
  const whole = found.get('sha256');
  if (whole === undefined || found.get(digest)?.equals(hash) !== true) throw changed(source);
  const digests = new Map(wanted.map((one) => [one, found.get(one) ?? Buffer.alloc(0)]));
  return { whole, digests };
}

/** The last part of a path as every system takes it: what Windows forbids, and what does not print, is `_`. */
export function portableName(path: Buffer): string {
  const name = baseName(path)
    .toString('utf8')
    .replace(/[<>:"/\\|?*\p{Cc}\p{Cf}\ufffd\u2028\u2029]/gu, '_')
    .replace(/[. ]+$/, '_');
  return name === '' ? '_' : name;
}
