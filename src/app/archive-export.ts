import { RecordMaker } from '../archive/evidence.ts';
import type { ProducedRecord } from '../archive/produced-record.ts';
import { asSealError, SealError } from '../errors.ts';
import { displayName, joinPath } from '../formats/names.ts';
import type { Trust } from '../pki/trust.ts';
import type { ExportContext, ExportFormat, RecordFile } from './archive-export-format.ts';
import { exportFormat } from './archive-export-formats.ts';
import {
  exportNote,
  listHead,
  listLine,
  ourList,
  ourNote,
  renewalNote,
  type ExportedRecord,
  type MissingExport,
} from './archive-export-notes.ts';
import { ExportTally } from './archive-export-tally.ts';
import { writeExport, type WrittenState } from './archive-export-write.ts';
import { selected, type Selection, type Wanted } from './archive-selection.ts';
import { mustFind } from './batches.ts';
import type { Call } from './context.ts';
import { isoTime } from './views.ts';

export interface ExportArgs extends Selection {
  readonly out: string;
  /** `ers` by default. */
  readonly format?: string;
  /** Of a bundle: one file instead of a folder. */
  readonly zip?: boolean;
}

/** What was exported; of a large selection the first of each, and all of them in `list`. */
export interface ExportResult {
  readonly format: string;
  readonly records: readonly ExportedRecord[];
  readonly missing: readonly MissingExport[];
  readonly counts: ExportTally['counts'];
  /** The earliest of all. */
  readonly provesUntil?: string;
  /** How the renewed proof is had. */
  readonly renewed: string;
  /** JSON lines, one a file, of a batch, a day or everything. */
  readonly list?: string;
}

/** What became of one object. */
interface Outcome {
  readonly records: readonly ExportedRecord[];
  readonly missing?: MissingExport;
}

const parallel = 8;

/**
 * `archive export`: proofs in one of the formats, below `out` under relative paths. Safe to repeat: what is there is left alone, what was
 * renewed meanwhile is replaced, nothing foreign is overwritten. A note says until when they prove and how the renewed ones are had; of a
 * batch, a day or everything a list (JSON lines) names every file.
 * @throws SealError SEAL-USAGE, SEAL-BATCH-UNKNOWN, SEAL-ARCHIVE-UNKNOWN, SEAL-DISK-*; what concerns one object alone is in `missing`
 */
export async function exportRecords(
  given: Omit<ExportContext, 'out' | 'trust' | 'zip'>,
  trust: Trust,
  args: ExportArgs,
  call: Pick<Call, 'progress' | 'signal'>,
): Promise<ExportResult> {
  const context = { ...given, trust, out: args.out, zip: args.zip === true };
  const { fx } = context;
  const selection = args.batch === undefined ? args : { ...args, batch: (await mustFind(fx.store, args.batch)).id };
  const { format: name = 'ers', out } = args;
  const format = exportFormat(name);
  if (args.zip === true && name !== 'bundle')
    throw new SealError('SEAL-USAGE', `--zip is for proof bundles, not for ${name}`, { hint: 'leave it out, or add --format bundle' });
  const command = commandOf(selection, name);
  const tally = new ExportTally();
  const list = listName(selection);
  const outcomes = exported(context, selection, { format, note: list === undefined ? command : undefined }, call);
  if (list === undefined) for await (const outcome of outcomes) tally.add(outcome);
  else {
    const lines = listed(outcomes, tally, listHead(list, name, command));
    await writeExport(fx, out, { name: Buffer.from(`${list}.jsonl`), content: lines, ours: ourList });
    const note = exportNote(list, format, tally.facts, command);
    await writeExport(fx, out, { name: Buffer.from(`${list}.txt`), content: note, ours: ourNote });
  }
  const { records, missing, counts, provesUntil } = tally;
  return {
    format: name,
    records,
    missing,
    counts,
    ...(provesUntil === undefined ? {} : { provesUntil }),
    renewed: renewalNote(command),
    ...(list === undefined ? {} : { list: displayName(joinPath(out, `${list}.jsonl`)) }),
  };
}

/** Undefined for files and hashes: there each has a note of its own. */
function listName({ batch, day, all }: Selection): string | undefined {
  return all === true ? 'archive' : day !== undefined ? `day-${day}` : batch === undefined ? undefined : `batch-${batch}`;
}

