import { leavesOfDocument, recordsOfLeaf, type ProducedRecord } from '../archive/evidence.ts';
import { asSealError, errnoOf, SealError, type ErrorReport } from '../errors.ts';
import { baseName, directoryName, displayName, joinPath } from '../formats/names.ts';
import type { Trust } from '../pki/trust.ts';
import type { Batch, BatchDocument } from '../model/batch.ts';
import type { Leaf } from '../model/archive.ts';
import type { Effects } from '../ports/effects.ts';
import { leavesOf } from './archive-objects.ts';
import { mustFind } from './batches.ts';
import type { Call } from './context.ts';
import { isoTime } from './views.ts';

export interface ExportArgs {
  /** Absolute paths, or `SHA256:HEX`. */
  readonly what: readonly string[];
  readonly batch?: string;
  /** Local date: every tree that was opened on it. */
  readonly day?: string;
  readonly out: string;
}

export interface ExportedRecord {
  readonly file: string;
  readonly tree: string;
  readonly tsa: string;
  readonly provenSince: string;
  /** If nobody renews the timestamp. A renewed record comes from the same command, run again. */
  readonly provesUntil: string;
  /** False until the timestamp has its final revocation data: the record is valid, but not yet the same bit for bit. */
  readonly final: boolean;
}

export interface ExportResult {
  readonly records: readonly ExportedRecord[];
  readonly missing: readonly { readonly what: string; readonly error: ErrorReport }[];
}

type ExportEffects = Pick<Effects, 'clock' | 'files' | 'store'>;

/** One document whose record is wanted, and where it goes below `out` (without `.ers`). */
interface Wanted {
  readonly what: string;
  readonly name: Buffer;
  readonly leaf: () => Promise<Leaf>;
}

/**
 * `archive export`: RFC 4998 evidence records as `<relative path>.ers` (DER); of a file its name, of a batch the path below it, of a day
 * root and batch before it. With two timestamps a tree, the second record is `.2.ers`. An existing file is replaced: the newest record counts.
 */
export async function exportRecords(
  fx: ExportEffects,
  trust: Trust,
  args: ExportArgs,
  call: Pick<Call, 'progress' | 'signal'>,
): Promise<ExportResult> {
  if (args.what.length === 0 && args.batch === undefined && args.day === undefined)
    throw new SealError('SEAL-USAGE', 'nothing to export', { hint: 'name files or hashes, or give --batch ID or --day DATE' });
  const records: ExportedRecord[] = [];
  const missing: { what: string; error: ErrorReport }[] = [];
  for await (const wanted of wantedOf(fx, args)) {
    call.signal.throwIfAborted();
    try {
      const produced = await recordsOfLeaf(fx, trust, await wanted.leaf());
      for (const record of produced) records.push(await write(fx, args.out, wanted.name, record));
    } catch (thrown) {
      const error = asSealError(thrown);
      if (!ofThisDocument(error)) throw error;
      missing.push({ what: wanted.what, error: error.toJSON() });
    }
    call.progress({ what: 'evidence records', done: records.length + missing.length });
  }
  return { records, missing };
}

/** Whether the others may be exported all the same: a full disk or a directory that is not writable concerns them as well. */
function ofThisDocument({ code }: SealError): boolean {
  return code.startsWith('SEAL-ARCHIVE-') || code === 'SEAL-INPUT-MISSING' || code === 'SEAL-DOC-TYPE' || code === 'SEAL-DOC-NAME';
}

async function* wantedOf(fx: ExportEffects, args: ExportArgs): AsyncGenerator<Wanted> {
  for (const what of args.what)
    yield {
      what,
      name: what.includes(':') ? Buffer.from(what.replace(':', '-')) : baseName(Buffer.from(what)),
      leaf: async () => first(await leavesOf(fx, what)),
    };
  if (args.batch !== undefined) yield* documentsOf(fx, await mustFind(fx.store, args.batch), Buffer.alloc(0));
  if (args.day !== undefined) yield* documentsOfDay(fx, args.day);
}

async function* documentsOf(fx: ExportEffects, batch: Batch, below: Buffer): AsyncGenerator<Wanted> {
  for (let afterSeq = -1; ;) {
    const page = await fx.store.documents(batch.id, { afterSeq, limit: 500 });
    for (const document of page) {
      if (document.state === 'failed') continue;
      const name = joinPath(below, document.relPath);
      yield { what: displayName(name), name, leaf: async () => deliveredLeaf(document, await leavesOfDocument(fx, document.id)) };
    }
    const last = page.at(-1);
    if (last === undefined) return;
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

async function* documentsOfDay(fx: ExportEffects, day: string): AsyncGenerator<Wanted> {
  const trees = (await fx.store.trees({})).filter((tree) => tree.id.startsWith(`${day}.`));
  if (trees.length === 0)
    throw new SealError('SEAL-ARCHIVE-UNKNOWN', `no tree was opened on ${day}`, {
      hint: 'a day is written 2026-11-22, in the archive’s time zone',
    });
  const seen = new Set<string>();
  for (const tree of trees) {
    for (let after = -1; ;) {
      const page = await fx.store.leavesPage(tree.id, after, 1000);
      for (const { batch } of page) {
        if (batch === undefined || seen.has(batch)) continue;
        seen.add(batch);
        const found = await mustFind(fx.store, batch);
        yield* documentsOf(fx, found, joinPath(found.root, found.outPath));
      }
      const last = page.at(-1);
      if (last === undefined) break;
      after = last.index;
    }
  }
}

/** Too long with `.ers`, or a file stands where a directory must be. */
const impossibleNames: ReadonlySet<string> = new Set(['ENAMETOOLONG', 'ENOTDIR', 'EEXIST', 'EISDIR']);

async function write(fx: ExportEffects, out: string, name: Buffer, record: ProducedRecord): Promise<ExportedRecord> {
  const file = joinPath(out, Buffer.concat([name, Buffer.from(record.n === 1 ? '.ers' : `.${record.n}.ers`)]));
  try {
    await fx.files.makeDirectory(directoryName(file));
    await fx.files.writeDurable(file, record.der);
  } catch (thrown) {
    if (!impossibleNames.has(errnoOf(thrown) ?? '')) throw thrown;
    throw new SealError('SEAL-DOC-NAME', 'the record cannot have this name', {
      where: displayName(file),
      hint: 'export it by its digest, SHA256:HEX, which becomes the name',
      cause: thrown,
    });
  }
  return {
    file: displayName(file),
    tree: record.leaf.tree,
    tsa: record.tsa,
    provenSince: isoTime(record.genTime),
    provesUntil: Number.isFinite(record.provesUntil) ? isoTime(record.provesUntil) : 'no end is known',
    final: record.final,
  };
}
