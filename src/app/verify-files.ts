import { baseName, displayName, joinPath } from '../formats/names.ts';
import { ownNames } from '../formats/places.ts';
import type { Effects } from '../ports/effects.ts';
import type { Path } from '../ports/files.ts';
import { SealError } from '../errors.ts';

/** Names of files that hold a detached signature; without the suffix it is the name of the document. */
const suffixes = ['.p7s', '.p7m', '.sig'];

/**
 * What `verify` looks at: files as they are named, and of a directory everything below it in the order of names. There documents whose signature
 * lies beside them are left to that signature, and Sealtree's own files (`ready` and reports) are not documents.
 * @param ready names of ready semaphores
 */
export async function filesToVerify(fx: Pick<Effects, 'files'>, named: readonly string[], ready: readonly string[]): Promise<Path[]> {
  const ours = new Set<string>([...Object.values(ownNames), ...ready]);
  const found: Path[] = [];
  for (const path of named) {
    if ((await fx.files.stat(path))?.kind === 'directory') found.push(...(await below(fx, Buffer.from(path), ours)));
    else found.push(path);
  }
  return found;
}

async function below(fx: Pick<Effects, 'files'>, directory: Buffer, ours: ReadonlySet<string>): Promise<Path[]> {
  const files: Buffer[] = [];
  const directories: Buffer[] = [];
  for await (const { name, kind } of fx.files.list(directory)) {
    if (kind === 'directory') directories.push(name);
    else if (kind === 'file' && !ours.has(name.toString())) files.push(name);
  }
  const signed = new Set(files.flatMap((name) => documentOf(name) ?? []).map((name) => name.toString('latin1')));
  const found: Path[] = files
    .filter((name) => !signed.has(name.toString('latin1')))
    .sort((a, b) => a.compare(b))
    .map((name) => joinPath(directory, name));
  for (const name of directories.sort((a, b) => a.compare(b))) found.push(...(await below(fx, joinPath(directory, name), ours)));
  return found;
}

/** The document of a detached signature, by its name. */
export function documentOf(signature: Buffer): Buffer | undefined {
  const name = signature.toString('latin1');
  const suffix = suffixes.find((one) => name.toLowerCase().endsWith(one));
  return suffix === undefined || baseName(signature).length === suffix.length ? undefined : signature.subarray(0, -suffix.length);
}

/** @throws SealError SEAL-INPUT-MISSING, SEAL-DOC-TYPE */
export async function demandFile(fx: Pick<Effects, 'files'>, path: Path): Promise<void> {
  const info = await fx.files.stat(path);
  const where = displayName(path);
  if (info === undefined) throw new SealError('SEAL-INPUT-MISSING', `${where} does not exist`, { where, hint: 'check the name' });
  if (info.kind !== 'file' && info.kind !== 'symlink')
    throw new SealError('SEAL-DOC-TYPE', `${where} is a ${info.kind}`, { where, hint: 'name a file' });
}
