import { displayName, joinPath } from '../formats/names.ts';
import { SealError } from '../errors.ts';
import type { Effects } from '../ports/effects.ts';
import type { Rules } from './rules.ts';
import { SortedItems } from './sorted-items.ts';

/**
 * Everything in a claimed batch that is to be signed, ordered by name: neither semaphores nor ignored files. Links are listed, never followed.
 * @throws SealError SEAL-BATCH-CHANGED when a directory was exchanged while it was read
 */
export async function inventory({ files }: Pick<Effects, 'files'>, directory: Buffer, role: Rules['role']): Promise<SortedItems> {
  const items = new SortedItems();
  const pending: Buffer[] = [Buffer.alloc(0)];
  for (let below = pending.pop(); below !== undefined; below = pending.pop()) {
    const path = joinPath(directory, below);
    const before = await files.stat(path);
    for await (const { name, kind } of files.list(path)) {
      const relPath = joinPath(below, name);
      if (kind === 'directory') pending.push(relPath);
      else if (role(relPath) === 'document') items.add({ relPath, kind });
    }
    // Node cannot open relative to a directory: that it is still the same one is asked afterwards.
    const after = await files.stat(path);
    if (before?.kind !== 'directory' || after?.kind !== 'directory' || before.inode !== after.inode || before.device !== after.device)
      throw changed(path);
  }
  return items;
}

/** Something in the batch is not as it was a moment ago. */
export function changed(path: Buffer): SealError {
  return new SealError('SEAL-BATCH-CHANGED', 'the batch changed while it was read', {
    where: displayName(path),
    hint: 'somebody still writes to it; it is read again when it has stood still',
  });
}
