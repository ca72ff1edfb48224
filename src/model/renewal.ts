import type { ArchiveToken, HashTree } from './archive.ts';

/** RFC 4998 §5: `timestamps` covers earlier timestamps (§5.2), `hash-tree` covers objects hashed anew and their earlier chains (§5.3). */
export type RenewalKind = 'timestamps' | 'hash-tree';

/** A renewal: a tree of its own that one timestamp closes. A chain holds the renewals in their order. */
export interface Renewal extends HashTree {
  /** `2031-03-01.r1`: local date and a number. */
  readonly id: string;
  readonly kind: RenewalKind;
  /** Which of the independent records it renews: 1, or 2 with `timestamps: 2`. */
  readonly n: number;
}

/** The timestamp over a renewal. */
export interface RenewalToken extends ArchiveToken {
  readonly renewal: string;
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
