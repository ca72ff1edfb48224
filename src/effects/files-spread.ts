import { execFile } from 'node:child_process';
import { statfs } from 'node:fs/promises';
import { isUtf8, joinPath } from '../formats/names.ts';
import type { Path } from '../ports/files.ts';

const ext = 0xef53;
const known = new Map<string, Promise<void>>();

/**
 * Directories made in this one are put into block groups far from each other (`chattr +T`, ext4). ext4 does not give an inode away again for minutes
 * after a file was removed, and looks at all of them for each new file: where thousands are made and removed in one group a minute, a file costs
 * 200 µs instead of 7. A hint: nothing depends on it, it never fails. Asked once a path; starting a process is dear.
 */
export function spread(path: Path): Promise<void> {
  const directory = joinPath(path);
  const name = directory.toString('latin1');
  const asked = known.get(name) ?? mark(directory);
  known.set(name, asked);
  return asked;
}

async function mark(directory: Buffer): Promise<void> {
  if (process.platform !== 'linux' || !isUtf8(directory)) return;
  const { type } = await statfs(directory).catch(() => ({ type: 0 }));
  if (type !== ext) return;
  await new Promise<void>((resolve) => {
    execFile('chattr', ['+T', '--', directory.toString()], () => {
      resolve();
    });
  });
}
