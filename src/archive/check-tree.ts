import { damage, notice, type CheckFinding } from './check-findings.ts';
import { materialBlobs } from './material-blobs.ts';
import { leafPieces, nodesOfTree } from './paths.ts';
import { currentLayout, keptStep, tileLeaves } from './tree.ts';
import { asSealError } from '../errors.ts';
import { digestLengths, digestOf, sha256 } from '../formats/digests.ts';
import { hashList } from '../formats/ers-hash.ts';
import { parseTimestampToken } from '../formats/tsp.ts';
import { judgeTimestamp } from '../pki/timestamps.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { Leaf, Tree, TreeToken } from '../model/archive.ts';
import type { Trust } from '../pki/trust.ts';
import type { Effects } from '../ports/effects.ts';

type CheckEffects = Pick<Effects, 'store' | 'trees'>;

/** Rows read at once. */
const pageLeaves = 4096;
/** Tiles of a tree that are computed a second time by foreign code. */
const foreignTiles = 4;

/** Rows of a tree in order: each present once, each hash that of its members. Material of batches is read and hashed again. */
export async function checkRows(
  fx: CheckEffects,
  tree: Tree,
  onLeaves: (count: number) => void,
  onLeaf: (leaf: Leaf) => void,
): Promise<CheckFinding[]> {
  const found: CheckFinding[] = [];
  let next = 0;
  while (next < tree.leaves) {
    const page = await fx.store.leavesPage(tree.id, next - 1, pageLeaves);
    if (page.length === 0) return [...found, damage(tree.id, `leaves from ${next} on are missing`)];
    const from = next;
    for (const leaf of page) {
      if (leaf.index > next) found.push(damage(tree.id, `leaf ${next} is missing`));
      next = leaf.index + 1;
      if (!hashList(leaf.members, tree.digest).equals(leaf.hash))
        found.push(damage(tree.id, `leaf ${leaf.index} is not the hash of its members`));
      if (leaf.kind === 'batch-material') found.push(...(await checkMaterial(fx, leaf, tree.digest)));
      onLeaf(leaf);
    }
    onLeaves(next - from);
  }
  return found;
}

/** Certificates, revocation data and reports of a batch: there, unchanged, and those that were hashed. */
async function checkMaterial(fx: CheckEffects, leaf: Leaf, digest: DigestAlgorithm): Promise<CheckFinding[]> {
  if (leaf.batch === undefined) return [damage(leaf.tree, `leaf ${leaf.index} is material of no batch`)];
  const { batch } = leaf;
  const found: CheckFinding[] = [];
  const hashes = new Set<string>();
  for await (const { kind, sha256: name, bytes } of materialBlobs(fx, batch)) {
    if (!sha256(bytes).equals(name)) found.push(damage(batch, `${kind} ${name.toString('hex')} has changed`));
    hashes.add(digestOf(digest, bytes).toString('latin1'));
  }
  const missing = leaf.members.filter((member) => !hashes.has(member.toString('latin1')));
  return [
    ...found,
    ...(missing.length > 0 ? [damage(batch, `${missing.length} of ${leaf.members.length} pieces of its material are missing`)] : []),
  ];
}

/** The root and the kept nodes, computed once more from the leaf hashes. */
export async function checkRoot(fx: CheckEffects, tree: Tree): Promise<CheckFinding[]> {
  if (tree.root === undefined) return tree.state === 'anchored' ? [damage(tree.id, 'the root is missing')] : [];
  if (tree.layout !== currentLayout) return [notice(tree.id, `layout ${tree.layout} is not known to this version`)];
  const { root } = tree;
  try {
    const built = await fx.trees.build(leafPieces(nodesOfTree(fx.store, tree.id), tree.leaves), tree.digest, tree.layout);
    const found = built.root.equals(root) ? [] : [damage(tree.id, 'its leaves do not lead to its root')];
    const size = digestLengths[tree.digest];
    for (const { level, hashes } of built.nodes) {
      const kept = await fx.store.nodes(tree.id, level, 0, hashes.length / size);
      if (!kept.equals(hashes)) found.push(damage(tree.id, `kept nodes of level ${level} are not those of its leaves`));
    }
    return found;
  } catch (thrown) {
    const { code, message } = asSealError(thrown);
    if (code === 'SEAL-STORE-CORRUPT' || code === 'SEAL-INTERNAL') return [damage(tree.id, message)];
    throw thrown;
  }
}

/**
 * Parts of the tree computed by merkletreejs, which shares no line with ours: everything above the lowest kept level, and some tiles
 * below it.
 */
export async function checkWithForeignCode(fx: CheckEffects, tree: Tree): Promise<CheckFinding[]> {
  if (tree.root === undefined || tree.leaves === 0) return [];
  const { MerkleTree } = await import('merkletreejs');
  const size = digestLengths[tree.digest];
  const hash = (bytes: Buffer): Buffer => digestOf(tree.digest, bytes);
  const rootOver = (nodes: Buffer): Buffer =>
    new MerkleTree(
      Array.from({ length: nodes.length / size }, (_, n) => nodes.subarray(n * size, (n + 1) * size)),
      hash,
      { sortPairs: true },
    ).getRoot();
  const tiles = Math.ceil(tree.leaves / tileLeaves);
  const tops = tiles === 1 ? tree.root : await fx.store.nodes(tree.id, keptStep, 0, tiles);
  const found: CheckFinding[] = [];
  if (!rootOver(tops).equals(tree.root)) found.push(damage(tree.id, 'foreign code computes another root'));
  const step = Math.max(1, Math.floor(tiles / foreignTiles));
  for (let tile = 0; tile < tiles; tile += step) {
    const leaves = await fx.store.leafHashes(tree.id, tile * tileLeaves, tileLeaves);
    if (leaves.length === 0 || !rootOver(leaves).equals(tops.subarray(tile * size, (tile + 1) * size)))
      found.push(damage(tree.id, `foreign code computes another node over the leaves from ${tile * tileLeaves} on`));
  }
  return found;
}

/** Tokens: over the root, soundly signed by an authority that is trusted, as they were written down. */
export function checkTokens(tree: Tree, tokens: readonly TreeToken[], trust: Trust): CheckFinding[] {
  if (tree.state === 'anchored' && tokens.length === 0) return [damage(tree.id, 'its timestamp is missing')];
  return tokens.flatMap((token) => checkToken(tree, token, trust));
}

function checkToken({ id, root, digest }: Tree, { token, n, genTime }: TreeToken, trust: Trust): CheckFinding[] {
  const name = `timestamp ${n}`;
  try {
    const parsed = parseTimestampToken(token);
    const { report } = judgeTimestamp(parsed, {
      kind: 'evidence-record',
      trust,
      at: parsed.genTime,
      imprint: (algorithm) => (algorithm === digest ? root : undefined),
    });
    const errors = report.errors.join('; ');
    return [
      ...(parsed.genTime === genTime ? [] : [damage(id, `${name} is of another time than was written down`)]),
      ...(report.intact && report.valid && report.indication !== 'FAILED' ? [] : [damage(id, `${name} does not hold: ${errors}`)]),
      ...(report.indication === 'INDETERMINATE' && report.intact && report.valid ? [notice(id, `${name}: ${errors}`)] : []),
    ];
  } catch (thrown) {
    return [damage(id, `${name} cannot be read: ${asSealError(thrown).message}`)];
  }
}
