import { errnoOf, SealError } from '../errors.ts';
import { sha256 } from '../formats/digests.ts';
import { directoryName, displayName, joinPath } from '../formats/names.ts';
import type { Effects } from '../ports/effects.ts';

/** A file of an export. */
export interface ExportFile {
  /** Below the directory of the export. */
  readonly name: Buffer;
  /** In memory, or in pieces where it may be large; pieces can be had once. */
  readonly content: Buffer | AsyncIterable<Uint8Array>;
  /** Whether a file of this name is an earlier export of the same object: only then it is replaced. */
  readonly ours: Recognition;
}

export interface Recognition {
  /** How many of its first bytes must be seen. */
  readonly bytes: number;
  readonly test: (start: Buffer) => boolean;
}

/** What became of a file: `kept` had these bytes already. */
export type WrittenState = 'written' | 'renewed' | 'kept';

type WriteEffects = Pick<Effects, 'files'>;

/** Too long, or a file stands where a directory must be, or the other way round. */
const impossibleNames: ReadonlySet<string> = new Set(['ENAMETOOLONG', 'ENOTDIR', 'EEXIST', 'EISDIR']);

/**
 * Puts a file of an export into place, whole or not at all. May run again: a file with the same bytes is left alone, an earlier export of the
 * same object is replaced, anything else stays as it is.
 * @throws SealError SEAL-DOC-NAME when something else stands there or the name cannot be, SEAL-DISK-*
 */
export async function writeExport(fx: WriteEffects, out: string, file: ExportFile): Promise<WrittenState> {
  const path = joinPath(out, file.name);
  try {
    await fx.files.makeDirectory(directoryName(path));
    return Buffer.isBuffer(file.content)
      ? await writeBytes(fx, path, file.content, file.ours)
      : await writePieces(fx, path, file.content, file.ours);
  } catch (thrown) {
    if (!impossibleNames.has(errnoOf(thrown) ?? '')) throw thrown;
    throw new SealError('SEAL-DOC-NAME', 'the export cannot have this name', {
      where: displayName(path),
      hint: 'export it by its digest, SHA256:HEX, which becomes the name',
      cause: thrown,
    });
  }
}

async function writeBytes(fx: WriteEffects, path: Buffer, bytes: Buffer, ours: Recognition): Promise<WrittenState> {
  const before = await replaceable(fx, path, ours);
  if (before === undefined) {
    if (await fx.files.claimDurable(path, bytes)) return 'written';
    return await writeBytes(fx, path, bytes, ours);
  }
  if (before === bytes.length && (await fx.files.readAt(path, 0, before)).equals(bytes)) return 'kept';
  await fx.files.writeDurable(path, bytes);
  return 'renewed';
}

/** In a directory beside its place first: its bytes are known when the last piece has come. */
async function writePieces(fx: WriteEffects, path: Buffer, pieces: AsyncIterable<Uint8Array>, ours: Recognition): Promise<WrittenState> {
  const before = await replaceable(fx, path, ours);
  const aside = joinPath(directoryName(path), `.sealtree-export-${sha256(path).toString('hex', 0, 8)}`);
  await fx.files.remove(aside);
  await fx.files.makeDirectory(aside, 0o700);
  try {
    const whole = joinPath(aside, 'file');
    const { size, digest } = await fx.files.create(whole, pieces, 'sha256');
    if (before === size && (await fx.files.digest(path, ['sha256'])).get('sha256')?.equals(digest) === true) return 'kept';
    await fx.files.syncTree(aside);
    await fx.files.rename(whole, path);
    return before === undefined ? 'written' : 'renewed';
  } finally {
    await fx.files.remove(aside);
  }
}

/** Size of the file that may be replaced; undefined when there is none. @throws SealError SEAL-DOC-NAME for anything else */
async function replaceable({ files }: WriteEffects, path: Buffer, { bytes, test }: Recognition): Promise<number | undefined> {
  const info = await files.stat(path);
  if (info === undefined) return undefined;
  if (info.kind === 'file' && test(await files.readAt(path, 0, Math.min(info.size, bytes)))) return info.size;
  throw new SealError('SEAL-DOC-NAME', 'something else stands in the place of the export, and nothing is overwritten', {
    where: displayName(path),
    hint: 'choose another --out, or move it away',
  });
}
