import { SealError } from '../errors.ts';
import { displayName, joinPath } from '../formats/names.ts';
import type { Effects } from '../ports/effects.ts';

/**
 * Copies a file or a tree to another file system, everything on disk when it resolves; each copy is read back and compared by its SHA-256. What is
 * no regular file (links, FIFOs) cannot be copied without opening it and is left out: it stays named in the batch's report.
 */
export async function copyTree(fx: Pick<Effects, 'files'>, from: Buffer, to: Buffer): Promise<void> {
  const { files } = fx;
  const info = await files.stat(from);
  if (info?.kind === 'file') await copyFile(fx, from, to);
  if (info?.kind !== 'directory') return;
  await files.makeDirectory(to);
  for await (const { name } of files.list(from)) await copyTree(fx, joinPath(from, name), joinPath(to, name));
  await files.syncTree(to);
}

async function copyFile({ files }: Pick<Effects, 'files'>, from: Buffer, to: Buffer): Promise<void> {
  const copied = await files.copyHashed(from, to, ['sha256']);
  const again = await files.digest(to, ['sha256']);
  if (copied.digests.get('sha256')?.equals(again.get('sha256') ?? Buffer.alloc(0)) === true) return;
  throw new SealError('SEAL-DISK-IO', 'a copy differs from its original', {
    where: displayName(to),
    hint: 'check the file system; it is tried again',
  });
}
