import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { exportRecords, type ExportResult } from '../../src/app/archive-export.ts';
import { rehashLinks } from '../../src/archive/rehash-own.ts';
import { rehashTrees } from '../../src/archive/rehash.ts';
import { nodeFiles } from '../../src/effects/files.ts';
import { digestOf } from '../../src/formats/digests.ts';
import type { DigestAlgorithm } from '../../src/model/algorithms.ts';
import type { Config } from '../../src/model/config.ts';
import { documentBytes } from './archive.ts';
import { closeTree, day, renewingArchive, settle, type RenewingArchive } from './renewing.ts';
import { temporaryDirectory } from './store.ts';

export interface BundleHouse {
  readonly archive: RenewingArchive;
  readonly directory: string;
  readonly renewTimestamps: () => Promise<void>;
  readonly rehash: (digest: DigestAlgorithm, names: readonly string[]) => Promise<void>;
  /** Exports the document of this name as a bundle into `out`. @returns the path of the bundle */
  readonly bundle: (name: string, zip?: boolean) => Promise<string>;
  readonly run: (name: string, zip?: boolean) => Promise<ExportResult>;
}

/** A closed tree of documents that lie in files, with all that renews it. */
export async function bundleHouse(
  t: TestContext,
  names: readonly string[],
  settings: Parameters<typeof renewingArchive>[1] = {},
): Promise<BundleHouse> {
  const archive = await renewingArchive(t, settings);
  const { fx, renewing } = archive;
  const files = nodeFiles();
  t.after(() => files.close());
  const directory = await temporaryDirectory(t);
  const given = join(directory, 'documents');
  mkdirSync(given);
  for (const name of names) writeFileSync(join(given, name), documentBytes(name));
  await closeTree(archive, names);
  const context = { fx: { ...fx, files }, config: { dataDir: directory, roots: {} } as unknown as Config };
  const run = (name: string, zip = false): Promise<ExportResult> =>
    exportRecords(
      context,
      archive.settings.trust,
      { what: [name.startsWith('SHA256:') ? name : join(given, name)], format: 'bundle', zip, out: join(directory, 'proof') },
      { progress: () => undefined, signal: AbortSignal.timeout(60_000) },
    );
  return {
    archive,
    directory,
    renewTimestamps: async () => {
      await archive.clock.advance(day);
      await renewing.renewTimestamps('test');
      await settle(archive);
    },
    rehash: async (digest, documents) => {
      const known: DigestAlgorithm[] = ['sha256', 'sha384', 'sha512'];
      const objects = documents.flatMap((name) =>
        known.map((one) => ({ hash: digestOf(one, documentBytes(name)), rehashed: digestOf(digest, documentBytes(name)) })),
      );
      await fx.store.addRehashed(digest, objects);
      await rehashLinks(fx, known, digest);
      await renewing.whileAlone(() => rehashTrees(fx, archive.settings, { digest, n: 1, actor: 'test' }));
      await settle(archive);
    },
    run,
    bundle: async (name, zip = false) => {
      const { missing } = await run(name, zip);
      if (missing[0] !== undefined) throw new Error(JSON.stringify(missing));
      return join(directory, 'proof', `${name}.proof${zip ? '.zip' : ''}`);
    },
  };
}
