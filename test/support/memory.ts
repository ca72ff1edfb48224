import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

/** Every readable mapping of a process, searched for some bytes. Needs the right to look into it. @returns lines of /proc/PID/maps where they are */
export function memoryHits(pid: number, wanted: Buffer): { readonly bytes: number; readonly hits: string[] } {
  const hits: string[] = [];
  let bytes = 0;
  for (const line of readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n')) {
    const found = /^(?<from>[0-9a-f]+)-(?<to>[0-9a-f]+) r\S+ \S+ \S+ \d+\s*(?<name>.*)$/.exec(line)?.groups;
    if (found === undefined || /\[v/.test(found['name'] ?? '')) continue;
    const [from, to] = [parseInt(found['from'] ?? '0', 16), parseInt(found['to'] ?? '0', 16)];
    const memory = readMemory(pid, from, to - from);
    bytes += memory.length;
    if (memory.includes(wanted)) hits.push(line);
  }
  return { bytes, hits };
}

function readMemory(pid: number, from: number, length: number): Buffer {
  const descriptor = openSync(`/proc/${pid}/mem`, 'r');
  const into = Buffer.alloc(Math.min(length, 2 ** 28));
  try {
    let done = 0;
    while (done < into.length) {
      const count = readSync(descriptor, into, done, into.length - done, from + done);
      if (count === 0) break;
      done += count;
    }
    return into.subarray(0, done);
  } catch {
    return Buffer.alloc(0);
  } finally {
    closeSync(descriptor);
  }
}
