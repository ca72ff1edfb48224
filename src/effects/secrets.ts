import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { SealError } from '../errors.ts';
import type { SecretReference } from '../model/config.ts';
import type { SecretReader } from '../ports/secrets.ts';

const maxBytes = 4096;

/**
 * Reads a secret into a Buffer that the caller zeroes. A trailing line end is left out. Files must be regular and private to their owner.
 * @throws SealError SEAL-CONFIG-SECRET
 */
export function readSecretNow(reference: SecretReference): Buffer {
  if ('file' in reference) return readPrivateFile(reference.file);
  if ('credential' in reference) {
    const directory = process.env['CREDENTIALS_DIRECTORY'];
    if (directory === undefined)
      throw missing(`credential ${reference.credential}: $CREDENTIALS_DIRECTORY is not set`, 'add LoadCredential= to the systemd unit');
    return readPrivateFile(`${directory}/${reference.credential}`);
  }
  const value = process.env[reference.env];
  if (value === undefined || value === '')
    throw missing(`the environment variable ${reference.env} is not set`, 'set it for the daemon, or use a file or a credential');
  return Buffer.from(value, 'utf8');
}

/** `readSecretNow` behind the port. */
export const readSecret: SecretReader = async (reference) => await Promise.resolve().then(() => readSecretNow(reference));

function readPrivateFile(path: string): Buffer {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw missing(`cannot read the secret in ${path}`, 'create the file, owned by the daemon’s user, mode 0600', cause);
  }
  const bytes = Buffer.alloc(maxBytes);
  try {
    const info = fstatSync(descriptor);
    if (!info.isFile()) throw missing(`${path} is not a regular file`, 'put the secret into a file of its own');
    if ((info.mode & 0o077) !== 0)
      throw missing(`${path} can be read by others (mode ${(info.mode & 0o777).toString(8)})`, `chmod 600 ${path}`);
    let end = readSync(descriptor, bytes, 0, maxBytes, 0);
    if (end === maxBytes) throw missing(`${path} is too long for a secret`, 'put nothing but the secret into the file');
    while (end > 0 && (bytes[end - 1] === 0x0a || bytes[end - 1] === 0x0d)) end--;
    return Buffer.from(bytes.subarray(0, end));
  } finally {
    bytes.fill(0);
    closeSync(descriptor);
  }
}

function missing(message: string, hint: string, cause?: unknown): SealError {
  return new SealError('SEAL-CONFIG-SECRET', message, { hint, cause });
}
