import type { RootConfig } from '../model/config.ts';

/** Says what is wrong with the setting at `path`. */
export type Report = (path: readonly (string | number)[], message: string) => void;

/** A directory that must not hold another one of the configuration. */
interface Place {
  readonly setting: readonly string[];
  readonly path: string;
}

/**
 * Directories that lie in each other: output would be taken for input, the daemon's own files for a batch, and nobody else can enter the data
 * directory. A root at a wrong place is one problem, not one for each of its trees. Pure; links are not followed.
 * @param dataDir absolute and normal, as all paths of `roots`
 */
export function checkPlaces(dataDir: string, roots: readonly RootConfig[], report: Report): void {
  const places: Place[] = [{ setting: ['data'], path: dataDir }];
  for (const { name, incoming, outgoing, failed, done } of roots)
    for (const [tree, path] of Object.entries({ incoming, outgoing, failed, done })) places.push({ setting: ['roots', name, tree], path });

  const wrongRoots = new Set<string>();
  for (const [index, { name, path }] of roots.entries()) {
    const twin = roots.slice(0, index).find((other) => other.path === path);
    const others = places.filter(({ setting }) => setting[1] !== name);
    const problem = twin === undefined ? trouble(path, others, others) : `is the path of the root “${twin.name}” already`;
    if (problem === undefined) continue;
    wrongRoots.add(name);
    report(['roots', name, 'path'], problem);
  }
  for (const [index, { setting, path }] of places.entries()) {
    if (wrongRoots.has(setting[1] ?? '')) continue;
    const problem = trouble(path, places, places.slice(0, index));
    if (problem !== undefined) report(setting, problem);
  }
}

/** @param earlier the places that it must not be the same as: of two that are the same the second is named */
function trouble(path: string, places: readonly Place[], earlier: readonly Place[]): string | undefined {
  const same = earlier.find((place) => place.path === path);
  if (same !== undefined) return `is the directory of ${same.setting.join('.')} already`;
  const holder = places.find((place) => path.startsWith(place.path.replace(/\/?$/, '/')) && path !== place.path);
  return holder && `lies in ${holder.setting.join('.')}: ${holder.path}`;
}
