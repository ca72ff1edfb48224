import { leavesOfHash } from '../archive/evidence.ts';
import { SealError } from '../errors.ts';
import { digestLengths } from '../formats/digests.ts';
import { displayName } from '../formats/names.ts';
import type { AnyDigest } from '../model/algorithms.ts';
import type { Leaf } from '../model/archive.ts';
import type { Effects } from '../ports/effects.ts';
import { isoTime } from './views.ts';

export interface FoundObject {
  /** As it was asked for. */
  readonly what: string;
  readonly tree: string;
  readonly index: number;
  readonly kind: Leaf['kind'];
  readonly state: 'open' | 'sealed' | 'anchored';
  /** Proven since; absent until the tree is anchored. */
  readonly genTime?: string;
  readonly batch?: string;
  /** Of the document it belongs to, below its batch. */
  readonly path?: string;
}

type ObjectEffects = Pick<Effects, 'files' | 'store'>;

const algorithms: Readonly<Record<string, AnyDigest>> = { sha256: 'sha256', sha384: 'sha384', sha512: 'sha512' };

/**
 * `SHA256:HEX` or a file, which is hashed with each digest the archive's trees use. Not trusted: only looked up.
 * @throws SealError SEAL-USAGE for what looks like a digest and is none, SEAL-INPUT-MISSING, SEAL-DISK-*
 */
export async function hashesOf(fx: ObjectEffects, what: string): Promise<Buffer[]> {
  const [name = '', hex] = what.split(':');
  const algorithm = algorithms[name.toLowerCase().replace('-', '')];
  if (algorithm !== undefined && hex !== undefined) {
    const digits = 2 * digestLengths[algorithm];
    if (hex.length !== digits || !/^[0-9a-f]+$/i.test(hex))
      throw new SealError('SEAL-USAGE', `“${what}” is not a digest`, {
        hint: `a digest is written ${name.toUpperCase()}:HEX, here with ${digits} hexadecimal digits`,
      });
    return [Buffer.from(hex, 'hex')];
  }
  const used = await fx.store.treeDigests();
  return [...(await fx.files.digest(what, used.length === 0 ? ['sha256'] : used)).values()];
}

/** Leaves of an object known by its bytes. @throws SealError SEAL-ARCHIVE-UNKNOWN, SEAL-INPUT-MISSING */
export async function leavesOf(fx: ObjectEffects, what: string): Promise<Leaf[]> {
  let unknown: unknown;
  for (const hash of await hashesOf(fx, what)) {
    try {
      return await leavesOfHash(fx, hash);
    } catch (error) {
      unknown = error;
    }
  }
  throw unknown;
}

/** `archive find`: is this in the archive, and since when? An object that is not there gives no line. */
export async function findObject(fx: ObjectEffects, { what }: { readonly what: string }): Promise<FoundObject[]> {
  const leaves = await leavesOf(fx, what).catch((error: unknown) => {
    if (error instanceof SealError && error.code === 'SEAL-ARCHIVE-UNKNOWN') return [];
    throw error;
  });
  return await Promise.all(leaves.map((leaf) => describe(fx, what, leaf)));
}

async function describe(fx: ObjectEffects, what: string, leaf: Leaf): Promise<FoundObject> {
  const [tree] = await fx.store.trees({ id: leaf.tree });
  const [token] = await fx.store.tokens(leaf.tree);
  const document = leaf.document === undefined ? undefined : await fx.store.document(leaf.document);
  return {
    what,
    tree: leaf.tree,
    index: leaf.index,
    kind: leaf.kind,
    state: tree?.state ?? 'open',
    ...(token === undefined ? {} : { genTime: isoTime(token.genTime) }),
    ...(leaf.batch === undefined ? {} : { batch: leaf.batch }),
    ...(document === undefined ? {} : { path: displayName(document.relPath) }),
  };
}
