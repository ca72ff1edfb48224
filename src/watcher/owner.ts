import { SealError } from '../errors.ts';
import { displayName, joinPath } from '../formats/names.ts';
import { ownerMarker, reservedName } from '../formats/places.ts';
import type { RootConfig } from '../model/config.ts';
import type { Effects } from '../ports/effects.ts';

/** Who works on a root: the data directory, by an identity that a copy of it keeps and a new one does not have. */
export interface Owner {
  readonly dataDirectory: string;
  /** Where it lay when it took the root; for people. */
  readonly path: string;
}

const markerLimit = 4096;

/**
 * Takes a root, or finds that it is ours already. Two daemons with different data directories never work on one root: of two that try at
 * the same moment one wins.
 * @throws SealError SEAL-ROOT-OWNED, SEAL-DISK-*
 */
export async function own({ files }: Pick<Effects, 'files'>, root: RootConfig, owner: Owner): Promise<void> {
  const marker = ownerMarker(root);
  await files.makeDirectory(joinPath(root.path, reservedName));
  const text = `${JSON.stringify({ dataDirectory: owner.dataDirectory, path: owner.path })}\n`;
  if (await files.claimDurable(marker, Buffer.from(text))) return;
  const found = readMarker(await files.read(marker, markerLimit));
  if (found?.dataDirectory === owner.dataDirectory) return;
  if (found?.path === owner.path) throw replaced(root, found.path);
  throw new SealError(
    'SEAL-ROOT-OWNED',
    `the root ${root.name} belongs to ${found === undefined ? 'somebody unknown' : `the data directory ${found.path}`}`,
    {
      where: marker.toString(),
      hint: 'stop the other daemon for good and remove this file, or give this one a root of its own',
    },
  );
}

/** Who works on a root; undefined: nobody yet, or it is not there. */
export async function ownerOf({ files }: Pick<Effects, 'files'>, root: RootConfig): Promise<Owner | undefined> {
  const marker = ownerMarker(root);
  return (await files.stat(marker)) === undefined ? undefined : readMarker(await files.read(marker, markerLimit));
}

/** The root remembers a data directory at this place, and what lies there is another one or nothing. */
export function replaced(root: RootConfig, path: string): SealError {
  return new SealError(
    'SEAL-ROOT-OWNED',
    `the root ${root.name} belongs to a database that was at ${displayName(path)} and is not there now`,
    {
      where: ownerMarker(root).toString(),
      hint: `mount the file system of ${displayName(path)}, or put its last backup back; only to begin with an empty archive on purpose remove this file`,
    },
  );
}

/** Gives a root back, so that another data directory may take it. Only its own marker is removed. */
export async function disown({ files }: Pick<Effects, 'files'>, root: RootConfig, dataDirectory: string): Promise<boolean> {
  const marker = ownerMarker(root);
  if ((await files.stat(marker)) === undefined) return false;
  if (readMarker(await files.read(marker, markerLimit))?.dataDirectory !== dataDirectory) return false;
  await files.remove(marker);
  return true;
}

function readMarker(bytes: Buffer): Owner | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof value !== 'object' || value === null || !('dataDirectory' in value) || typeof value.dataDirectory !== 'string')
      return undefined;
    return { dataDirectory: value.dataDirectory, path: 'path' in value && typeof value.path === 'string' ? value.path : '' };
  } catch {
    return undefined;
  }
}
