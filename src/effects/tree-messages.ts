import type { ErrorReport } from '../errors.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';

/** What effects/trees.ts sends to workers/trees.ts; one tree at a time. Each is answered by a `TreeAnswer`, in order. */
export type TreeMessage =
  | { readonly op: 'start'; readonly digest: DigestAlgorithm; readonly layout: number; readonly index?: number; readonly keep?: KeptTree }
  | { readonly op: 'piece'; readonly leaves: Uint8Array }
  | { readonly op: 'finish' };
/** A tree whose hashes are written to tile files. */
export interface KeptTree {
  /** Of its files. */
  readonly directory: string;
  readonly leaves: number;
}

export type TreeAnswer = { readonly ok: true; readonly value?: TreeResult } | { readonly ok: false; readonly error: ErrorReport };
export interface TreeResult {
  readonly root: Uint8Array;
  readonly leaves: number;
  readonly nodes: readonly { readonly level: number; readonly hashes: Uint8Array }[];
  readonly files: readonly { readonly level: number; readonly first: number; readonly count: number; readonly sha256: Uint8Array }[];
  /** Of the leaf that `start` named. */
  readonly path?: readonly Uint8Array[];
}
