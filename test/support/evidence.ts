import { levelsAbove, pathIn, rootOf } from '../../src/archive/tree.ts';
import { digestLengths, digestOf } from '../../src/formats/digests.ts';
import { hashList, reduceTree } from '../../src/formats/ers-hash.ts';
import { encodeArchiveTimeStamp, encodeArchiveTimeStampSequence, encodeEvidenceRecord } from '../../src/formats/ers-write.ts';
import { sequence } from '../../src/formats/der.ts';
import { embedRevocation } from '../../src/formats/tsp-normalize.ts';
import type { ArchiveTimeStampContent } from '../../src/formats/ers-write.ts';
import type { DigestAlgorithm } from '../../src/model/algorithms.ts';
import type { TestAuthority } from './authority.ts';

/** Chains of archive timestamps, oldest first. */
export type Chains = readonly (readonly ArchiveTimeStampContent[])[];

export interface Stamper {
  readonly authority: TestAuthority;
  /** UTC ms; whole seconds. */
  readonly time: number;
  readonly digest: DigestAlgorithm;
}

/** A token with certificates and CRLs made an hour after it, as the archive keeps it. */
export async function frozenToken({ authority, time, digest }: Stamper, imprint: Buffer): Promise<Buffer> {
  authority.setTime(time);
  const token = await authority.timestamp(digest, imprint);
  authority.setTime(time + 3_600_000);
  return embedRevocation(token, { certificates: [authority.issuing.certificate], crls: authority.crls(), ocsps: [] });
}

/** First timestamp over a tree in which the object (one, or a group) stands between `others` foreign leaves. */
export async function initialChains(stamper: Stamper, members: readonly Buffer[], others: number): Promise<Chains> {
  const { digest } = stamper;
  const size = digestLengths[digest];
  const foreign = Array.from({ length: others }, (_, n) => digestOf(digest, Buffer.from(`other ${n}`)));
  const hashes = members.map((member) => digestOf(digest, member));
  const index = Math.floor(others / 2);
  const leaves = Buffer.concat([...foreign.slice(0, index), hashList(hashes, digest), ...foreign.slice(index)]);
  const timeStamp = await frozenToken(stamper, rootOf(leaves, digest));
  const path = pathIn(levelsAbove(leaves, digest), index, size).map((hash) => [hash]);
  return [[{ digestAlgorithm: digest, reducedHashtree: [hashes, ...path], timeStamp }]];
}

/** RFC 4998 §5.2: all tokens of the last chain as one group, in a tree with a stranger's (evidence-records 7–9). */
export async function renewTimestamp(stamper: Omit<Stamper, 'digest'>, chains: Chains, onlyLast = false): Promise<Chains> {
  const last = chains.at(-1) ?? [];
  const digest = last[0]?.digestAlgorithm ?? 'sha256';
  const covered = onlyLast ? last.slice(-1) : last;
  const tokens = covered.map(({ timeStamp }) => digestOf(digest, timeStamp));
  const reducedHashtree = [tokens, [digestOf(digest, Buffer.from('another token'))]];
  const timeStamp = await frozenToken({ ...stamper, digest }, reduceTree(reducedHashtree, digest));
  return [...chains.slice(0, -1), [...last, { digestAlgorithm: digest, reducedHashtree, timeStamp }]];
}

/** RFC 4998 §5.3: a new chain over H(H(d) ‖ ha), unsorted, or sorted as erratum 7411 has it (evidence-records 10, 11). */
export async function renewHashTree(stamper: Stamper, chains: Chains, members: readonly Buffer[], sorted = false): Promise<Chains> {
  const { digest } = stamper;
  const encoded = chains.map((chain) => sequence(...chain.map(encodeArchiveTimeStamp)));
  const ha = digestOf(digest, encodeArchiveTimeStampSequence(encoded));
  const hashes = members.map((member) => {
    const hash = digestOf(digest, member);
    return sorted ? hashList([hash, ha], digest) : digestOf(digest, hash, ha);
  });
  const reducedHashtree = [hashes, [digestOf(digest, Buffer.from('another object'))]];
  const timeStamp = await frozenToken(stamper, reduceTree(reducedHashtree, digest));
  return [...chains, [{ digestAlgorithm: digest, reducedHashtree, timeStamp }]];
}

export interface RecordSample {
  readonly name: string;
  readonly members: readonly Buffer[];
  readonly record: Buffer;
}

/** Every kind of record: single, group, renewed once and twice, re-hashed, both, several of each. */
export async function recordSamples(authority: TestAuthority, start: number): Promise<RecordSample[]> {
  const day = 86_400_000;
  const at = (days: number) => ({ authority, time: start + days * day });
  const single = [Buffer.from('a single document')];
  const group = [Buffer.from('document of the group'), Buffer.from('signature of the group')];
  const samples: RecordSample[] = [];
  const add = (name: string, members: readonly Buffer[], chains: Chains): Chains => {
    samples.push({ name, members, record: encodeEvidenceRecord(chains) });
    return chains;
  };
  add('alone', single, await initialChains({ ...at(0), digest: 'sha256' }, single, 0));
  add('sha384', single, await initialChains({ ...at(0), digest: 'sha384' }, single, 7));
  for (const [name, members] of [
    ['single', single],
    ['group', group],
  ] as const) {
    const initial = add(name, members, await initialChains({ ...at(0), digest: 'sha256' }, members, 5));
    const once = add(`${name}-renewed`, members, await renewTimestamp(at(10), initial));
    const twice = add(`${name}-renewed-twice`, members, await renewTimestamp(at(20), once));
    add(`${name}-rehashed`, members, await renewHashTree({ ...at(20), digest: 'sha512' }, initial, members));
    const both = add(`${name}-both`, members, await renewHashTree({ ...at(30), digest: 'sha384' }, twice, members));
    const more = await renewTimestamp(at(50), await renewTimestamp(at(40), both));
    add(`${name}-several`, members, await renewHashTree({ ...at(60), digest: 'sha512' }, more, members));
  }
  return samples;
}
