import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { TreeNodes } from '../model/archive.ts';
import type { ChainStart, CoveredChain, Renewal, RenewalKind, RenewalToken, RenewedObject } from '../model/renewal.ts';

/** What a renewal begins with. */
export interface NewRenewal {
  /** Local date: gives the name. */
  readonly date: string;
  /** UTC ms. */
  readonly at: number;
  readonly n: number;
  readonly digest: DigestAlgorithm;
  readonly layout: number;
}

/** Renewals in the database (RFC 4998 §5). Every method is one transaction. */
export interface RenewalStore {
  /** In order of `seq`. */
  renewals(query: {
    readonly id?: string;
    readonly kind?: RenewalKind;
    readonly n?: number;
    readonly states?: readonly Renewal['state'][];
  }): Promise<Renewal[]>;
  /** A timestamp renewal, sealed: leaf k (hashes concatenated) stands for chain k. */
  sealTimestampRenewal(
    renewal: NewRenewal & {
      readonly chains: readonly ChainStart[];
      readonly leaves: Buffer;
      readonly root: Buffer;
      readonly nodes: readonly TreeNodes[];
    },
  ): Promise<Renewal>;
  /** An open hash-tree renewal. One that was open for the same record number is dropped: it had proven nothing yet. */
  openHashTreeRenewal(renewal: NewRenewal): Promise<Renewal>;
  /** Puts leaves behind those of an open hash-tree renewal. @param leaves hashes, concatenated, in the order of `objects` */
  addRenewedObjects(id: string, objects: readonly Omit<RenewedObject, 'renewal' | 'position'>[], leaves: Buffer): Promise<void>;
  /** open → sealed. What was remembered of hashed files stays: a later renewal may find the other members of a group. */
  sealHashTreeRenewal(id: string, at: number, root: Buffer, nodes: readonly TreeNodes[]): Promise<Renewal>;
  /** Nodes from `first` on, concatenated; level 0: the leaves. Fewer than `count` at the end. */
  renewalNodes(id: string, level: number, first: number, count: number): Promise<Buffer>;
  /** sealed → anchored. */
  addRenewalToken(token: RenewalToken, at: number): Promise<void>;
  /** Puts fresher revocation data into a token that is not frozen. */
  replaceRenewalToken(token: RenewalToken): Promise<void>;
  renewalToken(id: string): Promise<RenewalToken | undefined>;
  /** Tokens that still wait for revocation data later than their genTime, oldest first. */
  unfrozenRenewals(): Promise<RenewalToken[]>;
  /** UTC ms: genTime and accuracy of the newest timestamp that a renewal covers, or may cover; 0 for none. */
  coveredUntil(id: string): Promise<number>;
  /** Timestamp renewals of a record number that hold a chain, in order. */
  renewalsOfChain(start: ChainStart, n: number): Promise<CoveredChain[]>;
  /** Objects of a tree, leaves `first` to `first + count - 1`, that hash-tree renewals of a record number hold; by leaf, then in order of the renewals. */
  renewedObjects(tree: string, n: number, first: number, count: number): Promise<RenewedObject[]>;
  /** How many leaves of a tree each hash-tree renewal holds, `of` how many. @param tree only of this one */
  renewedCounts(
    tree?: string,
  ): Promise<readonly { readonly renewal: string; readonly tree: string; readonly leaves: number; readonly of: number }[]>;
  /** Remembers hashes of objects that were read again: H(d) with the tree's digest → H(d) with the new one. `position`: how far reading is. */
  addRehashed(
    digest: DigestAlgorithm,
    objects: readonly { readonly hash: Buffer; readonly rehashed: Buffer }[],
    position?: { readonly key: string; readonly value: string },
  ): Promise<void>;
  /** What is remembered for these hashes, in their order. */
  rehashed(digest: DigestAlgorithm, hashes: readonly Buffer[]): Promise<(Buffer | null)[]>;
}
