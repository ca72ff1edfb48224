import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Ran {
  readonly status: number;
  /** stdout and stderr. */
  readonly output: string;
}

/** Runs openssl without blocking, so that a server of this process can answer it. */
export function openssl(cwd: string, ...args: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile('openssl', args, { cwd, timeout: 20_000, encoding: 'utf8' }, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : (child.exitCode ?? -1), output: stdout + stderr });
    });
  });
}

/** A directory that is removed after `use`. */
export async function inDirectory(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'sealtree-authority-'));
  try {
    await use(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}
