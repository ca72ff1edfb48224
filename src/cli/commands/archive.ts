import type { Command } from 'commander';
import { action, type GlobalOptions, type SetExit } from '../command.ts';
import { Exit } from '../exit.ts';
import { exportCommand } from './archive-export.ts';
import { findCommand } from './archive-find.ts';
import { renewalCommands } from './archive-renew.ts';
import { counted } from '../terminal.ts';

interface CheckOptions extends GlobalOptions {
  readonly resume?: boolean;
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
  action<CheckOptions>(
    archive
      .command('check')
      .description('read everything back: rows, trees, renewals, tokens, links between days')
      .option('--resume', 'go on where an interrupted check stood'),
    setExit,
    async (session, _, { resume }) => {
      const { terminal } = session;
      const report = await session.call('archive.check', resume === true ? { resume } : {});
      terminal.result(report);
      for (const { severity, where, what } of report.findings)
        terminal.print(`${severity === 'damage' ? terminal.style('red', '✗') : terminal.style('yellow', '!')} ${where}: ${what}`);
      if (report.resumedBehind !== undefined) terminal.print(`up to ${report.resumedBehind} an earlier check has read it`);
      terminal.print(
        report.sound
          ? `${terminal.style('green', '✓')} the archive is sound: ${counted(report.trees, 'tree')}, ${report.renewals === 0 ? '' : `${counted(report.renewals, 'renewal')}, `}${counted(report.leaves, 'leaf', 'leaves')}, ${counted(report.tokens, 'timestamp')}`
          : terminal.style('red', 'the archive is damaged: stop the daemon and restore the last backup'),
      );
      return report.sound ? Exit.done : Exit.invalid;
    },
  );
  renewalCommands(archive, setExit);
  exportCommand(archive, setExit);
  findCommand(archive, setExit);
}
