import type { Tree } from '../model/archive.ts';
import type { Effects } from '../ports/effects.ts';

/** Trees in order of `seq`, a page at a time: what is asked about the trees of a page shares the store's transactions. */
export async function* treePages(
  { store }: Pick<Effects, 'store'>,
  query: { readonly states?: readonly Tree['state'][] } = {},
): AsyncGenerator<readonly Tree[]> {
  const limit = 256;
  for (let afterSeq = 0; ;) {
    const trees = await store.trees({ ...query, afterSeq, limit });
    const last = trees.at(-1);
    if (last === undefined) return;
    yield trees;
    if (trees.length < limit) return;
    afterSeq = last.seq;
  }
}
