import { demandRenewalRoot, type ChainLink, type ChainReader } from './chains.ts';
import { digestOf } from '../formats/digests.ts';
import { reduceTree } from '../formats/ers-hash.ts';
import { assembleSequence, encodeArchiveTimeStamp, type EncodedChain } from '../formats/ers-write.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { ArchiveToken, Leaf } from '../model/archive.ts';
import type { RenewedObject } from '../model/renewal.ts';

/** A tree's timestamp with what renews it. */
export interface StampedTree {
  readonly digest: DigestAlgorithm;
  readonly n: number;
  readonly first: ArchiveToken;
  readonly links: readonly ChainLink[];
}

/** The chains of one record, and the last timestamp in them: until when it proves. */
export interface LeafChains {
  readonly chains: readonly EncodedChain[];
  readonly last: ArchiveToken;
  /** No token in it changes any more. */
  readonly final: boolean;
}

/**
 * h' of an object's members: H(H(d) ‖ ha), document hash first, unsorted (RFC 4998 §5.3; evidence-records 10).
 * @param members H(d) with the new digest @param chains the record's earlier chains: ha is the hash of their sequence
 */
export function renewedMembers(members: readonly Buffer[], chains: readonly EncodedChain[], digest: DigestAlgorithm): Buffer[] {
  const ha = digestOf(digest, assembleSequence(chains));
  return members.map((member) => digestOf(digest, member, ha));
}

/**
 * All chains of one leaf: its tree's, cut where the first hash-tree renewal holds it, and one for each hash-tree renewal (RFC 4998 §5).
 * @param path of the leaf in its tree @param objects in order of the renewals; those not anchored are passed over
 * @param before only renewals with a smaller number: what a hash-tree renewal under way builds on
 * @throws SealError SEAL-ARCHIVE-DAMAGED when a renewal does not hold the leaf
 */
export async function chainsOfLeaf(
  reader: ChainReader,
  tree: StampedTree,
  leaf: Pick<Leaf, 'tree' | 'index' | 'members'>,
  path: readonly Buffer[],
  objects: readonly RenewedObject[],
  before = Infinity,
): Promise<LeafChains> {
  const anchored = [];
  for (const object of objects) {
    const found = await reader.renewal(object.renewal);
    if (found !== undefined && found.renewal.seq < before) anchored.push({ object, ...found });
  }
  const first = encodeArchiveTimeStamp({
    digestAlgorithm: tree.digest,
    reducedHashtree: [leaf.members, ...path.map((hash) => [hash])],
    timeStamp: tree.first.token,
  });
  const tokens: ArchiveToken[] = [];
  const chains: EncodedChain[] = [];
  const add = (digest: DigestAlgorithm, own: ArchiveToken, der: Buffer, links: readonly ChainLink[], end: number): void => {
    const following = links.filter(({ seq }) => seq < end);
    chains.push({ digest, timestamps: [der, ...following.map((link) => link.der)] });
    tokens.push(own, ...following);
  };
  add(tree.digest, tree.first, first, tree.links, anchored[0]?.renewal.seq ?? before);
  for (const [position, { object, renewal, token, paths }] of anchored.entries()) {
    const { digest } = renewal;
    const lists = [renewedMembers(object.members, chains, digest), ...(await paths.of(object.position)).map((hash) => [hash])];
    demandRenewalRoot(renewal, reduceTree(lists, digest), `leaf ${leaf.index} of ${leaf.tree}`);
    const der = encodeArchiveTimeStamp({ digestAlgorithm: digest, reducedHashtree: lists, timeStamp: token.token });
    const links = await reader.links({ renewal: renewal.id }, tree.n, token.token);
    add(digest, token, der, links, anchored[position + 1]?.renewal.seq ?? before);
  }
  return { chains, last: tokens.at(-1) ?? tree.first, final: tokens.every(({ frozen }) => frozen) };
}
