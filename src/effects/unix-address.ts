import { closeSync, constants, openSync } from 'node:fs';

/** sun_path holds 108 bytes with the final NUL; somewhat less is used. */
const longest = 100;

/**
 * Calls `use` with a short address of a Unix socket: the path of a directory may be longer than sun_path holds.
 * @param directory that exists
 */
export async function withUnixAddress<T>(directory: string, name: string, use: (address: string) => Promise<T>): Promise<T> {
  const plain = `${directory}/${name}`;
  if (Buffer.byteLength(plain) <= longest) return await use(plain);
  const descriptor = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return await use(`/proc/self/fd/${descriptor}/${name}`);
  } finally {
    closeSync(descriptor);
  }
}
