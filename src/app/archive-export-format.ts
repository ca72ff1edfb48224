import type { ProducedRecord } from '../archive/produced-record.ts';
import type { Trust } from '../pki/trust.ts';
import type { Effects } from '../ports/effects.ts';
import type { ExportFile } from './archive-export-write.ts';
import type { Subject } from './archive-selection.ts';
import type { App } from './context.ts';

export type ExportEffects = Pick<Effects, 'clock' | 'files' | 'store'>;

/** What a format works with beside the subject. */
export interface ExportContext {
  readonly fx: ExportEffects;
  readonly config: App['config'];
  readonly trust: Trust;
  readonly out: string;
  /** One file instead of a folder. */
  readonly zip?: boolean;
}

/** A file of an export that carries a record. */
export interface RecordFile extends ExportFile {
  readonly record: ProducedRecord;
  /** Other files of the same proof, written after it, and what is named instead of the file: their folder. */
  readonly with?: readonly ExportFile[];
  readonly shown?: Buffer;
}

/** How a proof leaves the house. One file, and one line in archive-export-formats.ts, is a new format. */
export interface ExportFormat {
  /** What the file is, for the note beside it. */
  readonly title: string;
  /** How somebody without our program checks it, a sentence or two. */
  readonly check: string;
  /** It says itself until when it proves and how the renewed one is had: no note beside it. */
  readonly explainsItself?: true;
  /**
   * The files of one object. The first record is that of the first timestamp; with `timestamps: 2` there is a second one.
   * @param name below the directory of the export, without suffix
   * @throws SealError SEAL-ARCHIVE-*, SEAL-DOC-*, SEAL-INPUT-*: this object cannot be exported like that; the others are
   */
  files(context: ExportContext, name: Buffer, subject: Subject, records: readonly ProducedRecord[]): Promise<readonly RecordFile[]>;
}
