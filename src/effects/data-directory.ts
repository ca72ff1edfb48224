import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { SealError } from '../errors.ts';

/** Makes or opens the data directory, private to its user. @throws SealError SEAL-NOT-PERMITTED when others can read it */
export function openDataDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const { mode, uid } = statSync(path);
  if ((mode & 0o077) === 0) return;
  if (uid !== process.getuid?.())
    throw new SealError('SEAL-NOT-PERMITTED', `the data directory can be read by others (mode ${(mode & 0o777).toString(8)})`, {
      where: path,
      hint: `chmod 700 ${path}`,
    });
  chmodSync(path, 0o700);
}

export function hasFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
