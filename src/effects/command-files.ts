import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { errnoOf, SealError } from '../errors.ts';

/**
 * A small file that a command names, read with the rights of whoever called it.
 * @throws SealError SEAL-INPUT-MISSING, SEAL-INPUT-INVALID when it is longer than `maxBytes`
 */
export function readCommandFile(file: string, maxBytes: number): Buffer {
  try {
    if (statSync(file).size <= maxBytes) return readFileSync(file);
  } catch (cause) {
    throw new SealError('SEAL-INPUT-MISSING', `cannot read ${file}`, { where: file, cause });
  }
  throw new SealError('SEAL-INPUT-INVALID', `${file} is longer than ${maxBytes} bytes`, { where: file, hint: 'is it the right file?' });
}

/** Writes a new file. @throws SealError SEAL-USAGE when it exists, SEAL-DISK-IO */
export function writeCommandFile(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: 'wx' });
  } catch (cause) {
    const exists = errnoOf(cause) === 'EEXIST';
    throw new SealError(
      exists ? 'SEAL-USAGE' : 'SEAL-DISK-IO',
      exists ? `${file} exists already and stays as it is` : `cannot write ${file}`,
      {
        where: file,
        cause,
        hint: 'name another file',
      },
    );
  }
}
