import { SealError } from '../errors.ts';
import { displayName, joinPath } from '../formats/names.ts';
import type { Effects } from '../ports/effects.ts';
import type { FileInfo } from '../ports/files.ts';

type CopyEffects = Pick<Effects, 'files'>;

/**
 * Copies a directory to another file system, everything on disk when it resolves. Rights are kept; each copy is read back and compared by its
 * SHA-256; links are made anew and never followed. FIFOs, sockets and devices hold no bytes and are left out: what was no document is named in
 * the batch's report.
 */
export async function copyTree(fx: CopyEffects, from: Buffer, to: Buffer): Promise<void> {
  await copyNode(fx, from, to);
  await fx.files.syncTree(to);
}

/**
 * The same for one file or link.
 * @param aside on the file system of `to`; made and removed: in it the copy becomes complete
 */
export async function copyOne({ files }: CopyEffects, from: Buffer, to: Buffer, aside: Buffer): Promise<void> {
  await files.remove(aside);
  await files.makeDirectory(aside, 0o700);
  const copy = joinPath(aside, 'copy');
  await copyNode({ files }, from, copy);
  await files.syncTree(aside);
  if ((await files.stat(copy)) !== undefined) await files.rename(copy, to);
  await files.remove(aside);
}

async function copyNode(fx: CopyEffects, from: Buffer, to: Buffer): Promise<void> {
  const { files } = fx;
  const info = await files.stat(from);
  if (info?.kind === 'symlink') await files.copyLink(from, to);
  if (info?.kind === 'file') await copyFile(fx, from, to, info);
  if (info?.kind !== 'directory') return;
  // Whatever its rights were: its content must come in.
  await files.makeDirectory(to, info.mode | 0o700);
  for await (const { name } of files.list(from)) await copyNode(fx, joinPath(from, name), joinPath(to, name));
}

async function copyFile({ files }: CopyEffects, from: Buffer, to: Buffer, { size, mode }: FileInfo): Promise<void> {
  const written = await files.assemble(to, [{ offset: 0, length: size }], from, 'sha256', undefined, mode & 0o777);
  const again = await files.digest(to, ['sha256']);
  if (again.get('sha256')?.equals(written.digest) === true) return;
  throw new SealError('SEAL-DISK-IO', 'a copy differs from its original', {
    where: displayName(to),
    hint: 'check the file system; it is tried again',
  });
}
