import { parse as parseYaml } from 'yaml';
import { SealError } from '../errors.ts';
import { displayName, isUtf8 } from '../formats/names.ts';
import type { SemaphoreOptions } from '../model/batch.ts';
import type { Config, RootConfig } from '../model/config.ts';

/** Bytes of a semaphore at most: a list of 100,000 files in JSON fits. */
export const semaphoreLimit = 16 << 20;
/** YAML is written by people; a hostile one of this size takes a tenth of a second, one of 200 KiB six. */
const yamlLimit = 32 << 10;
const filesLimit = 200_000;
const keysLimit = 1_000;

function malformed(
  message: string,
  hint = 'leave the semaphore empty, or write profile, keys, priority and files as YAML or JSON',
  cause?: unknown,
): SealError {
  return new SealError('SEAL-BATCH-SEMAPHORE', `the semaphore is malformed: ${message}`, { hint, cause });
}

/**
 * What an approval semaphore says; hostile input. Empty, YAML or JSON.
 * @throws SealError SEAL-BATCH-SEMAPHORE
 */
export function parseSemaphore(bytes: Buffer): SemaphoreOptions {
  if (bytes.length > semaphoreLimit) throw malformed(`longer than ${semaphoreLimit} bytes`);
  if (!isUtf8(bytes)) throw malformed('it is not UTF-8');
  const text = bytes.toString('utf8').replace(/^\ufeff/, '');
  const value = text.trimStart().startsWith('{') ? readJson(text) : readYaml(text);
  if (value === null || value === undefined) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw malformed('it holds no options but something else');
  return options(value as Readonly<Record<string, unknown>>);
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    // {a: b} is YAML too; what begins like JSON is meant as JSON.
    if (!/^\s*\{\s*"/.test(text)) return readYaml(text);
    throw malformed(cause instanceof Error ? cause.message : 'no JSON', undefined, cause);
  }
}

function readYaml(text: string): unknown {
  if (text.length > yamlLimit) throw malformed(`YAML longer than ${yamlLimit} bytes`, 'write long lists of files as JSON');
  try {
    return parseYaml(text, { maxAliasCount: 0, uniqueKeys: true, logLevel: 'error' });
  } catch (cause) {
    const [line = ''] = cause instanceof Error ? cause.message.split('\n') : [];
    throw malformed(displayName(line), undefined, cause);
  }
}

const known = ['profile', 'keys', 'priority', 'files'];

function options(value: Readonly<Record<string, unknown>>): SemaphoreOptions {
  for (const key of Object.keys(value))
    if (!known.includes(key)) throw malformed(`unknown option “${displayName(key.slice(0, 100))}”`, `known are ${known.join(', ')}`);
  const { profile, keys, priority, files } = value;
  return {
    ...(absent(profile) ? {} : { profile: text(profile, 'profile') }),
    ...(absent(keys) ? {} : { keys: keyNames(keys) }),
    ...(absent(priority) ? {} : { priority: number(priority) }),
    ...(absent(files) ? {} : { files: expectedFiles(files) }),
  };
}

function absent(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

function text(value: unknown, what: string): string {
  if (typeof value !== 'string' || value === '') throw malformed(`${what} must be a name`);
  return value;
}

function number(value: unknown): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || Math.abs(value) > 1000)
    throw malformed('priority must be a whole number from -1000 to 1000');
  return value;
}

function keyNames(value: unknown): string[] {
  const names = (Array.isArray(value) ? value : [value]) as readonly unknown[];
  if (names.length === 0 || names.length > keysLimit) throw malformed('keys must name at least one key or pool');
  return names.map((name) => text(name, 'keys'));
}

type ExpectedFile = NonNullable<SemaphoreOptions['files']>[number];

/** A list of names or of {name, sha256}, or a mapping from name to SHA-256. */
function expectedFiles(value: unknown): ExpectedFile[] {
  if (typeof value !== 'object' || value === null) throw malformed('files must be a list of names or {name, sha256}');
  const list: readonly unknown[] = Array.isArray(value)
    ? value
    : Object.entries(value).map(([name, sha256]) => ({ name, sha256: sha256 as unknown }));
  if (list.length === 0 || list.length > filesLimit) throw malformed(`files must name between 1 and ${filesLimit} files`);
  const seen = new Set<string>();
  return list.map((item) => {
    const file = typeof item === 'string' ? { name: fileName(item) } : expectedFile(item);
    if (seen.has(file.name)) throw malformed(`files names “${displayName(file.name)}” twice`);
    seen.add(file.name);
    return file;
  });
}

function expectedFile(item: unknown): ExpectedFile {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) throw malformed('files must be a list of names or {name, sha256}');
  const { name, sha256, ...rest } = item as { readonly name?: unknown; readonly sha256?: unknown };
  if (Object.keys(rest).length > 0) throw malformed(`files: unknown field “${displayName(Object.keys(rest).join(', ').slice(0, 100))}”`);
  if (absent(sha256)) return { name: fileName(name) };
  if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/i.test(sha256)) throw malformed('files: sha256 must have 64 hexadecimal digits');
  return { name: fileName(name), sha256: sha256.toLowerCase() };
}

function fileName(value: unknown): string {
  const name = text(value, 'files: name');
  const parts = name.replace(/^\.\//, '').split('/');
  if (name.includes('\0') || parts.some((part) => part === '' || part === '.' || part === '..'))
    throw malformed(`files: “${displayName(name.slice(0, 255))}” is no path below the batch`);
  return parts.join('/');
}

/** How a batch is signed once its semaphore was held against its root. */
export interface Narrowed {
  readonly profile: string;
  readonly keys: readonly string[];
  readonly priority: number;
}

/**
 * Pure: the root's options narrowed by the semaphore. A priority orders the batches of the root among themselves; towards other roots none
 * ranks above its root (queue.ts), so it needs no permission.
 * @throws SealError SEAL-BATCH-NOT-PERMITTED
 */
export function narrow(options: SemaphoreOptions, root: RootConfig, pools: Config['pools']): Narrowed {
  return {
    profile: narrowProfile(options.profile, root),
    keys: options.keys === undefined ? root.keys : narrowKeys(options.keys, root, pools),
    priority: options.priority ?? root.priority,
  };
}

function narrowProfile(wanted: string | undefined, root: RootConfig): string {
  if (wanted === undefined || wanted === root.profile || root.allowProfiles.includes(wanted)) return wanted ?? root.profile;
  throw new SealError('SEAL-BATCH-NOT-PERMITTED', `the root ${root.name} does not permit the profile “${displayName(wanted)}”`, {
    hint: `permitted are ${[...new Set([root.profile, ...root.allowProfiles])].join(', ')}; allowProfiles of the root adds others`,
  });
}

function narrowKeys(wanted: readonly string[], root: RootConfig, pools: Config['pools']): string[] {
  const keys = new Set<string>();
  for (const name of wanted) {
    // Not `pools[name]`: the name comes from outside.
    const members = Object.hasOwn(pools, name) ? (pools[name] ?? []) : [name];
    const permitted = members.filter((key) => root.keys.includes(key));
    if (permitted.length === 0) {
      throw new SealError('SEAL-BATCH-NOT-PERMITTED', `the root ${root.name} does not permit the key “${displayName(name)}”`, {
        hint: root.keys.length === 0 ? 'this root archives without signing' : `permitted are ${root.keys.join(', ')}`,
      });
    }
    for (const key of permitted) keys.add(key);
  }
  return [...keys];
}
