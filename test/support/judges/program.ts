import { spawn } from 'node:child_process';
import { buffer } from 'node:stream/consumers';

export interface ProgramOptions {
  readonly cwd?: string;
  readonly input?: string | Buffer;
  readonly environment?: Readonly<Record<string, string>>;
  /** To run as somebody else; needs root. */
  readonly uid?: number;
}

export interface ProgramResult {
  /** Exit status; -1 when a signal ended it or it did not start. */
  readonly status: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Runs a foreign program to its end without blocking this process, so that a server of ours can answer it. */
export async function runProgram(program: string, args: readonly string[], options: ProgramOptions = {}): Promise<ProgramResult> {
  const child = spawn(program, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
    env: { ...process.env, LC_ALL: 'C.UTF-8', ...options.environment },
  });
  const ended = new Promise<number>((resolve) => {
    child.once('error', () => {
      resolve(-1);
    });
    child.once('close', (status) => {
      resolve(status ?? -1);
    });
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input);
  const [status, stdout, stderr] = await Promise.all([ended, buffer(child.stdout), buffer(child.stderr)]);
  return { status, stdout, stderr: stderr.toString() };
}
