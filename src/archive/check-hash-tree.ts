import { damage, notice, orDamage, type CheckFinding } from './check-findings.ts';
import { currentLayout, keptStep, tileLeaves } from './tree.ts';
import { leafPieces, type NodePages } from './paths.ts';
import { asSealError } from '../errors.ts';
import { digestLengths, digestOf } from '../formats/digests.ts';
import { parseTimestampToken } from '../formats/tsp.ts';
import { judgeTimestamp } from '../pki/timestamps.ts';
import type { ArchiveToken, HashTree } from '../model/archive.ts';
import type { Trust } from '../pki/trust.ts';
import type { Effects } from '../ports/effects.ts';

/** Tiles of a tree that are computed a second time by foreign code. */
const foreignTiles = 4;

/** A timestamp of a tree, with its number where there may be several. */
export type NumberedToken = ArchiveToken & { readonly n?: number };

/** The tree of a day or of a renewal: what is stored of it, and what is there. */
export interface StoredTree {
  readonly tree: HashTree;
  /** Its layout is known to this version; above the leaves all known ones are the same. */
  readonly known: boolean;
  readonly nodes: NodePages;
  readonly tokens: readonly NumberedToken[];
}

/**
 * Root and kept nodes from the leaves, parts of them by foreign code as well, the timestamps over the root.
 * @param foreign whether foreign code computes, too @throws SealError SEAL-STORE-* when the database cannot be read
 */
export async function checkHashTree(
  fx: Pick<Effects, 'trees'>,
  { tree, known, nodes, tokens }: StoredTree,
  trust: Trust,
  foreign: boolean,
): Promise<CheckFinding[]> {
  const stamps = checkTokens(tree, tokens, trust);
  if (tree.root === undefined) return [...(tree.state === 'anchored' ? [damage(tree.id, 'the root is missing')] : []), ...stamps];
  if (!known) return [notice(tree.id, `layout ${tree.layout} is not known to this version`), ...stamps];
  const stamped: RootedTree = { ...tree, root: tree.root };
  return [
    ...(await checkRoot(fx, stamped, nodes, tokens.flatMap(imprintOf))),
    ...(foreign ? await orDamage(tree.id, () => checkWithForeignCode(stamped, nodes)) : []),
    ...stamps,
  ];
}

type RootedTree = HashTree & { readonly root: Buffer };

function imprintOf({ token }: ArchiveToken): Buffer[] {
  try {
    return [parseTimestampToken(token).messageImprint.value];
  } catch {
    // Said where the tokens are judged.
    return [];
  }
}

async function checkRoot(
  fx: Pick<Effects, 'trees'>,
  tree: RootedTree,
  nodes: NodePages,
  imprints: readonly Buffer[],
): Promise<CheckFinding[]> {
  return await orDamage(tree.id, async () => {
    const built = await fx.trees.build(leafPieces(nodes, tree.leaves), tree.digest, currentLayout);
    const sound = built.root.equals(tree.root);
    const found: CheckFinding[] = [];
    for (const { level, hashes } of built.nodes) {
      const at = await firstOther(level, hashes, digestLengths[tree.digest], nodes);
      if (at !== undefined) found.push(damage(tree.id, otherNode(level, at, tree.leaves, sound)));
    }
    if (sound) return found;
    if (imprints.some((imprint) => imprint.equals(built.root)))
      return [...found, damage(tree.id, 'its root is not the one that was stamped')];
    return [...found, damage(tree.id, 'its leaves do not lead to its root')];
  });
}

/** Number of the first kept node of a level that is not there or another one. */
async function firstOther(level: number, hashes: Buffer, size: number, nodes: NodePages): Promise<number | undefined> {
  const count = hashes.length / size;
  const kept = await nodes(level, 0, count);
  for (let n = 0; n < count; n++) if (!hashes.subarray(n * size, (n + 1) * size).equals(kept.subarray(n * size, (n + 1) * size))) return n;
  return undefined;
}

/** Either the node has changed, or, where the root is another one too, something below it. */
function otherNode(level: number, n: number, leaves: number, sound: boolean): string {
  if (sound) return `kept node ${n} of level ${level} is not that of its leaves`;
  const width = 2 ** level;
  return `one of its leaves ${n * width} to ${Math.min((n + 1) * width, leaves) - 1} has changed`;
}

/**
 * Parts of the tree computed by merkletreejs, which shares no line with ours: everything above the lowest kept level, and some tiles
 * below it.
 */
async function checkWithForeignCode(tree: RootedTree, nodes: NodePages): Promise<CheckFinding[]> {
  if (tree.leaves === 0) return [];
  const { MerkleTree } = await import('merkletreejs');
  const size = digestLengths[tree.digest];
  const hash = (bytes: Buffer): Buffer => digestOf(tree.digest, bytes);
  const rootOver = (hashes: Buffer): Buffer =>
    new MerkleTree(
      Array.from({ length: hashes.length / size }, (_, n) => hashes.subarray(n * size, (n + 1) * size)),
      hash,
      { sortPairs: true },
    ).getRoot();
  const tiles = Math.ceil(tree.leaves / tileLeaves);
  const tops = tiles === 1 ? tree.root : await nodes(keptStep, 0, tiles);
  const found: CheckFinding[] = [];
  if (!rootOver(tops).equals(tree.root)) found.push(damage(tree.id, 'foreign code computes another root'));
  const step = Math.max(1, Math.floor(tiles / foreignTiles));
  for (let tile = 0; tile < tiles; tile += step) {
    const leaves = await nodes(0, tile * tileLeaves, Math.min(tileLeaves, tree.leaves - tile * tileLeaves));
    if (leaves.length === 0 || !rootOver(leaves).equals(tops.subarray(tile * size, (tile + 1) * size)))
      found.push(damage(tree.id, `foreign code computes another node over the leaves from ${tile * tileLeaves} on`));
  }
  return found;
}

/** Tokens: over the root, soundly signed by an authority that is trusted, as they were written down. */
function checkTokens(tree: HashTree, tokens: readonly NumberedToken[], trust: Trust): CheckFinding[] {
  if (tree.state === 'anchored' && tokens.length === 0) return [damage(tree.id, 'its timestamp is missing')];
  return tokens.flatMap((token) => checkToken(tree, token, trust));
}

function checkToken({ id, root, digest }: HashTree, { token, n, genTime }: NumberedToken, trust: Trust): CheckFinding[] {
  const name = n === undefined ? 'its timestamp' : `timestamp ${n}`;
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
