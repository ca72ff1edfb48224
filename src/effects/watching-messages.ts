import type { CrossingError } from './files-errors.ts';
import type { SweepReport, TreeSnapshot, WatchedTree } from '../ports/watching.ts';

/** What effects/watching.ts asks workers/watching.ts. Byte strings travel as latin1. */
export type WatchRequest =
  | { readonly op: 'open'; readonly id: number; readonly key: number; readonly tree: WatchedTree & { readonly incoming: string } }
  | { readonly op: 'sweep'; readonly id: number; readonly key: number }
  | { readonly op: 'close'; readonly id: number; readonly key: number }
  | { readonly op: 'snapshot'; readonly id: number; readonly directory: string; readonly names?: number };

export type WatchMessage =
  | { readonly kind: 'answer'; readonly id: number; readonly report?: SweepReport; readonly snapshot?: TreeSnapshot }
  | { readonly kind: 'error'; readonly id: number; readonly error: CrossingError }
  | { readonly kind: 'hint'; readonly key: number; readonly relPath: string; readonly semaphore: string };
