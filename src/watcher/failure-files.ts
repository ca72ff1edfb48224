import { SealError } from '../errors.ts';
import { baseName, directoryName, joinPath } from '../formats/names.ts';
import { ownNames } from '../formats/places.ts';
import type { Effects } from '../ports/effects.ts';

/** `name`, `name~2` … tried when something of that name may be in the way. */
const mostNumbers = 1_000;
/** Numbers are given without gaps, but a directory may have been collected: a few further ones are tried. */
const fewMissing = 16;
const ours = [ownNames.error, ownNames.failed];
/** error.json lists every failed document of a batch; its first lines name the batch. */
const headBytes = 4_096;

function numbered(path: Buffer, n: number): Buffer {
  return n === 1 ? path : joinPath(directoryName(path), Buffer.concat([baseName(path), Buffer.from(`~${n}`)]));
}

/**
 * The directory below failed/ in which a batch was put, by the batch that its error.json names; undefined when it is not there any more. Any part
 * of its path may have got a number, so that it lies in no other batch.
 */
export async function findFailed(
  { files }: Pick<Effects, 'files'>,
  failed: string,
  relPath: Buffer,
  batch: string,
): Promise<Buffer | undefined> {
  let above: Buffer[] = [Buffer.from(failed)];
  for (let at = relPath.indexOf(0x2f), start = 0; at >= 0; start = at + 1, at = relPath.indexOf(0x2f, start)) {
    const name = relPath.subarray(start, at);
    const found = await Promise.all(above.map((directory) => numberedDirectories({ files }, joinPath(directory, name))));
    above = found.flat();
  }
  for (const directory of above) {
    for (const place of await numberedDirectories({ files }, joinPath(directory, baseName(relPath))))
      if ((await filesOf({ files }, place, batch)).length > 0) return place;
  }
  return undefined;
}

/** `path`, `path~2` … as far as they are directories. */
async function numberedDirectories({ files }: Pick<Effects, 'files'>, path: Buffer): Promise<Buffer[]> {
  const found: Buffer[] = [];
  for (let n = 1, missing = 0; n <= mostNumbers && missing < fewMissing; n++) {
    const directory = numbered(path, n);
    const info = await files.stat(directory);
    if (info?.kind === 'directory') found.push(directory);
    missing = info === undefined ? missing + 1 : 0;
  }
  return found;
}

/** Takes FAILED and error.json of an earlier attempt out of a claimed directory: they are no documents. A producer's files stay. */
export async function removeFailureFiles(fx: Pick<Effects, 'files'>, directory: Buffer, batch: string): Promise<void> {
  for (const path of await filesOf(fx, directory, batch)) await fx.files.remove(path);
}

async function filesOf({ files }: Pick<Effects, 'files'>, directory: Buffer, batch: string): Promise<Buffer[]> {
  const found: Buffer[] = [];
  for (const name of ours) {
    for (let n = 1; ; n++) {
      const path = numbered(joinPath(directory, name), n);
      if ((await files.stat(path)) === undefined) break;
      if (await names({ files }, path, batch)) found.push(path);
    }
  }
  return found;
}

/** Whether a file begins as ours do, with the batch. */
async function names({ files }: Pick<Effects, 'files'>, path: Buffer, batch: string): Promise<boolean> {
  try {
    const head = (await files.readAt(path, 0, headBytes)).toString('utf8');
    return /^\{\s*"batch"\s*:\s*"([^"\\]*)"/.exec(head)?.[1] === batch;
  } catch (thrown) {
    // Somebody's document of this name.
    if (thrown instanceof SealError && thrown.code !== 'SEAL-DISK-IO') return false;
    throw thrown;
  }
}
