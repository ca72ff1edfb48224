import type { Connection } from './database.ts';

/*
 * From a hash to leaf numbers, without an index on the hot path (a B-tree over random hashes takes 95,000 rows a second, and 21,000 at ten
 * million). A run of tier t holds the hashes of 4,096 · 16^t leaf numbers, sorted, in 64 · 16^t buckets by their first bits: row (tier, bucket,
 * run) holds some 64 entries of 8 octets: the first bits of the hash, then the leaf's place in the run (12 + 4 t bits). Sixteen runs of a tier
 * become one of the next, a few buckets at a time while new runs come. So a search reads at most some 30 rows of each of 6 tiers; only those of the
 * last one, of four thousand million leaves each, may be more. 8.2 bytes a hash.
 */
export const lastTier = 5;
const fanBits = 4;
const fan = 2 ** fanBits;
const firstPlaceBits = 12;
const firstBucketBits = 6;
const entrySize = 8;

/** Leaf numbers in a run of tier 0. */
export const runSize = 2 ** firstPlaceBits;

/** Buckets of each tier merged while one run of tier 0 is added: 4 would be enough to be done when the next merge begins. */
const bucketsAtOnce = 8;

const placeBits = (tier: number): number => firstPlaceBits + fanBits * tier;
const bucketBits = (tier: number): number => firstBucketBits + fanBits * tier;

interface Row {
  readonly run: number;
  readonly entries: Buffer;
}

interface TierRow {
  readonly runs: number;
  readonly bucket: number;
}

export interface LookupTiers {
  /** Leaf numbers from here on are in no run. */
  end(): number;
  /** The next run of tier 0. @param hashes with the first 8 octets of each @param places of their leaves in the run */
  add(hashes: readonly { readonly prefix: bigint; readonly place: number }[]): void;
  /** Leaf numbers that may have this hash: its first 32 bits at least are those of the entry. */
  find(hash: Buffer): number[];
}

/** The runs; inside the running transaction. */
export function lookupTiers({ db }: Connection): LookupTiers {
  const tierRow = db.prepare<[number], TierRow>('SELECT runs, bucket FROM lookup_tiers WHERE tier = ?');
  const setTier = db.prepare('UPDATE lookup_tiers SET runs = ?, bucket = ? WHERE tier = ?');
  const put = db.prepare('INSERT INTO hash_lookup (tier, bucket, run, entries) VALUES (?, ?, ?, ?)');
  const ofBucket = db.prepare<[number, number], Row>('SELECT run, entries FROM hash_lookup WHERE tier = ? AND bucket = ?');
  const children = db.prepare<[number, number, number, number], Row>(
    'SELECT run, entries FROM hash_lookup WHERE tier = ? AND bucket = ? AND run >= ? AND run < ?',
  );
  const drop = db.prepare('DELETE FROM hash_lookup WHERE tier = ? AND bucket = ? AND run >= ? AND run < ?');
  const state = (tier: number): TierRow => tierRow.get(tier) ?? { runs: 0, bucket: 0 };

  /** Sorts entries and lays them into the buckets of a run. */
  const layOut = (tier: number, run: number, entries: BigUint64Array): void => {
    const sorted = Buffer.allocUnsafe(entries.length * entrySize);
    entries.sort().forEach((entry, n) => sorted.writeBigUInt64BE(entry, n * entrySize));
    const bits = bucketBits(tier);
    for (let at = 0; at < sorted.length;) {
      const bucket = firstBits(sorted, at, bits);
      let end = at + entrySize;
      while (end < sorted.length && firstBits(sorted, end, bits) === bucket) end += entrySize;
      put.run(tier, bucket, run, sorted.subarray(at, end));
      at = end;
    }
  };

  /** One bucket of sixteen runs of the tier below becomes sixteen buckets of one run. */
  const mergeBucket = (tier: number, run: number, bucket: number): void => {
    const range = [tier - 1, bucket, run * fan, (run + 1) * fan] as const;
    const rows = children.all(...range);
    const entries = new BigUint64Array(rows.reduce((sum, row) => sum + row.entries.length, 0) / entrySize);
    const below = BigInt(placeBits(tier - 1));
    const mask = (1n << below) - 1n;
    const clear = ~((1n << BigInt(placeBits(tier))) - 1n);
    let n = 0;
    for (const row of rows) {
      const base = BigInt(row.run - run * fan) << below;
      for (let at = 0; at < row.entries.length; at += entrySize) {
        const entry = row.entries.readBigUInt64BE(at);
        entries[n++] = (entry & clear) | base | (entry & mask);
      }
    }
    layOut(tier, run, entries);
    drop.run(...range);
  };

  /** Goes on with what is to be merged into a tier. */
  const merge = (tier: number): void => {
    const { runs, bucket } = state(tier);
    if (state(tier - 1).runs < (runs + 1) * fan) return;
    const buckets = 2 ** bucketBits(tier - 1);
    const end = Math.min(bucket + bucketsAtOnce, buckets);
    for (let next = bucket; next < end; next++) mergeBucket(tier, runs, next);
    setTier.run(end === buckets ? runs + 1 : runs, end === buckets ? 0 : end, tier);
  };

  return {
    end: () => state(0).runs * runSize,
    add: (hashes) => {
      const { runs } = state(0);
      const mask = BigInt(runSize - 1);
      const entries = BigUint64Array.from(hashes, ({ prefix, place }) => (prefix & ~mask) | BigInt(place));
      layOut(0, runs, entries);
      setTier.run(runs + 1, 0, 0);
      for (let tier = 1; tier <= lastTier; tier++) merge(tier);
    },
    find: (hash) => {
      const found: number[] = [];
      const prefix = hash.readBigUInt64BE(0);
      for (let tier = 0; tier <= lastTier; tier++) {
        const mask = (1n << BigInt(placeBits(tier))) - 1n;
        const wanted = prefix & ~mask;
        const size = 2 ** placeBits(tier);
        for (const { run, entries } of ofBucket.iterate(tier, firstBits(hash, 0, bucketBits(tier))))
          for (let at = 0; at < entries.length; at += entrySize) {
            const entry = entries.readBigUInt64BE(at);
            if ((entry & ~mask) === wanted) found.push(run * size + Number(entry & mask));
          }
      }
      return found;
    },
  };
}

/** The first bits, up to 32, as a number. */
function firstBits(bytes: Buffer, at: number, bits: number): number {
  return bytes.readUInt32BE(at) >>> (32 - bits);
}
