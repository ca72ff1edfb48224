import { hash } from 'node:crypto';
import { createRequire } from 'node:module';
import { digestLengths } from '../formats/digests.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';

/** Hashes neighbouring nodes of one level in bulk: each pair sorted, then concatenated (RFC 4998 §4.2; evidence-records 3). */
export interface PairHash {
  readonly digest: DigestAlgorithm;
  /** Bytes of one node. */
  readonly size: number;
  /**
   * Hashes the first `pairs` pairs of `nodes` and writes them one behind the other at the start of `into`, which may be `nodes` itself.
   */
  hashPairs(nodes: Buffer, pairs: number, into: Buffer): void;
}

/** The fastest that works here: native bulk hashing for SHA-256 where the module loads, else node:crypto. Same results. */
export function pairHash(digest: DigestAlgorithm): PairHash {
  const known = chosen.get(digest);
  if (known) return known;
  const best = (digest === 'sha256' ? nativePairHash() : undefined) ?? portablePairHash(digest);
  chosen.set(digest, best);
  return best;
}

const chosen = new Map<DigestAlgorithm, PairHash>();

/** node:crypto, one call a pair. The one-shot hash with a latin1 string is several times as fast as createHash for 64 bytes. */
export function portablePairHash(digest: DigestAlgorithm): PairHash {
  const size = digestLengths[digest];
  const scratch = Buffer.alloc(2 * size);
  return {
    digest,
    size,
    hashPairs(nodes, pairs, into) {
      for (let pair = 0; pair < pairs; pair++) {
        sortPair(nodes, 2 * pair * size, size, scratch, 0);
        into.write(hash(digest, scratch, 'binary'), pair * size, size, 'latin1');
      }
    },
  };
}

/** SHA-256 in bulk by @chainsafe/hashtree (SIMD); undefined where it does not load or does not compute SHA-256. */
export function nativePairHash(): PairHash | undefined {
  const hashInto = native();
  if (hashInto === undefined) return undefined;
  const scratch = Buffer.alloc(1024 * 64);
  return {
    digest: 'sha256',
    size: 32,
    hashPairs(nodes, pairs, into) {
      for (let done = 0; done < pairs; done += 1024) {
        const count = Math.min(1024, pairs - done);
        for (let pair = 0; pair < count; pair++) sortPair(nodes, (done + pair) * 64, 32, scratch, pair * 64);
        hashInto(scratch.subarray(0, count * 64), into.subarray(done * 32, (done + count) * 32));
      }
    },
  };
}

/** Copies the pair at `at` to `target`, the smaller node (unsigned, big-endian) first. A loop: Buffer.compare costs more than 32 bytes. */
function sortPair(nodes: Buffer, at: number, size: number, target: Buffer, to: number): void {
  let differ = 0;
  while (differ < size - 1 && nodes[at + differ] === nodes[at + size + differ]) differ++;
  const swapped = (nodes[at + differ] ?? 0) > (nodes[at + size + differ] ?? 0);
  const first = swapped ? at + size : at;
  const second = swapped ? at : at + size;
  for (let octet = 0; octet < size; octet++) {
    target[to + octet] = nodes[first + octet] ?? 0;
    target[to + size + octet] = nodes[second + octet] ?? 0;
  }
}

type HashInto = (input: Uint8Array, output: Uint8Array) => void;
let loaded: HashInto | null | undefined;

function native(): HashInto | undefined {
  if (loaded === undefined) loaded = load();
  return loaded ?? undefined;
}

/** A processor or libc without a binary of the module is no error: the portable way gives the same tree. */
function load(): HashInto | null {
  try {
    const module: unknown = createRequire(import.meta.url)('@chainsafe/hashtree');
    if (typeof module !== 'object' || module === null || !('hashInto' in module)) return null;
    const hashInto = module.hashInto as HashInto;
    const sample = Buffer.from(Array.from({ length: 128 }, (_, index) => index));
    const output = Buffer.alloc(64);
    hashInto(sample, output);
    const expected = [sample.subarray(0, 64), sample.subarray(64)].map((block) => hash('sha256', block, 'buffer'));
    return output.equals(Buffer.concat(expected)) ? hashInto : null;
  } catch {
    return null;
  }
}
