import { readdirSync, readFileSync } from 'node:fs';

/** µs of CPU by thread name, threads of one name together; empty where there is no /proc. What a thread used stays until it ends. */
export type ThreadTimes = ReadonlyMap<string, number>;

// USER_HZ of Linux, whatever the kernel's own rate.
const tick = 10_000;

/** CPU time of this process' threads so far, resolution 10 ms. */
export function threadTimes(): ThreadTimes {
  const times = new Map<string, number>();
  if (process.platform !== 'linux') return times;
  for (const thread of readdirSync('/proc/self/task')) {
    const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'latin1');
    const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
    // After the name: state is field 3, utime and stime are 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    times.set(name, (times.get(name) ?? 0) + (Number(fields[11]) + Number(fields[12])) * tick);
  }
  return times;
}

/** What threads used between two looks, µs a unit of `count`, largest first: `main 120, documents 210`. */
export function threadShares(before: ThreadTimes, after: ThreadTimes, count: number): string {
  return [...after]
    .map(([name, time]) => [name, (time - (before.get(name) ?? 0)) / count] as const)
    .filter(([, share]) => share >= 1)
    .sort(([, one], [, other]) => other - one)
    .map(([name, share]) => `${name} ${Math.round(share)}`)
    .join(', ');
}
