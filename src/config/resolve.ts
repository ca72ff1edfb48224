import { dirname, resolve } from 'node:path';
import type { Config, KeyConfig, RootConfig, SecretReference, TsaConfig } from '../model/config.ts';
import type { Profile } from '../model/signature.ts';
import { defined } from './defined.ts';
import { nearest } from './nearest.ts';
import { checkPlaces, type Report } from './places.ts';
import { resolveNotify } from './resolve-notify.ts';
import { checkTokens } from './tokens.ts';
import type { FileSettings } from './schema.ts';

/**
 * Pure: paths made absolute (relative to the file), pools and names resolved, every reference checked.
 * What does not fit goes to `report`; the result is only to be used when nothing was reported.
 */
export function resolveConfig(settings: FileSettings, path: string, report: Report): Config {
  const base = dirname(resolve(path));
  const at = (file: string): string => resolve(base, file);
  const secretAt = (secret: SecretReference): SecretReference => ('file' in secret ? { file: at(secret.file) } : secret);
  const refer = (place: readonly (string | number)[], name: string, known: readonly string[], what: string): boolean => {
    if (known.includes(name)) return true;
    const close = nearest(name, known);
    report(place, `no ${what} is called “${name}”${close === undefined ? '' : `; did you mean “${close}”?`}`);
    return false;
  };
  const { trust, evaluation, monitor, log, archive } = settings;
  const tsaNames = Object.keys(settings.tsas);
  archive.tsas.forEach((name, index) => refer(['archive', 'tsas', index], name, tsaNames, 'tsa'));
  if (archive.timestamps > archive.tsas.length) report(['archive', 'timestamps'], 'two independent timestamps need two tsas');
  const dataDir = at(settings.data);
  const roots = mapValues(settings.roots, (_, name) => resolveRoot(settings, name, at, secretAt, refer, report));
  checkPlaces(dataDir, Object.values(roots), report);
  checkTokens(settings.keys, report);
  return {
    path: resolve(path),
    dataDir,
    log: defined({ ...log, file: log.file === undefined ? undefined : at(log.file) }),
    ...(monitor === undefined ? {} : { monitor }),
    ...(evaluation === undefined ? {} : { evaluation: { dir: at(evaluation.dir), ...evaluation.listen } }),
    trust: { ...trust, anchors: trust.anchors.map(at), certificates: trust.certificates.map(at), crls: trust.crls.map(at) },
    keys: mapValues(settings.keys, (key, name) =>
      resolveKey(
        key,
        name,
        at,
        secretAt,
        (root, index) => refer(['keys', name, 'roots', index], root, Object.keys(settings.roots), 'root'),
        report,
      ),
    ),
    pools: resolvePools(settings, refer, report),
    tsas: mapValues(settings.tsas, (tsa, name): TsaConfig =>
      defined({ ...tsa, name, credentials: tsa.credentials && { ...tsa.credentials, password: secretAt(tsa.credentials.password) } }),
    ),
    profiles: mapValues(settings.profiles, (profile, name) => resolveProfile(profile, name, tsaNames, refer, report)),
    roots,
    archive: defined(archive),
    ...(settings.notify === undefined ? {} : { notify: resolveNotify(settings.notify, { at, secretAt }, report) }),
  };
}

type Refer = (place: readonly (string | number)[], name: string, known: readonly string[], what: string) => boolean;

function mapValues<T, U>(record: Readonly<Record<string, T>>, map: (value: T, name: string) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value, name)]));
}

