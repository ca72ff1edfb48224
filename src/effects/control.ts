import { chmod, mkdir, unlink } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { asSealError, SealError } from '../errors.ts';
import { encodeFrame, FrameReader } from './control-frames.ts';
import { offerSecret, takeSecret } from './secret-door.ts';
import { withUnixAddress } from './unix-address.ts';
import type { ControlAnswer, ControlHandler, ControlRequest, ControlServer, Progress } from '../ports/control.ts';

/*
 * The control socket: `control.sock` in the data directory. Directory (0700) and socket (0600) let only the daemon's user and root connect;
 * the kernel checks that at connect(2).
 */

async function withAddress<T>(dataDir: string, use: (address: string) => Promise<T>): Promise<T> {
  return await withUnixAddress(dataDir, 'control.sock', use);
}

/** A secret waits behind `door`. */
interface FramedRequest extends ControlRequest {
  readonly door?: string;
}

/** Private, as the data directory is; the daemon makes it. */
function doorsOf(dataDir: string): string {
  return `${dataDir}/run`;
}

function isRequest(value: unknown): value is FramedRequest {
  return (
    typeof value === 'object' &&
    value !== null &&
    'operation' in value &&
    typeof value.operation === 'string' &&
    'actor' in value &&
    typeof value.actor === 'string' &&
    (!('door' in value) || typeof value.door === 'string')
  );
}

/**
 * Serves the control socket of a data directory whose lock the caller holds; a socket left by a killed daemon is replaced.
 * One request a connection at a time; closing the connection aborts it.
 */
export async function serveControl(dataDir: string, handler: ControlHandler): Promise<ControlServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    answer(dataDir, socket, handler);
  });
  await mkdir(doorsOf(dataDir), { recursive: true, mode: 0o700 });
  await unlink(`${dataDir}/control.sock`).catch(() => undefined);
  await withAddress(
    dataDir,
    (address) =>
      new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(address, () => {
          resolve();
        });
      }),
  );
  await chmod(`${dataDir}/control.sock`, 0o600);
  return {
    close: async () => {
      for (const socket of sockets) socket.end();
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
        setTimeout(() => {
          for (const socket of sockets) socket.destroy();
        }, 500).unref();
      });
    },
  };
}

/** Takes the secret that waits for the request, and zeroes it when the request is answered. */
async function handle(
  dataDir: string,
  { door, ...request }: FramedRequest,
  handler: ControlHandler,
  progress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<unknown> {
  const secret = door === undefined ? undefined : await takeSecret(doorsOf(dataDir), door);
  try {
    return await handler(request, secret, progress, signal);
  } finally {
    secret?.fill(0);
  }
}

function answer(dataDir: string, socket: Socket, handler: ControlHandler): void {
  const reader = new FrameReader();
  const gone = new AbortController();
  const send = (message: ControlAnswer): void => {
    if (socket.writable) socket.write(encodeFrame(message));
  };
  socket.on('error', () => socket.destroy());
  socket.on('close', () => {
    gone.abort(new SealError('SEAL-INTERRUPTED', 'the caller went away'));
  });
  socket.on('data', (chunk: Buffer) => {
    try {
      for (const json of reader.push(chunk)) {
        if (!isRequest(json)) throw new SealError('SEAL-INPUT-INVALID', 'not a request');
        const progress = (what: Progress): void => {
          send({ kind: 'progress', progress: what });
        };
        handle(dataDir, json, handler, progress, gone.signal)
          .then((result) => {
            send({ kind: 'result', result: result ?? null });
          })
          .catch((thrown: unknown) => {
            send({ kind: 'error', error: asSealError(thrown).toJSON() });
          });
      }
    } catch (thrown) {
      send({ kind: 'error', error: asSealError(thrown).toJSON() });
      socket.end();
    }
  });
}

/**
 * Asks the daemon of a data directory.
 * @returns the operation's result
 * @throws SealError SEAL-DAEMON-ABSENT when none answers, SEAL-NOT-PERMITTED when the socket belongs to another user, or the operation's own
 */
export async function callControl(
  dataDir: string,
  request: ControlRequest,
  secret?: Buffer,
  onProgress?: (progress: Progress) => void,
  signal?: AbortSignal,
): Promise<unknown> {
  const answered = await askControl(dataDir, request, secret, onProgress, signal);
  if (answered !== undefined) return answered.result;
  throw new SealError('SEAL-DAEMON-ABSENT', 'no daemon runs on this data directory', {
    where: `${dataDir}/control.sock`,
    hint: 'start it with “sealtree run”',
  });
}

/** The same; undefined when there is no daemon. */
export async function askControl(
  dataDir: string,
  request: ControlRequest,
  secret?: Buffer,
  onProgress?: (progress: Progress) => void,
  signal?: AbortSignal,
): Promise<{ readonly result: unknown } | undefined> {
  signal?.throwIfAborted();
  const socket = await withAddress(dataDir, connected);
  if (socket === undefined) return undefined;
  const door = secret === undefined ? undefined : await offerSecret(doorsOf(dataDir), secret);
  try {
    const result = await new Promise<unknown>((resolve, reject) => {
      const reader = new FrameReader();
      signal?.addEventListener('abort', () => {
        reject(asSealError(signal.reason));
      });
      socket.on('error', (cause) => {
        reject(new SealError('SEAL-DAEMON-ABSENT', 'the daemon went away', { cause, hint: 'look at its log, then repeat the command' }));
      });
      socket.on('close', () => {
        reject(new SealError('SEAL-DAEMON-ABSENT', 'the daemon went away', { hint: 'look at its log, then repeat the command' }));
      });
      socket.on('data', (chunk: Buffer) => {
        try {
          for (const json of reader.push(chunk)) receive(json as ControlAnswer, resolve, reject, onProgress);
        } catch (thrown) {
          reject(asSealError(thrown));
        }
      });
      socket.write(encodeFrame({ ...request, ...(door === undefined ? {} : { door: door.name }) } satisfies FramedRequest));
    });
    return { result };
  } finally {
    await door?.close();
    socket.destroy();
  }
}

function receive(
  message: ControlAnswer,
  resolve: (result: unknown) => void,
  reject: (error: Error) => void,
  onProgress?: (progress: Progress) => void,
): void {
  if (message.kind === 'progress') onProgress?.(message.progress);
  else if (message.kind === 'result') resolve(message.result);
  else reject(SealError.from(message.error));
}

/** Undefined when nobody listens: no socket, or one that a killed daemon left. */
async function connected(address: string): Promise<Socket | undefined> {
  const socket = connect(address);
  return await new Promise((resolve, reject) => {
    socket.once('connect', () => {
      resolve(socket);
    });
    socket.once('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'EACCES' && cause.code !== 'EPERM') {
        resolve(undefined);
        return;
      }
      reject(
        new SealError('SEAL-NOT-PERMITTED', 'the control socket belongs to another user', {
          cause,
          where: address,
          hint: 'run the command as the user of the daemon',
        }),
      );
    });
  });
}
