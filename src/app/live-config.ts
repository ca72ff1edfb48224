import { isDeepStrictEqual } from 'node:util';
import type { Config, RootConfig } from '../model/config.ts';
import type { Profile } from '../model/signature.ts';

/** What a changed file changed: paths of settings such as `roots.letters.minFree`. */
export interface ConfigChanges {
  readonly applied: readonly string[];
  readonly needRestart: readonly string[];
}

/** Settings of a root that are looked at anew each time; a batch that is claimed keeps its profile and its keys. */
const liveOfRoot: readonly (keyof RootConfig)[] = [
  'profile',
  'allowProfiles',
  'priority',
  'settle',
  'sweep',
  'onError',
  'onExisting',
  'ignore',
  'minFree',
  'maxWait',
  'retention',
  'htmlReport',
  'documentPassword',
];

/**
 * The configuration as a running daemon sees it. `config` shows at every moment what holds now, so whoever reads a setting when it is needed reads
 * the new one; what was opened with a setting (keys, authorities, watched trees, trust) keeps it until a restart.
 */
export class LiveConfig {
  readonly config: Config;
  #now: Config;

  constructor(config: Config) {
    this.#now = config;
    const roots = Object.fromEntries(
      Object.keys(config.roots).map((name) => [name, viewOf(() => this.#now.roots[name] ?? config.roots[name] ?? unknownRoot(name))]),
    );
    this.config = viewOf(() => ({ ...this.#now, roots }));
  }

  /** Takes over what can change while it runs. @param fresh the file, read again */
  apply(fresh: Config): ConfigChanges {
    const before = this.#now;
    const profiles = { ...before.profiles, ...usable(fresh.profiles, before) };
    const roots = Object.fromEntries(
      Object.entries(before.roots).map(([name, root]) => [name, mergedRoot(root, fresh.roots[name], profiles)]),
    );
    const { level, modules } = fresh.log;
    this.#now = { ...before, log: { ...before.log, level, modules }, profiles, roots };
    return { applied: differences(before, this.#now), needRestart: differences(this.#now, fresh) };
  }
}

/** A profile is taken over when the authorities that it names are there. */
function usable(profiles: Config['profiles'], { tsas }: Config): Record<string, Profile> {
  return Object.fromEntries(Object.entries(profiles).filter(([, profile]) => profile.tsas.every((name) => Object.hasOwn(tsas, name))));
}

function mergedRoot(root: RootConfig, fresh: RootConfig | undefined, profiles: Config['profiles']): RootConfig {
  if (fresh === undefined) return root;
  const known = [fresh.profile, ...fresh.allowProfiles].every((name) => Object.hasOwn(profiles, name));
  const live = new Set<string>(known ? liveOfRoot : liveOfRoot.filter((name) => name !== 'profile' && name !== 'allowProfiles'));
  const kept = Object.entries(root).filter(([name]) => !live.has(name));
  const taken = Object.entries(fresh).filter(([name]) => live.has(name));
  return Object.fromEntries([...kept, ...taken]) as unknown as RootConfig;
}

/** An object that shows the properties of whatever `current` gives at the moment. Read only. */
function viewOf<T extends object>(current: () => T): T {
  return new Proxy<T>({} as T, {
    get: (_, name) => Reflect.get(current(), name) as unknown,
    has: (_, name) => Reflect.has(current(), name),
    ownKeys: () => Reflect.ownKeys(current()),
    getOwnPropertyDescriptor: (_, name) => {
      const descriptor = Reflect.getOwnPropertyDescriptor(current(), name);
      return descriptor && { ...descriptor, configurable: true };
    },
    set: () => false,
  });
}

function unknownRoot(name: string): never {
  throw new TypeError(`no root ${name}`);
}

/** Settings that the file calls otherwise. */
const inFile: Readonly<Record<string, string>> = { dataDir: 'data' };

/** Sections with named entries, and how deep their settings are told apart. */
const depths: Readonly<Record<string, number>> = { roots: 2, log: 1, keys: 1, pools: 1, tsas: 1, profiles: 1, trust: 1, archive: 1 };

/** Paths of settings that differ between what a daemon works with and a file that came over the socket as plain data. */
export function settingsThatDiffer(running: Config, file: Config): string[] {
  const asPlain = (config: Config): Config => JSON.parse(JSON.stringify(config)) as Config;
  return differences(asPlain(running), asPlain(file));
}

/** Paths of settings that differ. */
function differences(one: Config, other: Config): string[] {
  return compare(one, other, '', 1);
}

function compare(one: object, other: object, above: string, depth: number): string[] {
  const names = Object.keys({ ...one, ...other });
  return names.flatMap((name) => {
    const [a, b] = [Reflect.get(one, name) as unknown, Reflect.get(other, name) as unknown];
    if (isDeepStrictEqual(a, b)) return [];
    const path = above === '' ? (inFile[name] ?? name) : `${above}.${name}`;
    const deeper = above === '' ? (depths[name] ?? 0) : depth - 1;
    return deeper > 0 && isMapping(a) && isMapping(b) ? compare(a, b, path, deeper) : [path];
  });
}

function isMapping(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
