import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';

/*
 * What the kernel says about another process. Node cannot ask a socket for its peer (SO_PEERCRED), so the process behind a socket is found the other
 * way round: its pid is known, and /proc says whose it is, what it runs, and which sockets it listens on. Elsewhere than on Linux there is no /proc:
 * the modes of directory and socket, and the secret, have to do.
 */

/** Identifies a process for good: a pid alone is given again. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Start time in ticks since boot, and the boot; empty where the system does not tell. */
  readonly started: string;
}

const hasProc = process.platform === 'linux';

/** Undefined when there is no such process. */
export function identify(pid: number): ProcessIdentity | undefined {
  if (!hasProc) return isThere(pid) ? { pid, started: '' } : undefined;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // After the name, which may hold anything: state is field 3, start time field 22 (proc(5)).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z') return undefined;
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return { pid, started: `${boot} ${fields[19] ?? ''}` };
  } catch {
    return undefined;
  }
}

/** Whether it still runs. */
export function lives({ pid, started }: ProcessIdentity): boolean {
  return identify(pid)?.started === started;
}

/** Whether a process belongs to our user. */
export function isOwn(pid: number): boolean {
  if (!hasProc) return true;
  try {
    return statSync(`/proc/${pid}`).uid === process.geteuid?.();
  } catch {
    return false;
  }
}

/** Whether a process runs the same program file as this one; not any more after Node was replaced. */
export function runsOurProgram(pid: number): boolean {
  return !hasProc || linkOf(`/proc/${pid}/exe`) === linkOf('/proc/self/exe');
}

/** Whether a process listens on the Unix socket that was bound as `name`. */
export function listensOn(pid: number, name: string): boolean {
  if (!hasProc) return true;
  try {
    const line = readFileSync('/proc/net/unix', 'latin1')
      .split('\n')
      .map((row) => row.trim().split(/ +/))
      .find((row) => row[7] === name);
    return (
      line !== undefined && readdirSync(`/proc/${pid}/fd`).some((fd) => linkOf(`/proc/${pid}/fd/${fd}`) === `socket:[${line[6] ?? ''}]`)
    );
  } catch {
    return false;
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
