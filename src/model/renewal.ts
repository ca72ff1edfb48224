import type { DigestAlgorithm } from './algorithms.ts';
import type { TreeState } from './archive.ts';

/** RFC 4998 §5: `timestamps` covers earlier timestamps (§5.2), `hash-tree` covers objects hashed anew and their earlier chains (§5.3). */
export type RenewalKind = 'timestamps' | 'hash-tree';

/** A renewal: a tree of its own that one timestamp closes. */
export interface Renewal {
  /** `2031-03-01.r1`: local date and a number. */
  readonly id: string;
  /** Order of all renewals, from 1: a chain holds the renewals in this order. */
  readonly seq: number;
  readonly kind: RenewalKind;
  /** Which of the independent records it renews: 1, or 2 with `timestamps: 2`. */
  readonly n: number;
  readonly state: TreeState;
  readonly digest: DigestAlgorithm;
  /** Version of tree layout and record encoder. */
  readonly layout: number;
  /** UTC ms. */
  readonly openedAt: number;
  readonly sealedAt?: number;
  readonly anchoredAt?: number;
  readonly leaves: number;
  readonly root?: Buffer;
}

/** The timestamp over a renewal. */
export interface RenewalToken {
  readonly renewal: string;
  readonly tsa: string;
  /** DER TimeStampToken with certificates and revocation data embedded. */
  readonly token: Buffer;
  /** UTC ms. */
  readonly genTime: number;
  /** ms */
  readonly accuracy: number;
  /** Revocation data later than genTime is in; the token never changes again (evidence-records 15). */
  readonly frozen: boolean;
}

/** What a chain of archive timestamps begins with: the timestamp of a tree, or that of a hash-tree renewal. */
export type ChainStart = { readonly tree: string } | { readonly renewal: string };

/** Where a timestamp renewal holds a chain. */
export interface CoveredChain {
  readonly renewal: string;
  readonly leaf: number;
}

/** An object of a tree that a hash-tree renewal holds. */
export interface RenewedObject {
  readonly renewal: string;
  readonly tree: string;
  /** Its leaf in the tree. */
  readonly index: number;
  /** Its leaf in the renewal. */
  readonly position: number;
  /** H(d) of each member with the renewal's digest, in the order of the leaf's members. */
  readonly members: readonly Buffer[];
}
