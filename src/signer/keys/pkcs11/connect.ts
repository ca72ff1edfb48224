import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { withUnixAddress } from '../../../effects/unix-address.ts';
import { answer, challengeSize, checkChallenge, hello, nonceSize } from './handshake.ts';
import type { Socket } from 'node:net';
import type { Clock } from '../../../ports/clock.ts';

const handshakeMs = 5_000;

/**
 * Connects to a card process; both sides have proven the secret when this returns. Nothing was read beyond the handshake.
 * @param secret hexadecimal
 * @throws Error when nobody listens, or the peer does not know the secret
 */
export async function connectCard(
  { clock }: { readonly clock: Pick<Clock, 'after'> },
  directory: string,
  { socket: name, secret }: { readonly socket: string; readonly secret: string },
): Promise<Socket> {
  const socket = await withUnixAddress(directory, name, connected);
  const impatience = clock.after(handshakeMs, () => socket.destroy(new Error('the card process does not answer')));
  try {
    const key = Buffer.from(secret, 'hex');
    const nonce = randomBytes(nonceSize);
    socket.write(hello(nonce, process.pid));
    const card = checkChallenge(key, await readExactly(socket, challengeSize), nonce, process.pid);
    if (card === undefined) throw new Error('whoever listens does not know the secret of the card process');
    socket.write(answer(key, { daemon: nonce, card, pid: process.pid }));
    return socket;
  } catch (thrown) {
    socket.destroy();
    throw thrown;
  } finally {
    impatience.cancel();
  }
}

async function connected(path: string): Promise<Socket> {
  const socket = connect(path);
  return await new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

async function readExactly(socket: Socket, size: number): Promise<Buffer> {
  let held: Buffer = Buffer.alloc(0);
  return await new Promise((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      held = Buffer.concat([held, chunk]);
      if (held.length < size) return;
      finish();
      if (held.length > size) reject(new Error('more than was asked for'));
      else resolve(held);
    };
    const failed = (cause?: Error): void => {
      finish();
      reject(cause ?? new Error('the connection was closed'));
    };
    const closed = (): void => {
      failed();
    };
    const finish = (): void => {
      socket.off('data', read);
      socket.off('error', failed);
      socket.off('close', closed);
    };
    socket.on('data', read);
    socket.once('error', failed);
    socket.once('close', closed);
  });
}
