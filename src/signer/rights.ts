import { SealError } from '../errors.ts';
import type { Config } from '../model/config.ts';

/** Who may use which key: a root names its keys, a key names its roots; both must agree. */
export interface PoolRules {
  readonly keys: ReadonlyMap<string, KeyRules>;
  /** Root → names of its keys. */
  readonly roots: ReadonlyMap<string, readonly string[]>;
}

export interface KeyRules {
  /** Empty: serves all. */
  readonly roots: readonly string[];
  readonly maxSignatures?: number;
  /** It signs only what was shown before its PIN. */
  readonly stack?: true;
}

/** The rules that a configuration states. */
export function poolRules(config: Pick<Config, 'keys' | 'roots'>): PoolRules {
  const keys = Object.values(config.keys).map((key) => {
    const { maxSignatures, activation } = key.source === 'pkcs11' ? key : {};
    const limits = {
      ...(maxSignatures === undefined ? {} : { maxSignatures }),
      ...(activation === 'stack' ? { stack: true as const } : {}),
    };
    return [key.name, { roots: key.roots, ...limits }] as const;
  });
  return { keys: new Map(keys), roots: new Map(Object.values(config.roots).map((root) => [root.name, root.keys])) };
}

/**
 * The keys a request may use, in its order.
 * @param root undefined: a person at the command line, who may use keys that are not reserved for roots
 * @param wanted names of keys
 * @throws SealError SEAL-KEY-UNKNOWN when none of them is configured, SEAL-KEY-DENIED when none of them is allowed
 */
export function allowedKeys(rules: PoolRules, root: string | undefined, wanted: readonly string[]): readonly string[] {
  const known = wanted.filter((name) => rules.keys.has(name));
  if (known.length === 0)
    throw new SealError('SEAL-KEY-UNKNOWN', `no such key: ${wanted.join(', ') || '(none named)'}`, {
      hint: `configured are ${[...rules.keys.keys()].join(', ') || 'none'}`,
    });
  const allowed = known.filter((name) => mayUse(rules, root, name));
  if (allowed.length > 0) return allowed;
  throw new SealError('SEAL-KEY-DENIED', `${root === undefined ? 'the command line' : `root “${root}”`} may not use ${known.join(', ')}`, {
    hint: 'name the key under “keys:” of the root, and the root under “roots:” of the key',
  });
}

/** Whether a root may use a key, whatever a request names. @param root undefined: a person at the command line */
export function mayUse(rules: PoolRules, root: string | undefined, key: string): boolean {
  return (root === undefined || rules.roots.get(root)?.includes(key) === true) && serves(rules, key, root);
}

function serves(rules: PoolRules, key: string, root: string | undefined): boolean {
  const roots = rules.keys.get(key)?.roots ?? [];
  return roots.length === 0 || (root !== undefined && roots.includes(root));
}
