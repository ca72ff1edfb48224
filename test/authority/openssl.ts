import { execFile } from 'node:child_process';

export interface Ran {
  readonly status: number;
  /** stdout and stderr. */
  readonly output: string;
}

/** Runs openssl without blocking, so that a server of this process can answer it. */
export function openssl(cwd: string, ...args: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile('openssl', args, { cwd, timeout: 120_000, encoding: 'utf8' }, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : (child.exitCode ?? -1), output: stdout + stderr });
    });
  });
}
