import { leafPieces, nodesOfRenewal, nodesOfTree } from './paths.ts';
import { currentLayout } from './tree.ts';
import { SealError } from '../errors.ts';
import type { TreeInRows } from '../model/archive.ts';
import type { Effects } from '../ports/effects.ts';

type TileEffects = Pick<Effects, 'log' | 'store' | 'trees'>;

/**
 * Moves the hashes of closed trees, of days and of renewals, from rows of the database into tile files (docs/archive-format.md), oldest tree first.
 * A kill at any point costs nothing: files without their rows in `tile_files` are written again, bit for bit; rows that are left are removed.
 * @throws SealError SEAL-DISK-* while there is no room, SEAL-ARCHIVE-DAMAGED when the leaves do not lead to the root: nothing is removed then
 */
export async function fileTrees(fx: TileEffects, signal?: AbortSignal): Promise<void> {
  for (;;) {
    signal?.throwIfAborted();
    const [tree] = await fx.store.treesInRows(1);
    if (tree === undefined) return;
    if (!tree.filed) await writeFiles(fx, tree);
    while (await fx.store.dropRows(tree.id)) signal?.throwIfAborted();
    fx.log.info({ tree: tree.id, leaves: tree.leaves }, 'the hashes of the tree lie in tile files');
  }
}

async function writeFiles(fx: TileEffects, tree: TreeInRows): Promise<void> {
  const nodes = tree.kind === 'tree' ? nodesOfTree(fx.store, tree.id) : nodesOfRenewal(fx.store, tree.id);
  // Above the leaves all layouts of renewals are the one of trees.
  const layout = tree.kind === 'tree' ? tree.layout : currentLayout;
  const { root, leaves, files } = await fx.trees.file(leafPieces(nodes, tree.leaves), { ...tree, layout });
  if (leaves !== tree.leaves || !root.equals(tree.root))
    throw new SealError('SEAL-ARCHIVE-DAMAGED', `the leaves of ${tree.id} do not lead to its root`, {
      where: tree.id,
      hint: 'run `sealtree archive check`, restore the last backup',
    });
  await fx.store.setTiles(tree.id, files);
}
