import { digestHex, fromHex, readRecord, sequenceOf, type Chain, type Stamp, type TokenWords } from './record.ts';

/** An object that is proven: hexadecimal digests by their bits, as far as they are known. */
export interface KnownObject {
  readonly name: string;
  readonly digests: Readonly<Partial<Record<'256' | '384' | '512', string>>>;
}

/** What a path begins with. `fits`: it stands in the first list; undefined when its digest is not known here. */
export interface Beginning {
  readonly what: string;
  readonly hash: string | undefined;
  readonly fits: boolean | undefined;
}

/** One level of the tree: the hashes that are added, and what comes out. */
export interface Step {
  readonly added: readonly string[];
  readonly result: string;
}

/** The way to one timestamp. */
export interface Walk {
  readonly bits: 256 | 384 | 512;
  readonly words: TokenWords;
  /** Number of its chain, from 0. */
  readonly chain: number;
  /** The first of the record, of a chain that renews the hash, or one that renews the timestamp before it. */
  readonly kind: 'first' | 'hash-tree' | 'timestamps';
  readonly beginnings: readonly Beginning[];
  readonly steps: readonly Step[];
  /** What the first list holds beside the beginnings. */
  readonly others: number;
  /** The last result is what the timestamp is over. */
  readonly reaches: boolean;
  /** Its time is later than that of the timestamp before. */
  readonly later: boolean;
}

/** Sorted in ascending order, joined, hashed; one alone stays as it is (RFC 4998 §4.2). */
export function joinHashes(bits: 256 | 384 | 512, hashes: readonly string[]): string {
  const [only = ''] = hashes;
  return hashes.length === 1 ? only : digestHex(bits, fromHex([...hashes].sort().join('')));
}

/** Every path of an evidence record, computed from its bytes (RFC 4998 §4.3, §5.3). @throws Error when it is none */
export function walkRecord(record: Uint8Array, objects: readonly KnownObject[]): Walk[] {
  const chains = readRecord(record);
  const walks: Walk[] = [];
  chains.forEach(({ stamps }, chain) => {
    stamps.forEach((stamp, position) => {
      const kind = position > 0 ? 'timestamps' : chain > 0 ? 'hash-tree' : 'first';
      const beginnings =
        kind === 'timestamps' ? earlierTokens(stamps.slice(0, position), stamp) : objectHashes(objects, stamp, chains.slice(0, chain));
      walks.push(walkStamp(stamp, kind, chain, beginnings, walks.at(-1)?.words.time));
    });
  });
  return walks;
}

export function walkStamp(
  stamp: Stamp,
  kind: Walk['kind'],
  chain: number,
  beginnings: readonly Beginning[],
  before: string | undefined,
): Walk {
  const { bits, words, lists } = stamp;
  const [first = [], ...rest] = lists;
  let result = joinHashes(bits, first.length > 0 ? first : beginnings.flatMap(({ hash }) => hash ?? []));
  const steps: Step[] = first.length > 1 ? [{ added: [], result }] : [];
  for (const added of rest) {
    result = joinHashes(bits, [...added, result]);
    steps.push({ added, result });
  }
  const reaches = words.bits === bits && result === words.imprint;
  const others = first.filter((hash) => beginnings.every((one) => one.hash !== hash)).length;
  return { bits, words, chain, kind, beginnings, steps, others, reaches, later: before === undefined || before < words.time };
}

/** A timestamp renewal covers the tokens before it (RFC 4998 §5.2). */
export function earlierTokens(stamps: readonly Stamp[], { bits, lists }: Stamp): Beginning[] {
  return stamps.map(({ token, words }) => {
    const hash = digestHex(bits, token);
    return { what: `timestamp of ${words.time}`, hash, fits: lists[0]?.includes(hash) === true };
  });
}

/** The objects themselves; in a later chain each is hashed together with all chains before (RFC 4998 §5.3). */
export function objectHashes(objects: readonly KnownObject[], { bits, lists }: Stamp, before: readonly Chain[]): Beginning[] {
  const earlier = before.length === 0 ? undefined : digestHex(bits, ...sequenceOf(before));
  return objects.map(({ name, digests }) => {
    const own = digests[bits];
    const hash = own === undefined || earlier === undefined ? own : digestHex(bits, fromHex(own + earlier));
    const fits = lists.length === 0 ? true : lists[0]?.includes(hash ?? '') === true;
    return { what: name, hash, fits: hash === undefined ? undefined : fits };
  });
}
