import type { ExportedRecord, ExportFacts, MissingExport } from './archive-export-notes.ts';

/** Lines that a result holds of each kind; a list beside the files holds all. */
const shown = 1000;

/** Counts what an export made, and remembers the first of it: a day of a million must fit. */
export class ExportTally {
  readonly counts = { written: 0, renewed: 0, kept: 0, missing: 0 };
  readonly records: ExportedRecord[] = [];
  readonly missing: MissingExport[] = [];
  /** The earliest of all; undefined while no end is known. */
  provesUntil: string | undefined;
  /** The latest of all. */
  provenSince: string | undefined;

  add({ records, missing }: { readonly records: readonly ExportedRecord[]; readonly missing?: MissingExport }): void {
    for (const record of records) {
      this.counts[record.state]++;
      if (this.records.length < shown) this.records.push(record);
      const { provesUntil, provenSince } = record;
      // ISO 8601 times sort as text; “no end is known” behind all of them.
      if (this.provesUntil === undefined || provesUntil < this.provesUntil) this.provesUntil = provesUntil;
      if (this.provenSince === undefined || provenSince > this.provenSince) this.provenSince = provenSince;
    }
    if (missing === undefined) return;
    this.counts.missing++;
    if (this.missing.length < shown) this.missing.push(missing);
  }

  /** For the note beside the files. */
  get facts(): ExportFacts {
    const { written, renewed, kept, missing } = this.counts;
    return { files: written + renewed + kept, missing, provenSince: this.provenSince, provesUntil: this.provesUntil };
  }
}
