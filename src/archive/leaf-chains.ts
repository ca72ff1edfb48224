import { demandRenewalRoot, type AnchoredRenewal, type ChainLink, type ChainReader } from './chains.ts';
import { objectLeaf, type RecordChains, type RenewalLeaf } from './renewal-leaf.ts';
import { reduceTree } from '../formats/ers-hash.ts';
import { encodeArchiveTimeStamp, type EncodedChain } from '../formats/ers-write.ts';
import type { XmlArchiveTimeStampChain } from '../formats/xmlers-write.ts';
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

/** Objects by the leaf of their tree, those of a leaf in the order of the renewals. */
export function objectsByLeaf(objects: readonly RenewedObject[]): Map<number, RenewedObject[]> {
  const found = new Map<number, RenewedObject[]>();
  for (const object of objects) {
    const same = found.get(object.index);
    if (same === undefined) found.set(object.index, [object]);
    else same.push(object);
  }
  return found;
}

/** The chains of one record, and the last timestamp in them: until when it proves. */
export interface LeafChains extends RecordChains {
  readonly last: ArchiveToken;
  /** No token in it changes any more. */
  readonly final: boolean;
}

/** What the record of a leaf is that no hash-tree renewal holds: the one chain of its tree. @param path of the leaf in its tree */
export function chainsOfTree(tree: StampedTree, { members }: Pick<Leaf, 'members'>, path: readonly Buffer[]): RecordChains {
  const record = new GrowingRecord();
  record.add(tree.digest, { der: [members], xml: [members] }, path, tree.first, tree.links);
  return record;
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
  const anchored: (AnchoredRenewal & { readonly object: RenewedObject })[] = [];
  for (const object of objects) {
    const found = await reader.renewal(object.renewal);
    if (found !== undefined && found.renewal.seq < before) anchored.push({ object, ...found });
  }
  const upTo = (links: readonly ChainLink[], position: number): ChainLink[] => {
    const end = anchored[position]?.renewal.seq ?? before;
    return links.filter(({ seq }) => seq < end);
  };
  const record = new GrowingRecord();
  record.add(tree.digest, { der: [leaf.members], xml: [leaf.members] }, path, tree.first, upTo(tree.links, 0));
  for (const [position, { object, renewal, token, paths }] of anchored.entries()) {
    const { digest } = renewal;
    const own = objectLeaf(object.members, record, digest, renewal.layout);
    const way = await paths.of(object.position);
    demandRenewalRoot(renewal, reduceTree([[own.hash], ...listed(way)], digest), `leaf ${leaf.index} of ${leaf.tree}`);
    const links = await reader.links({ renewal: renewal.id }, tree.n, token.token);
    record.add(digest, own, way, token, upTo(links, position + 1));
  }
  const { chains, xml, tokens } = record;
  return { chains, xml, last: tokens.at(-1) ?? tree.first, final: tokens.every(({ frozen }) => frozen) };
}

/** Lists of a reduced hash tree below the tree that a timestamp closes. */
type OwnLists = Pick<RenewalLeaf, 'der' | 'xml'>;

/** The chains of one record in both forms, while they are put together. */
class GrowingRecord implements RecordChains {
  readonly chains: EncodedChain[] = [];
  readonly tokens: ArchiveToken[] = [];
  xml: XmlArchiveTimeStampChain[] | undefined = [];

  /** Begins a chain. @param path above the lists @param following what renews its first timestamp */
  add(digest: DigestAlgorithm, own: OwnLists, path: readonly Buffer[], first: ArchiveToken, following: readonly ChainLink[]): void {
    const above = listed(path);
    const timeStamp = first.token;
    const der = encodeArchiveTimeStamp({ digestAlgorithm: digest, reducedHashtree: [...own.der, ...above], timeStamp });
    const xml = own.xml && { hashTree: [...own.xml, ...above], timeStamp };
    this.chains.push({ digest, timestamps: [der, ...following.map((link) => link.der)] });
    this.tokens.push(first, ...following);
    const forms = [xml, ...following.map((link) => link.xml)].filter((form) => form !== undefined);
    if (forms.length <= following.length) this.xml = undefined;
    else this.xml?.push({ digest, timestamps: forms });
  }
}

function listed(path: readonly Buffer[]): Buffer[][] {
  return path.map((hash) => [hash]);
}
