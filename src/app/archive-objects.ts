import { leavesOfHash } from '../archive/evidence.ts';
import { SealError } from '../errors.ts';
import { digestLengths } from '../formats/digests.ts';
import type { AnyDigest } from '../model/algorithms.ts';
import type { Leaf } from '../model/archive.ts';
import type { Effects } from '../ports/effects.ts';

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
