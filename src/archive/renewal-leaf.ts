import { SealError } from '../errors.ts';
import { digestOf } from '../formats/digests.ts';
import { hashList } from '../formats/ers-hash.ts';
import { assembleSequence, type EncodedChain } from '../formats/ers-write.ts';
import { xmlSequenceHash, xmlTimeStampHash, type XmlArchiveTimeStampChain } from '../formats/xmlers-write.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';

/**
 * Layout 2 of renewals (docs/archive-format.md): a leaf is a node over two hashes, that of the RFC 4998 form and that of the RFC 6283 form, so
 * that one timestamp renews records in both. Of layout 1 it is the hash of the RFC 4998 form alone. Above the leaves both are trees of layout 1.
 */
export const renewalLayout = 2;

/** False for a renewal of a newer version. */
export function knowsRenewalLayout(layout: number): boolean {
  return layout === 1 || layout === renewalLayout;
}

/** @throws SealError SEAL-STORE-SCHEMA for a renewal of a newer version */
export function demandRenewalLayout(layout: number): void {
  if (!knowsRenewalLayout(layout))
    throw new SealError('SEAL-STORE-SCHEMA', `renewal of layout ${layout}, known are 1 and ${renewalLayout}`, {
      hint: 'run the version of Sealtree that wrote this archive, or a newer one',
    });
}

/** A leaf of a renewal. */
export interface RenewalLeaf {
  readonly hash: Buffer;
  /** Lists of a reduced hash tree from what is renewed up to the leaf, in the RFC 4998 form. */
  readonly der: readonly (readonly Buffer[])[];
  /** The same in the RFC 6283 form; undefined where there is none. */
  readonly xml: readonly (readonly Buffer[])[] | undefined;
}

/** Chains of one record in both forms, oldest first. */
export interface RecordChains {
  readonly chains: readonly EncodedChain[];
  /** Undefined when a renewal of layout 1 is among them. */
  readonly xml: readonly XmlArchiveTimeStampChain[] | undefined;
}

/**
 * What stands for a chain in a timestamp renewal: the hashes of all its tokens as one group (RFC 4998 §5.2; evidence-records 7, 8), and the
 * hash of the last TimeStamp element (RFC 6283 §4.2.1). @param tokens DER, frozen, oldest first
 */
export function chainLeaf(tokens: readonly Buffer[], digest: DigestAlgorithm, layout: number): RenewalLeaf {
  const last = tokens.at(-1);
  const group = tokens.map((token) => digestOf(digest, token));
  return leafOf(group, layout === 1 || last === undefined ? undefined : [xmlTimeStampHash(last, digest)], digest);
}

/**
 * What stands for an object in a hash-tree renewal: H(H(d) ‖ ha) of each member, document hash first, unsorted (RFC 4998 §5.3; evidence-records
 * 10); and beside it the members' H(d) with the hash of their ArchiveTimeStampSequence, as one group (RFC 6283 §4.2.2; evidence-records 12).
 * @param members H(d) with the new digest @param earlier the record's chains so far
 */
export function objectLeaf(members: readonly Buffer[], earlier: RecordChains, digest: DigestAlgorithm, layout: number): RenewalLeaf {
  const ha = digestOf(digest, assembleSequence(earlier.chains));
  const group = members.map((member) => digestOf(digest, member, ha));
  const xml = layout === 1 || earlier.xml === undefined ? undefined : [...members, xmlSequenceHash(earlier.xml, digest)];
  return leafOf(group, xml, digest);
}

function leafOf(group: readonly Buffer[], xmlGroup: readonly Buffer[] | undefined, digest: DigestAlgorithm): RenewalLeaf {
  const der = hashList(group, digest);
  if (xmlGroup === undefined) return { hash: der, der: [group], xml: undefined };
  const xml = hashList(xmlGroup, digest);
  return { hash: hashList([der, xml], digest), der: [group, [xml]], xml: [xmlGroup, [der]] };
}
