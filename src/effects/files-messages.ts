import type { CrossingError } from './files-errors.ts';
import type { FileJob, FileJobResult } from './files-jobs.ts';

/** What effects/files-pool.ts sends to workers/hashing.ts: jobs that came in one go, or the end of one. */
export type FileRequest =
  | { readonly op: 'run'; readonly jobs: readonly { readonly id: number; readonly job: FileJob }[] }
  | { readonly op: 'drop'; readonly id: number };

/** Answers in any order; those that are ready together travel together. */
export type FileAnswer =
  | { readonly id: number; readonly ok: true; readonly result: FileJobResult }
  | { readonly id: number; readonly ok: false; readonly error: CrossingError };
