import { resolve } from 'node:path';
import { Option, type Command } from 'commander';
import type { ExportResult } from '../../app/archive-export.ts';
import { exportFormats } from '../../app/archive-export-formats.ts';
import { action, date, type GlobalOptions, type SetExit } from '../command.ts';
import { Exit } from '../exit.ts';
import { counted, type Terminal } from '../terminal.ts';

interface ExportOptions extends GlobalOptions {
  readonly batch?: string;
  readonly day?: string;
  readonly all?: true;
  readonly format?: string;
  readonly zip?: true;
  readonly out: string;
}

/** Files that a terminal shows; the list beside them names all. */
const shown = 100;

/** `archive export` */
export function exportCommand(archive: Command, setExit: SetExit): void {
  action<ExportOptions>(
    archive
      .command('export [files-or-hashes...]')
      .description('proofs of documents, given as files, as SHA256:HEX, as a batch, as a day, or of everything')
      .option('--batch <id>', 'every document of a batch')
      .option('--day <date>', 'every document of the trees opened on a day, such as 2026-11-22', date)
      .option('--all', 'every document of the archive')
      .addOption(new Option('--format <format>', `what is written: ${exportFormats.join(', ')}`).default('ers'))
      .option('--zip', 'a bundle as one file instead of a folder')
      .requiredOption('--out <dir>', 'where the proofs go; an older proof of the same object is replaced, nothing else is'),
    setExit,
    async (session, what, { batch, day, all, format, zip, out }) => {
      const { terminal } = session;
      const result = await session.call('archive.export', {
        what: what.map((one) => (one.includes(':') ? one : resolve(one))),
        out: resolve(out),
        ...(batch === undefined ? {} : { batch }),
        ...(day === undefined ? {} : { day }),
        ...(all === undefined ? {} : { all }),
        ...(format === undefined ? {} : { format }),
        ...(zip === undefined ? {} : { zip }),
      });
      terminal.result(result);
      show(terminal, result);
      return exitOf(result);
    },
  );
}

function show(terminal: Terminal, { records, missing, counts, provesUntil, renewed, list }: ExportResult): void {
  for (const record of records.slice(0, shown))
    terminal.print(
      `${terminal.style('green', '✓')} ${record.file}  proven since ${record.provenSince}, proves until ${record.provesUntil}${record.state === 'written' ? '' : ` (${record.state})`}`,
    );
  const files = counts.written + counts.renewed + counts.kept;
  if (files > shown) terminal.print(`  … ${counted(files - shown, 'more file')}`);
  for (const { what, error } of missing.slice(0, shown)) terminal.printError(error, `${terminal.style('yellow', '!')} ${what}: `);
  if (counts.missing > shown) terminal.print(`  … ${counted(counts.missing - shown, 'more object')} without proof`);
  if (list !== undefined) terminal.print(`${counted(files, 'file')}, ${counts.missing} missing; all are named in ${list}`);
  if (list !== undefined && provesUntil !== undefined) terminal.print(`all of them prove until ${provesUntil}`);
  if (files > 0) terminal.hint(renewed, '  ');
}

function exitOf({ missing: [first], counts: { written, renewed, kept } }: ExportResult): number {
  if (first === undefined) return Exit.done;
  return written + renewed + kept > 0 ? Exit.inPart : first.error.code === 'SEAL-ARCHIVE-OPEN' ? Exit.notYet : 65;
}
