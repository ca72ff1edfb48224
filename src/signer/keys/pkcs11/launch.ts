import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readyDescriptor } from './messages.ts';
import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import type { Setup } from './messages.ts';

// Type stripping runs the sources, `npm run build` emits .js: the entry beside this file has the same extension.
const entry = new URL(import.meta.url.endsWith('.ts') ? './child.ts' : './child.js', import.meta.url).pathname;

/** A small heap: what a PIN passed through is overwritten quickly (pin.ts), and eight cards stay cheap. */
const nodeOptions = ['--min-semi-space-size=1', '--max-semi-space-size=1', '--max-old-space-size=64'];
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Node can set neither: no core dumps (RLIMIT_CORE), files for this user alone. */
const wrapper = 'ulimit -c 0; umask 077; exec "$@"';

export interface LaunchOptions {
  readonly setup: Omit<Setup, 'socket' | 'secret'>;
  readonly sessions: number;
  readonly environment: Readonly<Record<string, string>>;
}

export interface Launched {
  readonly child: ChildProcess;
  readonly socket: string;
  readonly secret: string;
  /** What the driver prints. */
  readonly stderr: Readable;
}

/**
 * Starts a card process in a session of its own, so that neither the terminal nor the end of this process ends it, and waits until its socket
 * listens.
 * @throws Error when it cannot be started
 */
export async function launch({ setup, sessions, environment }: LaunchOptions): Promise<Launched> {
  const socket = `${setup.id}-${randomBytes(4).toString('hex')}.sock`;
  const secret = randomBytes(32).toString('hex');
  const child = spawn('/bin/sh', ['-c', wrapper, 'sh', process.execPath, ...nodeOptions, entry], {
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
    // C_SignAsync blocks a thread of libuv's pool for as long as the card works.
    env: { PATH: path, ...environment, UV_THREADPOOL_SIZE: String(sessions + 4) },
  });
  const stderr = child.stderr as Socket;
  const ready = child.stdio[readyDescriptor] as Readable;
  // A write to a process that has just died: its end is seen by `exit`.
  const stdin = child.stdin as Writable;
  stdin.on('error', () => undefined);
  stdin.end(JSON.stringify({ ...setup, socket, secret } satisfies Setup));
  await new Promise<void>((resolve, reject) => {
    let said = '';
    stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString('latin1')).slice(0, 500)));
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      reject(new Error(`it ended at once (${signal ?? `status ${code ?? '?'}`}) ${said.trim()}`));
    });
    ready.once('data', () => {
      ready.destroy();
      stderr.removeAllListeners('data');
      resolve();
    });
  });
  // Neither it nor what its driver prints keeps the daemon alive.
  child.unref();
  stderr.unref();
  return { child, socket, secret, stderr };
}