function commandOf({ what, batch, day, all, zip, out }: ExportArgs, format: string): string {
  const which = [
    ...what,
    ...(batch === undefined ? [] : ['--batch', batch]),
    ...(day === undefined ? [] : ['--day', day]),
    ...(all === true ? ['--all'] : []),
  ];
  return [
    'sealtree archive export',
    ...which,
    ...(format === 'ers' ? [] : ['--format', format]),
    ...(zip === true ? ['--zip'] : []),
    '--out',
    out,
  ]
    .map(displayName)
    .join(' ');
}

async function* exported(
  context: ExportContext,
  selection: Selection,
  manner: Manner,
  { progress, signal }: Pick<Call, 'progress' | 'signal'>,
): AsyncGenerator<Outcome> {
  const maker = new RecordMaker(context.fx, context.trust);
  let done = 0;
  for await (const page of selected(context.fx, selection)) {
    for (let at = 0; at < page.length;) {
      signal.throwIfAborted();
      const some = apart(page.slice(at, at + parallel));
      at += some.length;
      yield* await Promise.all(some.map(async (wanted) => await exportOne(context, maker, manner, wanted)));
      done += some.length;
      progress({ what: 'proofs', ...(some.at(-1)?.position ?? { done }) });
    }
  }
}

/** Those in front that go to different places, on any file system: of two for one place the second must see what the first has written. */
function apart(page: readonly Wanted[]): readonly Wanted[] {
  const places = page.map(({ name }) => name.toString().toLowerCase());
  const end = places.findIndex((place, at) => places.indexOf(place) < at);
  return end < 0 ? page : page.slice(0, end);
}

interface Manner {
  readonly format: ExportFormat;
  /** The command that gives the renewed proof: each file gets a note with it. Undefined: one note for all. */
  readonly note: string | undefined;
}

async function exportOne(context: ExportContext, maker: RecordMaker, { format, note }: Manner, wanted: Wanted): Promise<Outcome> {
  const { fx, out } = context;
  try {
    const subject = await wanted.subject();
    const records: ExportedRecord[] = [];
    for (const file of await format.files(context, wanted.name, subject, await maker.records(subject.leaf))) {
      const { leaf, tsa, final } = file.record;
      const times = timesOf(file.record);
      const state = await writeAll(context, file);
      records.push({ file: displayName(joinPath(out, file.shown ?? file.name)), tree: leaf.tree, tsa, ...times, final, state });
      if (note === undefined || format.explainsItself === true) continue;
      const content = exportNote(displayName(file.name), format, { files: 1, missing: 0, ...times }, note);
      await writeExport(fx, out, { name: Buffer.concat([file.name, Buffer.from('.txt')]), content, ours: ourNote });
    }
    return { records };
  } catch (thrown) {
    const error = asSealError(thrown);
    if (!ofThisDocument(error)) throw error;
    return { records: [], missing: { what: wanted.what, error: error.toJSON() } };
  }
}

/** A file with those that belong to it. */
async function writeAll({ fx, out }: ExportContext, file: RecordFile): Promise<WrittenState> {
  let state = await writeExport(fx, out, file);
  for (const other of file.with ?? []) if ((await writeExport(fx, out, other)) !== 'kept' && state === 'kept') state = 'renewed';
  return state;
}

function timesOf({ genTime, provesUntil }: ProducedRecord): Pick<ExportedRecord, 'provenSince' | 'provesUntil'> {
  return { provenSince: isoTime(genTime), provesUntil: Number.isFinite(provesUntil) ? isoTime(provesUntil) : 'no end is known' };
}

/** Whether the others may be exported all the same: a full disk or a directory that is not writable concerns them as well. */
function ofThisDocument({ code }: SealError): boolean {
  return (
    code.startsWith('SEAL-ARCHIVE-') ||
    code === 'SEAL-INPUT-MISSING' ||
    code === 'SEAL-DOC-TYPE' ||
    code === 'SEAL-DOC-NAME' ||
    code === 'SEAL-DOC-HASH'
  );
}

async function* listed(outcomes: AsyncIterable<Outcome>, tally: ExportTally, head: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(head);
  for await (const outcome of outcomes) {
    tally.add(outcome);
    for (const line of [...outcome.records, ...(outcome.missing === undefined ? [] : [outcome.missing])]) yield Buffer.from(listLine(line));
  }
}
