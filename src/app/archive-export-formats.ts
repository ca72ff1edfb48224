import type { ProducedRecord } from '../archive/evidence.ts';
import { SealError } from '../errors.ts';
import { parseEvidenceRecord, recordLimits } from '../formats/ers.ts';
import type { Effects } from '../ports/effects.ts';
import type { ExportFile, Recognition } from './archive-export-write.ts';
import type { Subject } from './archive-selection.ts';
import type { App } from './context.ts';

export type ExportEffects = Pick<Effects, 'clock' | 'files' | 'store'>;

/** What a format works with beside the subject. */
export interface ExportContext {
  readonly fx: ExportEffects;
  readonly config: App['config'];
  readonly out: string;
}

/** One file of an export that carries a record. */
export interface RecordFile extends ExportFile {
  readonly record: ProducedRecord;
}

/** How a proof leaves the house. One file and one line here is a new format. */
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

/** `x.ers`, `x.2.ers`: of independent records the first has no number. */
export function recordName(name: Buffer, { n }: Pick<ProducedRecord, 'n'>, suffix: string): Buffer {
  return Buffer.concat([name, Buffer.from(n === 1 ? suffix : `.${n}${suffix}`)]);
}

const ers: ExportFormat = {
  title: 'evidence record, RFC 4998, DER',
  check:
    'Any RFC 4998 validator checks it, such as “sealtree verify FILE --evidence RECORD” or EU DSS with the record as detached evidence record.',
  files: (_, name, { leaf }, records) =>
    Promise.resolve(
      records.map((record) => ({ name: recordName(name, record, '.ers'), content: record.der, record, ours: earlierRecord(leaf.members) })),
    ),
};

/** Whether a file is an evidence record of the object with these hashes: an earlier one, from before a renewal. */
function earlierRecord(members: readonly Buffer[]): Recognition {
  const wanted = members.map((member) => member.toString('hex')).sort();
  return {
    bytes: recordLimits.size,
    test: (bytes) => {
      try {
        const hashes = parseEvidenceRecord(bytes).chains[0]?.timestamps[0]?.reducedHashtree?.[0] ?? [];
        return (
          hashes
            .map((hash) => hash.toString('hex'))
            .sort()
            .join() === wanted.join()
        );
      } catch {
        return false;
      }
    },
  };
}

const formats: Readonly<Record<string, ExportFormat>> = { ers };

/** Names of the formats, the default first. */
export const exportFormats: readonly string[] = Object.keys(formats);

/** @throws SealError SEAL-USAGE for a format that there is not */
export function exportFormat(name: string): ExportFormat {
  const format = Object.hasOwn(formats, name) ? formats[name] : undefined;
  if (format !== undefined) return format;
  throw new SealError('SEAL-USAGE', `no export format is called “${name}”`, { hint: `there is ${exportFormats.join(', ')}` });
}