function resolveKey(
  key: FileSettings['keys'][string],
  name: string,
  at: (file: string) => string,
  secretAt: (secret: SecretReference) => SecretReference,
  checkRoot: (root: string, index: number) => void,
  report: Report,
): KeyConfig {
  key.roots.forEach(checkRoot);
  const chain = key.chain.map(at);
  if (key.source === 'pkcs12') return { ...key, name, chain, file: at(key.file), passphrase: secretAt(key.passphrase) };
  if (key.token === 'any' && key.keyUsage !== 'contentCommitment')
    report(
      ['keys', name, 'keyUsage'],
      '“token: any” takes certificates that are meant for signatures only: keyUsage must be contentCommitment',
    );
  const { maxHours, pin, token, certificate, key: object, maxSignatures, ...rest } = key;
  return defined({
    ...rest,
    name,
    chain,
    module: at(key.module),
    token: token === 'any' ? token : defined(token),
    certificate: certificate === undefined ? undefined : defined(certificate),
    key: defined(object),
    pin: pin === undefined ? undefined : secretAt(pin),
    maxSignatures,
    maxTime: maxHours === undefined ? undefined : maxHours * 3_600_000,
  });
}

function resolvePools(settings: FileSettings, refer: Refer, report: Report): Record<string, readonly string[]> {
  for (const [pool, members] of Object.entries(settings.pools)) {
    if (pool in settings.keys) report(['pools', pool], `“${pool}” is the name of a key already`);
    members.forEach((member, index) => refer(['pools', pool, index], member, Object.keys(settings.keys), 'key'));
  }
  return settings.pools;
}

function resolveProfile(
  profile: FileSettings['profiles'][string],
  name: string,
  tsaNames: readonly string[],
  refer: Refer,
  report: Report,
): Profile {
  profile.tsas.forEach((tsa, index) => refer(['profiles', name, 'tsas', index], tsa, tsaNames, 'tsa'));
  if (profile.level !== 'B-B' && profile.tsas.length === 0)
    report(['profiles', name, 'level'], `level ${profile.level} needs a timestamp authority: name one in “tsas”`);
  if (profile.format === 'pades' && profile.packaging !== undefined && profile.packaging !== 'embedded') {
    report(['profiles', name, 'packaging'], 'a PAdES signature is always embedded; for a detached one use format: cades');
  }
  if (profile.format === 'cades' && profile.packaging === 'embedded')
    report(['profiles', name, 'packaging'], 'CAdES is detached or enveloping');
  return defined({ ...profile, name });
}

function resolveRoot(
  settings: FileSettings,
  name: string,
  at: (file: string) => string,
  secretAt: (secret: SecretReference) => SecretReference,
  refer: Refer,
  report: Report,
): RootConfig {
  const root = settings.roots[name];
  if (root === undefined) throw new TypeError(`root ${name}`);
  const profiles = Object.keys(settings.profiles);
  refer(['roots', name, 'profile'], root.profile, profiles, 'profile');
  root.allowProfiles.forEach((profile, index) => refer(['roots', name, 'allowProfiles', index], profile, profiles, 'profile'));
  const keys = root.keys === 'none' ? [] : expandKeys(settings, root.keys, name, refer);
  for (const key of keys) {
    const serves = settings.keys[key]?.roots ?? [];
    if (serves.length > 0 && !serves.includes(name))
      report(['roots', name, 'keys'], `the key “${key}” does not serve this root: add it to keys.${key}.roots`);
  }
  const path = at(root.path);
  const below = (tree: string): string => resolve(path, tree);
  const trees = { incoming: below(root.incoming), outgoing: below(root.outgoing), failed: below(root.failed), done: below(root.done) };
  return defined({
    ...root,
    ...trees,
    name,
    path,
    keys,
    approval: defined({ name: 'APPROVED', quiet: 30_000, ...defined(root.approval) }),
    settle: root.settle ?? (root.watch === 'poll' ? 30_000 : 5_000),
    documentPassword: root.documentPassword === undefined ? undefined : secretAt(root.documentPassword),
  });
}

function expandKeys(settings: FileSettings, names: readonly string[], root: string, refer: Refer): string[] {
  const known = [...Object.keys(settings.keys), ...Object.keys(settings.pools)];
  const keys = names.flatMap((name, index) =>
    refer(['roots', root, 'keys', index], name, known, 'key or pool') ? (settings.pools[name] ?? [name]) : [],
  );
  return [...new Set(keys)];
}
