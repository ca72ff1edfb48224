import { resolve } from 'node:path';
import type { Command } from 'commander';
import { action, type GlobalOptions, type SetExit } from '../command.ts';
import { Exit } from '../exit.ts';
import { renewalCommands } from './archive-renew.ts';
import { counted } from '../terminal.ts';

interface ExportOptions extends GlobalOptions {
  readonly batch?: string;
  readonly day?: string;
  readonly out: string;
}

/** `archive close|check|due|renew|export|find` */
export function archiveCommands(program: Command, setExit: SetExit): void {
  const archive = program.command('archive').description('trees, timestamps and proofs');
  action(archive.command('close').description('close the open tree now and timestamp it'), setExit, async (session) => {
    const { terminal } = session;
    const result = await session.call('archive.close', {});
    terminal.result(result);
    if (result.trees.length === 0) terminal.print('nothing to close: no document since the last closing');
    for (const tree of result.trees) {
      const mark = tree.state === 'anchored' ? terminal.style('green', '✓') : terminal.style('yellow', '!');
      terminal.print(
        `${mark} ${tree.id}: ${counted(tree.leaves, 'leaf', 'leaves')}, ${tree.state}${tree.genTime === undefined ? '' : ` ${tree.genTime} by ${tree.tsa ?? ''}`}`,
      );
      if (tree.reason !== undefined) terminal.print(`    ${tree.reason}`);
    }
    return result.trees.every((tree) => tree.state === 'anchored') ? Exit.done : Exit.notYet;
  });
  action(
    archive.command('check').description('read everything back: rows, trees, tokens, links between days'),
    setExit,
    async (session) => {
      const { terminal } = session;
      const report = await session.call('archive.check', {});
      terminal.result(report);
      for (const { severity, where, what } of report.findings)
        terminal.print(`${severity === 'damage' ? terminal.style('red', '✗') : terminal.style('yellow', '!')} ${where}: ${what}`);
      terminal.print(
        report.sound
          ? `${terminal.style('green', '✓')} the archive is sound: ${counted(report.trees, 'tree')}, ${counted(report.leaves, 'leaf', 'leaves')}, ${counted(report.tokens, 'timestamp')}`
          : terminal.style('red', 'the archive is damaged: stop the daemon and restore the last backup'),
      );
      return report.sound ? Exit.done : Exit.invalid;
    },
  );
  renewalCommands(archive, setExit);
  action<ExportOptions>(
    archive
      .command('export [files-or-hashes...]')
      .description('evidence records (RFC 4998) of documents, given as files, as SHA256:HEX, as a batch or as a day')
      .option('--batch <id>', 'every document of a batch')
      .option('--day <date>', 'every document of the trees opened on a day, such as 2026-11-22')
      .requiredOption('--out <dir>', 'where the records go; an older record of the same name is replaced'),
    setExit,
    async (session, what, { batch, day, out }) => {
      const { terminal } = session;
      const result = await session.call('archive.export', {
        what: what.map((one) => (one.includes(':') ? one : resolve(one))),
        out: resolve(out),
        ...(batch === undefined ? {} : { batch }),
        ...(day === undefined ? {} : { day }),
      });
      terminal.result(result);
      for (const record of result.records)
        terminal.print(
          `${terminal.style('green', '✓')} ${record.file}  proven since ${record.provenSince}, proves until ${record.provesUntil}`,
        );
      for (const { what: missing, error } of result.missing) terminal.printError(error, `${terminal.style('yellow', '!')} ${missing}: `);
      const first = result.missing[0];
      if (first === undefined) return Exit.done;
      return result.records.length > 0 ? Exit.inPart : first.error.code === 'SEAL-ARCHIVE-OPEN' ? Exit.notYet : 65;
    },
  );
  action(
    archive.command('find <file-or-hash>').description('is this in the archive, and since when?'),
    setExit,
    async (session, [what = '']) => {
      const { terminal } = session;
      const found = await session.call('archive.find', { what: what.includes(':') ? what : resolve(what) });
      terminal.result(found);
      for (const one of found)
        terminal.print(
          `${one.tree}/${one.index}  ${one.kind}  ${one.state}${one.genTime === undefined ? '' : ` since ${one.genTime}`}${one.path === undefined ? '' : `  ${one.path}`}`,
        );
      if (found.length === 0) terminal.print('not in the archive');
      return found.length > 0 ? Exit.done : 65;
    },
  );
}
