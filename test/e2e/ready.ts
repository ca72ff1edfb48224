import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readyBatches } from './deliveries.ts';

interface ReadyFile {
  readonly name: string;
  /** Hexadecimal, of a name that is not UTF-8. */
  readonly nameBytes?: string;
  readonly size: number;
  readonly sha256: string;
}

/** Every announced batch is complete: READY names each file beside it with size and SHA-256, and nothing else lies there. @returns their paths */
export function assertComplete(directory: string, root: string): string[] {
  const batches = readyBatches(directory, root);
  for (const batch of batches) {
    const output = Buffer.from(join(directory, 'roots', root, 'outgoing', batch));
    const { files } = JSON.parse(readFileSync(below(output, Buffer.from('READY')), 'utf8')) as { files: readonly ReadyFile[] };
    const announced = files.map(bytesOf);
    assert.deepEqual(
      namesBelow(output).filter((name) => name !== 'READY'),
      announced.map((name) => name.toString('latin1')).sort(),
      batch,
    );
    for (const [index, name] of announced.entries()) {
      const path = below(output, name);
      assert.equal(statSync(path).size, files[index]?.size, path.toString());
      assert.equal(createHash('sha256').update(readFileSync(path)).digest('hex'), files[index]?.sha256, path.toString());
    }
  }
  return batches;
}

function bytesOf({ name, nameBytes }: ReadyFile): Buffer {
  return nameBytes === undefined ? Buffer.from(name) : Buffer.from(nameBytes, 'hex');
}

/** latin1 of the bytes of each file's path, sorted: a name may be anything. */
function namesBelow(directory: Buffer): string[] {
  const names = readdirSync(directory, { withFileTypes: true, encoding: 'buffer' }).flatMap((entry) => {
    const name = entry.name.toString('latin1');
    return entry.isDirectory() ? namesBelow(below(directory, entry.name)).map((inner) => `${name}/${inner}`) : [name];
  });
  return names.sort();
}

function below(directory: Buffer, name: Buffer): Buffer {
  return Buffer.concat([directory, Buffer.from('/'), name]);
}
