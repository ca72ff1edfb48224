import { createHash, randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '../../test/support/clock.ts';
import { findObjects, positionKey } from '../../src/archive/rehash-find.ts';
import { nodeFiles } from '../../src/effects/files.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { interleave, print } from '../measure.ts';

const count = 256;
const size = 2 ** 20;

/** Documents of 1 MiB in the page cache, each read once, found and hashed anew, beside SHA-512 alone over the same files in one thread. */
export default async function rehash(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'sealtree-bench-'));
  const documents = join(directory, 'documents');
  mkdirSync(documents);
  const names = Array.from({ length: count }, (_, n) => join(documents, `${n}.bin`));
  for (const name of names) writeFileSync(name, randomBytes(size));
  const clock = new ManualClock();
  const store = await openStore({ clock }, { file: join(directory, 'sealtree.db') });
  const files = nodeFiles();
  const buffer = Buffer.allocUnsafe(size);
  const { signal } = new AbortController();
  try {
    const rates = await interleave({
      ours: {
        n: count,
        run: async () => {
          await store.setMeta(positionKey('sha512'), '');
          const search = { directories: [documents], digest: 'sha512', known: ['sha256'] } as const;
          const found = await findObjects({ files, store }, search, { onFile: () => undefined, signal });
          if (found.files !== count) throw new Error('not every file was read');
        },
      },
      sha512: {
        n: count,
        run: () => {
          for (const name of names) {
            const descriptor = openSync(name, 'r');
            const length = readSync(descriptor, buffer, 0, size, 0);
            createHash('sha512').update(buffer.subarray(0, length)).digest();
            closeSync(descriptor);
          }
        },
      },
    });
    process.stdout.write(
      `  per CPU-second: ours ${Math.round(rates.ours.cpu)}, SHA-512 ${Math.round(rates.sha512.cpu)} MiB/s (SHA-256 to find and SHA-512)\n`,
    );
    print({ row: 'rehash', ours: rates.ours.wall, peer: rates.sha512.wall, of: 'SHA-512 of cached bytes', goal: 0.8, unit: 'MiB/s' });
  } finally {
    await files.close();
    await store.close();
    rmSync(directory, { recursive: true, force: true });
  }
}
