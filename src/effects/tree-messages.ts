import type { ErrorReport } from '../errors.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';

/** What effects/trees.ts sends to workers/trees.ts; one tree at a time. Each is answered by a `TreeAnswer`, in order. */
export type TreeMessage =
  | { readonly op: 'start'; readonly digest: DigestAlgorithm; readonly layout: number; readonly index?: number }
  | { readonly op: 'piece'; readonly leaves: Uint8Array }
  | { readonly op: 'finish' };
export type TreeAnswer = { readonly ok: true; readonly value?: TreeResult } | { readonly ok: false; readonly error: ErrorReport };
export interface TreeResult {
  readonly root: Uint8Array;
  readonly leaves: number;
  readonly nodes: readonly { readonly level: number; readonly hashes: Uint8Array }[];
  /** Of the leaf that `start` named. */
  readonly path?: readonly Uint8Array[];
}
