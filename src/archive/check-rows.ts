import { damage, type CheckFinding } from './check-findings.ts';
import { materialBlobs } from './material-blobs.ts';
import { asSealError } from '../errors.ts';
import { digestOf, sha256 } from '../formats/digests.ts';
import { hashList } from '../formats/ers-hash.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { Leaf, Tree } from '../model/archive.ts';
import type { Effects } from '../ports/effects.ts';

type CheckEffects = Pick<Effects, 'store'>;

/** Rows read at once. */
const pageLeaves = 4096;

/** Rows of a tree in order: each present once, each hash that of its members. Material of batches is read and hashed again. */
export async function checkRows(
  fx: CheckEffects,
  tree: Tree,
  onLeaves: (count: number, tree: string) => void,
  onLeaf: (leaf: Leaf) => void,
): Promise<CheckFinding[]> {
  const found: CheckFinding[] = [];
  let next = 0;
  while (next < tree.leaves) {
    const page = await pageOf(fx, tree, next);
    if (!Array.isArray(page)) return [...found, page];
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
    onLeaves(next - from, tree.id);
  }
  return found;
}

/** The next rows, or what is wrong with them. */
async function pageOf({ store }: CheckEffects, { id }: Tree, from: number): Promise<Leaf[] | CheckFinding> {
  try {
    return await store.leavesPage(id, from - 1, pageLeaves);
  } catch (thrown) {
    const { code, message } = asSealError(thrown);
    if (code === 'SEAL-STORE-CORRUPT') return damage(id, `leaves from ${from} on: ${message}`);
    throw thrown;
  }
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
