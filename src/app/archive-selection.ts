import { leavesOfDocument } from '../archive/evidence.ts';
import { SealError } from '../errors.ts';
import { baseName, displayName, joinPath } from '../formats/names.ts';
import type { Leaf, Tree } from '../model/archive.ts';
import type { Batch, BatchDocument } from '../model/batch.ts';
import type { Effects } from '../ports/effects.ts';
import { leavesOf } from './archive-objects.ts';
import { mustFind } from './batches.ts';

/** What is to be exported: files and hashes, a batch, the trees of a day, or everything. */
export interface Selection {
  /** Absolute paths, or `SHA256:HEX`. */
  readonly what: readonly string[];
  readonly batch?: string;
  /** Local date: every tree that was opened on it. */
  readonly day?: string;
  readonly all?: boolean;
}

/** An object whose proof is wanted. */
export interface Subject {
  readonly leaf: Leaf;
  /** The document it belongs to, and its batch; absent where only a hash is known. */
  readonly document?: BatchDocument;
  readonly batch?: Batch;
  /** The file that was named; absolute. */
  readonly file?: string;
}

/** One of the selection, and where it goes below `out`, without the suffix of the format. */
export interface Wanted {
  readonly what: string;
  readonly name: Buffer;
  readonly subject: () => Promise<Subject>;
  /** How far this is; absent where it is one after the other. */
  readonly position?: { readonly done: number; readonly total: number };
}

type SelectionEffects = Pick<Effects, 'files' | 'store'>;

const pageDocuments = 500;
const pageLeaves = 4096;

/**
 * Everything that is selected, in pages, in the order in which the archive took it: `a.pdf` of a file, the path below it of a batch, of a day
 * and of everything root and batch before it. Two batches that went to the same place at different times: the later one's number is added.
 * @throws SealError SEAL-USAGE when nothing is selected, SEAL-BATCH-UNKNOWN, SEAL-ARCHIVE-UNKNOWN for a day without trees
 */
export async function* selected(fx: SelectionEffects, { what, batch, day, all }: Selection): AsyncGenerator<readonly Wanted[]> {
  if (what.length === 0 && batch === undefined && day === undefined && all !== true)
    throw new SealError('SEAL-USAGE', 'nothing to export', { hint: 'name files or hashes, or give --batch ID, --day DATE or --all' });
  if (what.length > 0) yield what.map((one) => named(fx, one));
  if (batch !== undefined) yield* documentsOf(fx, await mustFind(fx.store, batch), Buffer.alloc(0));
  if (day !== undefined || all === true) yield* documentsOfTrees(fx, await treesOf(fx, all === true ? undefined : day));
}

function named(fx: SelectionEffects, what: string): Wanted {
  const hash = what.includes(':');
  return {
    what: displayName(what),
    name: hash ? Buffer.from(what.replace(':', '-')) : baseName(Buffer.from(what)),
    subject: async () => {
      const leaf = first(await leavesOf(fx, what));
      const document = leaf.document === undefined ? undefined : await fx.store.document(leaf.document);
      const batch = leaf.batch === undefined ? undefined : await fx.store.batch(leaf.batch);
      return {
        leaf,
        ...(document === undefined ? {} : { document }),
        ...(batch === undefined ? {} : { batch }),
        ...(hash ? {} : { file: what }),
      };
    },
  };
}

/** @param trees only documents with a leaf in one of these; absent: all */
async function* documentsOf(
  fx: SelectionEffects,
  batch: Batch,
  below: Buffer,
  trees?: ReadonlySet<string>,
): AsyncGenerator<readonly Wanted[]> {
  let done = 0;
  for (let afterSeq = -1; ;) {
    const page = await fx.store.documents(batch.id, { afterSeq, limit: pageDocuments, omit: ['bytes', 'report'] });
    const last = page.at(-1);
    if (last === undefined) return;
    done += page.length;
    const position = trees === undefined ? { position: { done, total: batch.documents } } : {};
    yield page
      .filter(({ state, leaves }) => state !== 'failed' && (trees === undefined || leaves?.some(({ tree }) => trees.has(tree)) === true))
      .map((document) => {
        const name = joinPath(below, document.relPath);
        return {
          what: displayName(name),
          name,
          subject: async () => ({ leaf: deliveredLeaf(document, await leavesOfDocument(fx, document.id)), document, batch }),
          ...position,
        };
      });
    afterSeq = last.seq;
  }
}

