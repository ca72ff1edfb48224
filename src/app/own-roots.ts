import { SealError } from '../errors.ts';
import { displayName } from '../formats/names.ts';
import { ownerMarker } from '../formats/places.ts';
import type { Config, RootConfig } from '../model/config.ts';
import type { Effects } from '../ports/effects.ts';
import { inModule } from '../ports/log.ts';
import { own, ownerOf, replaced } from '../watcher/intake.ts';
import type { App } from './context.ts';

const trees = ['incoming', 'outgoing', 'failed', 'done'] as const;

/**
 * Takes the roots of the configuration and makes the trees inside them that are missing. What is not there may be a share that is not mounted, and must not be
 * replaced by an empty directory: a root that is new to us is refused before any is taken; one that was ours before is left alone and watched as
 * soon as it is back.
 * @throws SealError SEAL-ROOT-UNUSABLE, SEAL-ROOT-OWNED, SEAL-DISK-*
 */
export async function ownRoots({ fx, config }: Pick<App, 'fx' | 'config'>): Promise<void> {
  const roots = Object.values(config.roots);
  for (const root of roots) {
    const lacking = (await wasOurs({ fx }, root)) ? undefined : await lackingPlace(fx, root);
    if (lacking !== undefined) throw lacking;
  }
  const identity = await dataDirectoryIdentity(fx);
  for (const root of roots) {
    if (await isAway({ fx }, root)) {
      inModule(fx, 'watcher').log.warn(
        { root: root.name, path: root.path },
        'the root is not there: mount its file system; it is taken up by itself',
      );
      continue;
    }
    for (const tree of trees) if (isInside(root, tree)) await fx.files.makeDirectory(root[tree]);
    await own(fx, root, { dataDirectory: identity, path: config.dataDir });
    await fx.store.setMeta(metaOf(root), root.path);
  }
}

/**
 * The first that is missing of the directories that a person makes: the root itself, and trees that lie elsewhere. A path that is misspelt looks
 * the same as a share that is not mounted.
 * @returns SEAL-ROOT-UNUSABLE that names path and setting
 */
export async function lackingPlace({ files }: Pick<Effects, 'files'>, root: RootConfig): Promise<SealError | undefined> {
  for (const setting of ['path', ...trees] as const) {
    const place = root[setting];
    if (isInside(root, setting) || (await files.stat(place)) !== undefined) continue;
    return new SealError('SEAL-ROOT-UNUSABLE', `${displayName(place)} is not there`, {
      where: `roots.${root.name}.${setting}`,
      hint: 'mount its file system, correct the path in the configuration, or make the directory',
    });
  }
  return undefined;
}

/** A tree elsewhere is made by a person only: its file system may be away, too. */
function isInside(root: RootConfig, setting: 'path' | (typeof trees)[number]): boolean {
  return root[setting].startsWith(`${root.path}/`);
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

async function wasOurs({ fx }: Pick<App, 'fx'>, root: RootConfig): Promise<boolean> {
  return (await fx.store.meta(metaOf(root))) === root.path;
}

async function isAway(app: Pick<App, 'fx'>, root: RootConfig): Promise<boolean> {
  if (!(await wasOurs(app, root))) return false;
  const { files } = app.fx;
  const [marker, incoming] = await Promise.all([files.stat(ownerMarker(root)), files.stat(root.incoming)]);
  return marker === undefined && incoming === undefined;
}
