import { ownerMarker } from '../formats/places.ts';
import type { Config, RootConfig } from '../model/config.ts';
import type { Effects } from '../ports/effects.ts';
import { inModule } from '../ports/log.ts';
import { own, ownerOf, replaced } from '../watcher/intake.ts';
import type { App } from './context.ts';

/**
 * Takes the roots of the configuration and makes the directories that are missing. A root that was ours before and is not there now (its file
 * system is not mounted) is left alone: an empty mount point must not be taken for an empty root. It is watched as soon as it is back.
 * @throws SealError SEAL-ROOT-OWNED, SEAL-DISK-*
 */
export async function ownRoots({ fx, config }: Pick<App, 'fx' | 'config'>): Promise<void> {
  const identity = await dataDirectoryIdentity(fx);
  for (const root of Object.values(config.roots)) {
    if (await isAway({ fx }, root)) {
      inModule(fx, 'watcher').log.warn(
        { root: root.name, path: root.path },
        'the root is not there: mount its file system; it is taken up by itself',
      );
      continue;
    }
    for (const tree of [root.path, root.incoming, root.outgoing, root.failed, root.done]) await fx.files.makeDirectory(tree);
    await own(fx, root, { dataDirectory: identity, path: config.dataDir });
    await fx.store.setMeta(metaOf(root), root.path);
  }
}

/**
 * Before an empty database is made: a root that was worked on from this data directory tells that there was one. Its file system is not mounted;
 * a new one would start an empty archive beside the old.
 * @throws SealError SEAL-ROOT-OWNED
 */
export async function demandUnowned({ fx, config }: { readonly fx: Pick<Effects, 'files'>; readonly config: Config }): Promise<void> {
  for (const root of Object.values(config.roots)) {
    const owner = await ownerOf(fx, root);
    if (owner?.path === config.dataDir) throw replaced(root, owner.path);
  }
}

/** Tells data directories apart; a copy keeps it. */
async function dataDirectoryIdentity({ store, random }: Pick<App['fx'], 'store' | 'random'>): Promise<string> {
  const known = await store.meta('data-directory');
  if (known !== undefined) return known;
  const fresh = random.bytes(16).toString('hex');
  await store.setMeta('data-directory', fresh);
  return fresh;
}

function metaOf({ name }: RootConfig): string {
  return `root.${name}`;
}

async function isAway({ fx }: Pick<App, 'fx'>, root: RootConfig): Promise<boolean> {
  if ((await fx.store.meta(metaOf(root))) !== root.path) return false;
  const [marker, incoming] = await Promise.all([fx.files.stat(ownerMarker(root)), fx.files.stat(root.incoming)]);
  return marker === undefined && incoming === undefined;
}
