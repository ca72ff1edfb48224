import { jsonText } from '../formats/json-text.ts';
import type { ErrorReport } from '../errors.ts';
import type { ExportFormat } from './archive-export-format.ts';
import type { Recognition } from './archive-export-write.ts';

/** What is said about each file of an export, on the terminal, in JSON, and in the note beside it. */
export interface ExportedRecord {
  /** Absolute. */
  readonly file: string;
  readonly tree: string;
  readonly tsa: string;
  readonly provenSince: string;
  /** If nobody renews the timestamp. A renewed record comes from the same command, run again. */
  readonly provesUntil: string;
  /** False until the timestamp has its final revocation data: the record is valid, but not yet the same bit for bit. */
  readonly final: boolean;
  /** `kept`: these bytes were there already. `renewed`: an earlier export of the same object was replaced. */
  readonly state: 'written' | 'renewed' | 'kept';
}

export interface MissingExport {
  readonly what: string;
  readonly error: ErrorReport;
}

/** First words of a note and of a list: what begins with them is ours and may be replaced. */
const noteMark = 'Sealtree proof';
const listMark = '{"sealtree":"export"';

export const ourNote: Recognition = { bytes: 64, test: (start) => start.length === 0 || start.toString('latin1').startsWith(noteMark) };
export const ourList: Recognition = { bytes: 64, test: (start) => start.length === 0 || start.toString('latin1').startsWith(listMark) };

/** How a proof is had again after the archive has renewed it. */
export function renewalNote(command: string): string {
  return `The archive renews its timestamps before they end. The renewed proof comes from the same command: ${command}`;
}

/**
 * The note beside exported files, for whoever finds them without us.
 * @param name of the file or the selection @param command gives the renewed proof
 */
export function exportNote(name: string, format: ExportFormat, facts: ExportFacts, command: string): Buffer {
  const { provenSince, provesUntil, files, missing } = facts;
  const lines = [
    `${noteMark}: ${name}`,
    '',
    `What it is: ${format.title}${files === 1 ? '' : `, ${files} files`}. It shows that the document existed, unchanged, when a timestamp authority signed the time.`,
    ...(provenSince === undefined ? [] : [`Proven since: ${provenSince}${files === 1 ? '' : ' (the latest of them)'}`]),
    ...(provesUntil === undefined ? [] : [`Proves until: ${provesUntil}${files === 1 ? '' : ' (the earliest of them)'}`]),
    renewalNote(command),
    'Whoever does not run the archive asks its keeper for the renewed proof and names the hash of the document.',
    ...(missing > 0 ? [`Not exported: ${missing}; the list beside this note says which and why.`] : []),
    `How to check it: ${format.check}`,
    '',
  ];
  return Buffer.from(lines.join('\n'));
}

/** Ends of the time that all files of an export prove. */
export interface ExportFacts {
  readonly files: number;
  readonly missing: number;
  readonly provenSince?: string | undefined;
  readonly provesUntil?: string | undefined;
}

/** First line of the list of an export; each further one is an `ExportedRecord` or a `MissingExport`. */
export function listHead(selection: string, format: string, command: string): string {
  return `${listMark},${jsonText({ selection, format, renewed: command }).slice(1)}\n`;
}

/** @returns one line of the list */
export function listLine(item: ExportedRecord | MissingExport): string {
  // What happened this time is left out: an export that changed nothing has the same list.
  return `${jsonText({ ...item, state: undefined })}\n`;
}
