import { chainsOfLeaf, chainsOfTree } from './leaf-chains.ts';
import { SealError } from '../errors.ts';
import { assembleEvidenceRecord } from '../formats/ers-write.ts';
import { encodeXmlEvidenceRecord } from '../formats/xmlers-write.ts';
import type { AnchoredTree, Stamp } from './anchored-tree.ts';
import type { Leaf } from '../model/archive.ts';
import type { RenewedObject } from '../model/renewal.ts';
import type { RecordChains } from './renewal-leaf.ts';

/** An evidence record as it is handed out. */
export interface ProducedRecord {
  /** DER EvidenceRecord, Basis-ERS profile. */
  readonly der: Buffer;
  /**
   * The same as RFC 6283 evidence record. @throws SealError SEAL-ARCHIVE-FORMAT when a renewal in it is of layout 1: its timestamp covers the
   * RFC 4998 form alone
   */
  readonly xml: () => Buffer;
  /** The leaf it proves; its members stand in the first list. */
  readonly leaf: Leaf;
  /** 1, or 2 for the second of two independent timestamps: `x.ers`, `x.2.ers`. */
  readonly n: number;
  readonly tsa: string;
  /** What is proven to have existed at this time, UTC ms. */
  readonly genTime: number;
  /** Until when it proves if nobody renews it, UTC ms: end of the authority's certificates or of an algorithm. */
  readonly provesUntil: number;
  /** The same bits each time until the next renewal: every token has its final revocation data. */
  readonly final: boolean;
}

/** A record of one chain: of a leaf that no hash-tree renewal holds. @param path of the leaf in its tree */
export function direct(stamp: Stamp, leaf: Leaf, path: readonly Buffer[]): ProducedRecord {
  const { n, first, provesUntil, final, write } = stamp;
  const xml = (): Buffer => xmlRecord(leaf, chainsOfTree(stamp, leaf, path).xml);
  return { der: write(leaf.members, path), xml, leaf, n, tsa: first.tsa, genTime: first.genTime, provesUntil, final };
}

function xmlRecord({ tree }: Leaf, chains: RecordChains['xml']): Buffer {
  if (chains !== undefined) return encodeXmlEvidenceRecord(chains);
  throw new SealError('SEAL-ARCHIVE-FORMAT', 'the record was renewed before records were kept ready for XML', {
    where: tree,
    hint: 'export it as RFC 4998 record, --format ers',
  });
}

/**
 * A record with all its chains. @param path of the leaf in its tree @param objects what hash-tree renewals hold of the leaf, in their order
 * @throws SealError SEAL-ARCHIVE-DAMAGED when one does not hold it
 */
export async function produce(
  { reader, provesUntil }: AnchoredTree,
  stamp: Stamp,
  leaf: Leaf,
  path: readonly Buffer[],
  objects: readonly RenewedObject[],
): Promise<ProducedRecord> {
  if (objects.length === 0) return direct(stamp, leaf, path);
  const { chains, last, final, xml } = await chainsOfLeaf(reader, stamp, leaf, path, objects);
  const { tsa, genTime } = stamp.first;
  return {
    der: assembleEvidenceRecord(chains),
    xml: () => xmlRecord(leaf, xml),
    leaf,
    n: stamp.n,
    tsa,
    genTime,
    provesUntil: provesUntil(last.token, last.genTime),
    final,
  };
}
