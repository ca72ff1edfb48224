import { randomBytes } from 'node:crypto';
import { chmod, chown, readdir, stat, unlink } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { withUnixAddress } from './unix-address.ts';

/*
 * How a secret gets from one process to another without leaving copies. Whatever Node reads from a socket by itself lies in buffers that it frees as
 * they are, and so does an IPC message. A socket that this side opened can be given the buffer to read into; so the one who has the secret opens a
 * door for a single visit, and the one who needs it comes and takes it. The directory is private to the user of both; the name of a door is a
 * secret of its own, told over a channel that both trust already.
 */

const doorName = /^pin-[0-9a-f]{24}\.sock$/;
/** Longest secret, bytes. */
const longestSecret = 4096;

/** A secret that waits to be taken. */
export interface SecretDoor {
  /** Name of the socket in its directory. */
  readonly name: string;
  /** Closes it and zeroes the secret, whether it was taken or not. */
  close(): Promise<void>;
}

/**
 * Offers a secret for a single visit. The Buffer is not copied, and zeroed at `close`.
 * @param directory private to this user
 * @param secret at most 4096 bytes
 */
export async function offerSecret(directory: string, secret: Buffer): Promise<SecretDoor> {
  const name = `pin-${randomBytes(12).toString('hex')}.sock`;
  let visited = false;
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    if (visited) socket.destroy();
    else socket.end(secret);
    visited = true;
  });
  await withUnixAddress(
    directory,
    name,
    (address) =>
      new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(address, () => {
          resolve();
        });
      }),
  );
  await chmod(`${directory}/${name}`, 0o600);
  // Root gives it to whom the directory belongs to.
  const { uid, gid } = await stat(directory);
  if (process.geteuid?.() === 0 && uid !== 0) await chown(`${directory}/${name}`, uid, gid);
  return {
    name,
    close: async () => {
      server.close();
      secret.fill(0);
      await unlink(`${directory}/${name}`).catch(() => undefined);
    },
  };
}

/**
 * Takes a secret that was offered; the caller zeroes it. What passed through is zeroed here.
 * @param name as its `SecretDoor` says
 * @throws Error when nobody offers it (any more) or it is too long
 */
export async function takeSecret(directory: string, name: string): Promise<Buffer> {
  if (!doorName.test(name)) throw new Error('not the name of an offered secret');
  const held = Buffer.alloc(longestSecret);
  const passing = Buffer.alloc(longestSecret);
  let length = 0;
  try {
    await withUnixAddress(
      directory,
      name,
      (path) =>
        new Promise<void>((resolve, reject) => {
          const callback = (count: number): boolean => {
            if (length + count > longestSecret) {
              socket.destroy(new Error('the secret is too long'));
              return false;
            }
            passing.copy(held, length, 0, count);
            passing.fill(0, 0, count);
            length += count;
            return true;
          };
          const socket = connect({ path, onread: { buffer: passing, callback } });
          socket.once('error', reject);
          socket.once('close', () => {
            resolve();
          });
        }),
    );
    if (length === 0) throw new Error('the secret was taken already');
    return Buffer.from(held.subarray(0, length));
  } finally {
    held.fill(0);
    passing.fill(0);
  }
}

/** Removes doors whose process was killed: their secrets went with it. Before anything in this directory offers one, and not while another daemon does. */
export async function removeLeftDoors(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  for (const name of names.filter((each) => doorName.test(each))) await unlink(`${directory}/${name}`).catch(() => undefined);
}
