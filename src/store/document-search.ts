import { baseName } from '../formats/names.ts';
import { nameMatcher } from '../formats/globs.ts';
import { leavesByDocument, type ReferencesOf } from './leaf-references.ts';
import { present } from './rows.ts';
import type { Connection } from './database.ts';
import type { Methods } from './methods.ts';
import type { FormatName, Level } from '../model/signature.ts';
import type { DocumentSearch } from '../ports/archive-store.ts';

interface Row {
  readonly document: number;
  readonly batch: string;
  readonly root: string;
  readonly rel_path: Buffer;
  readonly size: number;
  readonly sha256: Buffer | null;
  readonly claimed_at: number;
  readonly key: string | null;
  readonly certificate: Buffer | null;
  readonly format: FormatName | null;
  readonly level: Level | null;
  readonly output_name: Buffer | null;
}

/** Documents looked at in one transaction: a fraction of a second. */
const window = 250_000;

interface Range {
  readonly first: number | null;
  readonly last: number | null;
}

/**
 * Looks through documents in the order of their numbers, which is that in which batches were copied. Without an index of its own: names,
 * keys and certificates would cost every document on its way in what few searches gain; ten million rows take 1.3 s of processor time. Batch and
 * dates narrow the rows that are looked at to a stretch.
 */
export function documentSearch({ db }: Connection, referencesOf: ReferencesOf): Pick<Methods, 'searchDocuments'> {
  const all = db.prepare<[], Range>('SELECT (SELECT min(id) FROM documents) AS first, (SELECT max(id) FROM documents) AS last');
  // Documents of a batch are written in the order of seq.
  const ends = `SELECT min((SELECT id FROM documents WHERE batch = b.n ORDER BY seq LIMIT 1)) AS first,
    max((SELECT id FROM documents WHERE batch = b.n ORDER BY seq DESC LIMIT 1)) AS last FROM batches AS b`;
  const ofBatch = db.prepare<[string], Range>(`${ends} WHERE b.id = ?`);
  const ofDates = db.prepare<[number, number], Range>(`${ends} WHERE b.claimed_at >= ? AND b.claimed_at < ?`);
  const find = db.prepare<object, Row>(`
    SELECT d.id AS document, b.id AS batch, b.root, d.rel_path, d.size, d.sha256, b.claimed_at, k.name AS key, s.certificate, s.format, s.level,
      s.output_name
    FROM documents AS d CROSS JOIN batches AS b ON b.n = d.batch
    LEFT JOIN signatures AS s ON s.document = d.id LEFT JOIN keys AS k ON k.n = s.key
    WHERE d.id > @after AND d.id <= @until AND d.state <> 'failed'
      AND (@name IS NULL OR CAST(d.rel_path AS TEXT) GLOB @name OR CAST(d.rel_path AS TEXT) GLOB '*/' || @name)
      AND (@key IS NULL OR k.name = @key) AND (@certificate IS NULL OR s.certificate = @certificate)
      AND (@batch IS NULL OR b.id = @batch) AND b.claimed_at >= @from AND b.claimed_at < @to
    ORDER BY d.id`);

  const rangeOf = ({ batch, from, to }: DocumentSearch): Range => {
    const range =
      batch !== undefined ? ofBatch.get(batch) : from !== undefined || to !== undefined ? ofDates.get(from ?? 0, to ?? latest) : all.get();
    return range ?? { first: null, last: null };
  };

  return {
    searchDocuments: (search, after, limit) => {
      const { first, last } = rangeOf(search);
      const start = Math.max(after, (first ?? 0) - 1);
      const until = Math.min(start + window, last ?? start);
      const { name, key = null, certificate = null, batch = null, from = 0, to = latest } = search;
      const fits = name === undefined ? () => true : named(name);
      const found = [];
      let scanned = until;
      for (const row of find.iterate({
        after: start,
        until,
        name: name === undefined ? null : globOf(name),
        key,
        certificate,
        batch,
        from,
        to,
      })) {
        if (!fits(row.rel_path)) continue;
        const leaves = leavesByDocument(referencesOf(row.document, row.document)).get(row.document) ?? [];
        if (leaves.length === 0) continue;
        const { document, root, rel_path: relPath, size, claimed_at: claimedAt, output_name: outputName, sha256, format, level } = row;
        const own = present({ sha256, key: row.key, certificate: row.certificate, format, level, outputName });
        found.push({ document, batch: row.batch, root, relPath, size, claimedAt, leaves, ...own });
        if (found.length === limit) {
          scanned = document;
          break;
        }
      }
      return { found, scanned, last: last ?? scanned };
    },
  };
}

const latest = Number.MAX_SAFE_INTEGER;

/** SQLite's pattern: a bracket stands for itself. */
function globOf(pattern: string): string {
  return pattern.replaceAll('[', '[[]');
}

/** A pattern with `/` is for the path below the batch, one without for the last name in it. */
function named(pattern: string): (relPath: Buffer) => boolean {
  const matches = nameMatcher(pattern);
  return (relPath) => matches(pattern.includes('/') ? relPath : baseName(relPath));
}
