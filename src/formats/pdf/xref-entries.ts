import type { Dictionary } from './objects.ts';

/** Where an object is (ISO 32000-2 §7.5.4, §7.5.8.3). */
export type Location =
  | { readonly kind: 'free' }
  | { readonly kind: 'plain'; readonly offset: number; readonly generation: number }
  | { readonly kind: 'packed'; readonly container: number; readonly index: number };

/** Numbers `first` … `first + count − 1`. */
export interface Run {
  readonly first: number;
  readonly count: number;
}

/** The run that a number belongs to. @param sorted by `first`, without overlap */
export function runOf<R extends Run>(sorted: readonly R[], number: number): R | undefined {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const run = sorted[middle];
    if (run === undefined || run.first + run.count > number) high = middle;
    else low = middle + 1;
  }
  const run = sorted[low];
  return run !== undefined && run.first <= number ? run : undefined;
}

/** One cross-reference section with its trailer: what one update of the file says about its objects. */
export interface Section {
  readonly kind: 'table' | 'stream';
  /** Of the section in the file: what startxref and /Prev name. */
  readonly offset: number;
  /** Trailer dictionary, or the dictionary of the cross-reference stream. */
  readonly trailer: Dictionary;
  readonly runs: readonly Run[];
  /** Object number of the cross-reference stream itself. */
  readonly number?: number;
  /** Undefined when the section does not speak of this object. */
  locate(number: number): Location | undefined;
}