/** What a recipient holds: the signed file, the group of document and signature, or the unsigned document. */
function deliveredLeaf(document: BatchDocument, leaves: readonly Leaf[]): Leaf {
  const wanted = leaves.find((leaf) => leaf.kind === 'output' || leaf.kind === 'group') ?? first(leaves);
  if (document.signature !== undefined && wanted.kind === 'document')
    throw new SealError('SEAL-INTERNAL', 'a signed document has no leaf of its output', { where: displayName(document.relPath) });
  return wanted;
}

function first(leaves: readonly Leaf[]): Leaf {
  const [leaf] = leaves;
  if (leaf === undefined) throw new SealError('SEAL-ARCHIVE-UNKNOWN', 'no leaf was found', { hint: 'run “sealtree archive check”' });
  return leaf;
}

async function treesOf(fx: SelectionEffects, day: string | undefined): Promise<Tree[]> {
  const trees = (await fx.store.trees({})).filter((tree) => day === undefined || tree.id.startsWith(`${day}.`));
  if (trees.length === 0)
    throw new SealError('SEAL-ARCHIVE-UNKNOWN', day === undefined ? 'the archive is empty' : `no tree was opened on ${day}`, {
      hint: day === undefined ? 'a batch gets there when it is signed' : 'a day is written 2026-11-22, in the archive’s time zone',
    });
  return trees;
}

async function* documentsOfTrees(fx: SelectionEffects, trees: readonly Tree[]): AsyncGenerator<readonly Wanted[]> {
  const ids = new Set(trees.flatMap(({ id, state }) => (state === 'anchored' ? [id] : [])));
  const total = trees.reduce((sum, { leaves }) => sum + leaves, 0);
  const places = new Map<string, string>();
  const seen = new Set<string>();
  let before = 0;
  for (const tree of trees) {
    if (tree.state !== 'anchored') yield [notYet(tree)];
    for (let after = -1; tree.state === 'anchored';) {
      const page = await fx.store.leavesPage(tree.id, after, pageLeaves);
      const last = page.at(-1);
      if (last === undefined) break;
      after = last.index;
      for (const id of new Set(page.flatMap((leaf) => leaf.batch ?? []))) {
        if (seen.has(id)) continue;
        seen.add(id);
        const batch = await mustFind(fx.store, id);
        const position = { done: before + last.index + 1, total };
        for await (const documents of documentsOf(fx, batch, placeOf(batch, places), ids))
          yield documents.map((one) => ({ ...one, position }));
      }
    }
    before += tree.leaves;
  }
}

/** One line for a whole tree that has no timestamp yet. */
function notYet({ id, state, leaves }: Tree): Wanted {
  const error = new SealError('SEAL-ARCHIVE-OPEN', `the tree is ${state}, there is no timestamp yet`, {
    where: id,
    hint: state === 'open' ? 'wait for the daily closing or run `archive close`' : '“status” tells why no authority gave a timestamp',
  });
  return { what: `tree ${id} with ${leaves} leaves`, name: Buffer.from(id), subject: () => Promise.reject(error) };
}

/** Root and path of a batch; with its number where an earlier batch went to the same place. */
function placeOf({ id, root, outPath }: Batch, places: Map<string, string>): Buffer {
  const place = joinPath(root, outPath);
  const key = place.toString('latin1');
  const owner = places.get(key) ?? id;
  places.set(key, owner);
  return owner === id ? place : Buffer.concat([place, Buffer.from(`~${id}`)]);
}
