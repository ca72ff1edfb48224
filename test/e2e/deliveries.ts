import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

/** One delivered document with all that proves it. Absolute paths. */
export interface Delivery {
  readonly root: string;
  /** Below outgoing. */
  readonly batch: string;
  /** Below the batch, as the producer named it. */
  readonly path: string;
  /** The signed PDF, or the document beside its detached signature. */
  readonly document: string;
  /** Detached CMS; absent: the signature is inside. */
  readonly signature?: string;
}

/** Regular files below a directory, relative, sorted. */
export function filesBelow(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))
    .sort();
}

const ours = new Set(['READY', 'batch-report.json', 'batch-report.html']);

/** Batches below outgoing that are announced: directories with READY. */
export function readyBatches(directory: string, root: string): string[] {
  return filesBelow(join(directory, 'roots', root, 'outgoing'))
    .filter((file) => file.endsWith('/READY'))
    .map((file) => file.slice(0, -'/READY'.length));
}

/** Everything that was delivered, as a recipient finds it. */
export function deliveries(directory: string, roots: readonly string[]): Delivery[] {
  return roots.flatMap((root) =>
    readyBatches(directory, root).flatMap((batch) => {
      const output = join(directory, 'roots', root, 'outgoing', batch);
      const files = filesBelow(output).filter((file) => !ours.has(file));
      const present = new Set(files);
      const documents = files.filter((file) => !(file.endsWith('.p7s') && present.has(file.slice(0, -4))));
      return documents.map((path) => ({
        root,
        batch,
        path,
        document: join(output, path),
        ...(present.has(`${path}.p7s`) ? { signature: join(output, `${path}.p7s`) } : {}),
      }));
    }),
  );
}
