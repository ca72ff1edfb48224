import type { DigestAlgorithm } from './algorithms.ts';

export type TreeState = 'open' | 'sealed' | 'anchored';

/** A hash tree that one root stands for: of a day, or of a renewal. */
export interface HashTree {
  readonly id: string;
  /** Order of all of its kind, from 1. */
  readonly seq: number;
  readonly state: TreeState;
  readonly digest: DigestAlgorithm;
  /** Version of tree layout and record encoder: ha of a renewal hashes the record bit for bit. */
  readonly layout: number;
  /** UTC ms. */
  readonly openedAt: number;
  readonly sealedAt?: number;
  readonly anchoredAt?: number;
  readonly leaves: number;
  readonly root?: Buffer;
}

/** The tree of a day, or of a part of one. */
export interface Tree extends HashTree {
  /** `2026-11-22.1`: local date of its opening in the archive's time zone, and a number. */
  readonly id: string;
}

/** What a leaf stands for; decides nothing about its hash. */
export type LeafKind = 'document' | 'output' | 'group' | 'batch-material' | 'previous-token' | 'audit-head';

/** A leaf to be appended. A group's leaf is computed from its members (RFC 4998 §4.2; evidence-records 1). */
export interface NewLeaf {
  readonly kind: LeafKind;
  /** H(object) for each member; one member: the leaf is this hash itself. */
  readonly members: readonly Buffer[];
  readonly document?: number;
  readonly batch?: string;
}

export interface Leaf {
  readonly tree: string;
  readonly index: number;
  readonly kind: LeafKind;
  readonly hash: Buffer;
  readonly members: readonly Buffer[];
  readonly document?: number;
  readonly batch?: string;
}

/** All inner nodes of one level of a tree, concatenated in index order; the leaves are level 0. */
export interface TreeNodes {
  readonly level: number;
  readonly hashes: Buffer;
}

/** A tile file: neighbouring nodes of one level of a closed tree (docs/archive-format.md). It never changes. */
export interface TileFile {
  readonly level: number;
  /** Number of its first node in the level, and how many it holds. */
  readonly first: number;
  readonly count: number;
  /** Of the whole file. */
  readonly sha256: Buffer;
}

/** A closed tree, of a day or of a renewal, whose hashes still lie in rows of the database. */
export interface TreeInRows {
  readonly kind: 'tree' | 'renewal';
  readonly id: string;
  readonly digest: DigestAlgorithm;
  readonly layout: number;
  readonly leaves: number;
  readonly root: Buffer;
  /** Its tile files are written; only the rows must go. */
  readonly filed: boolean;
}

/** A timestamp over a root. */
export interface ArchiveToken {
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

/** A timestamp over a sealed tree; `n` from 1 (`timestamps: 2` keeps two). */
export interface TreeToken extends ArchiveToken {
  readonly tree: string;
  readonly n: number;
}

/** Certificates, CRLs, OCSP answers, reports: kept once, found by hash. */
export interface Blob {
  readonly sha256: Buffer;
  readonly kind: 'certificate' | 'crl' | 'ocsp' | 'report' | 'semaphore';
  readonly bytes: Buffer;
}

export interface AuditRow {
  readonly seq: number;
  /** UTC ms. */
  readonly at: number;
  readonly actor: string;
  readonly action: string;
  readonly details: Readonly<Record<string, unknown>>;
  /** SHA-256 over the previous row's hash and this row. */
  readonly hash: Buffer;
}
