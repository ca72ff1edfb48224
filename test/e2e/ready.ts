import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { filesBelow, readyBatches } from './deliveries.ts';

interface ReadyFile {
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
}

/** Every announced batch is complete: READY names each file beside it with size and SHA-256, and nothing else lies there. @returns their paths */
export function assertComplete(directory: string, root: string): string[] {
  const batches = readyBatches(directory, root);
  for (const batch of batches) {
    const output = join(directory, 'roots', root, 'outgoing', batch);
    const { files } = JSON.parse(readFileSync(join(output, 'READY'), 'utf8')) as { files: readonly ReadyFile[] };
    const announced = files.map(({ name }) => name).sort();
    assert.deepEqual(
      filesBelow(output).filter((file) => file !== 'READY'),
      announced,
      batch,
    );
    for (const { name, size, sha256 } of files) {
      const path = join(output, name);
      assert.equal(statSync(path).size, size, path);
      assert.equal(createHash('sha256').update(readFileSync(path)).digest('hex'), sha256, path);
    }
  }
  return batches;
}
